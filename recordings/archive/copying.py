"""Archive one recording: ask for it, download, inspect, store and verify it, and only then mark it archived."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

from django.utils.translation import gettext as _

from recordings import storage
from recordings.archive.fetching import check_space, fetch, look
from recordings.archive.outcomes import (
    AccountPausedError,
    AudioGoneError,
    CopyFailedError,
    LeaseLostError,
    NotReadyError,
    Outcome,
    Result,
    after_failing,
    when_ready,
)
from recordings.archive.reinspection import keep_waveform
from recordings.choices import RecordingStatus
from recordings.clock import Clock
from recordings.lease import LEASE_RENEWER, Lease
from recordings.mirror import ACCOUNT_ERRORS, FetchStatus, fetch_recording
from recordings.models import Recording
from recordings.models.recording.transitions import ArchivedFile
from recordings.provider import client_for, explain
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import NotConnectedError, RateLimitError, VobizError
from recordings.vobiz.objects import RecordingObject

logger = logging.getLogger(__name__)

JUST_PAUSED = timedelta(seconds=30)  # those taken with the one that met it are no probes
ASIDE = timedelta(minutes=2)  # so that the next probe is of another recording


def archive_leased(
    pk: int,
    *,
    by: str,
    clock: Clock,
    client: VobizClient | None = None,
    may_go_on: Callable[[], None] = lambda: None,
) -> Outcome:
    """Archive a recording whose lease `by` already holds, and release the lease. Errors end in an Outcome.

    `may_go_on` is called before each block is written; it raises to stop the download.
    """
    recording = Recording.objects.select_related("account", "call").filter(pk=pk).first()
    if recording is None:
        return Outcome(Result.TAKEN)
    try:
        with LEASE_RENEWER.renewing(lambda: recording.renew(by)) as lease:
            return _Copying(recording, by, clock, _unless_lost(lease, may_go_on)).run(client)
    finally:
        recording.release(by)


def _unless_lost(lease: Lease, may_go_on: Callable[[], None]) -> Callable[[], None]:
    def check() -> None:
        if lease.lost:
            raise LeaseLostError
        may_go_on()

    return check


class _Copying:
    def __init__(self, recording: Recording, by: str, clock: Clock, may_go_on: Callable[[], None]) -> None:
        self.recording = recording
        self.by = by
        self.clock = clock
        self.may_go_on = may_go_on
        self.was_paused = recording.account.archive_pause is not None
        since = recording.account.archive_paused_at
        self.is_probe = since is not None and clock.now() - since >= JUST_PAUSED

    def run(self, client: VobizClient | None) -> Outcome:
        """Make the attempt and store its outcome. Leave a row alone whose lease has passed to another worker."""
        recording, by, now = self.recording, self.by, self.clock.now
        try:
            return self._archive(client)
        except LeaseLostError:
            return Outcome(Result.TAKEN)
        except AudioGoneError as gone:
            known = recording.mark_deleted_at_vobiz(by, now=now(), error=str(gone), is_listed=gone.is_listed)
            return Outcome(Result.GONE if known else Result.TAKEN, str(gone))
        except NotReadyError as early:
            ended_at = recording.ended_at or recording.happened_at
            recording.reschedule_archive(by, until=when_ready(now=now(), ended_at=ended_at), error=str(early))
            return Outcome(Result.NOT_READY, str(early))
        except CopyFailedError as failed:
            return self._failed(failed)
        except storage.StorageError as error:
            return self._paused(AccountPausedError(str(error), may_be_its_own=not error.no_space))
        except NotConnectedError as error:
            return self._paused(AccountPausedError(explain(error, recording.account)))
        except AccountPausedError as paused:
            return self._paused(paused)
        except Exception as error:  # it must not stand in the way of all others
            logger.exception("Recording %s could not be archived", recording.pk)
            return self._failed(CopyFailedError(_("Unexpected: %s.") % type(error).__name__))

    def _failed(self, failed: CopyFailedError) -> Outcome:
        recording, now = self.recording, self.clock.now()
        until = after_failing(recording.archive_tries + 1, now=now, leaves_at=recording.retention_ends_at)
        recording.record_archive_failure(
            self.by, until=until, error=str(failed), body=failed.body, same_bodies=failed.same_bodies
        )
        return Outcome(Result.FAILED, str(failed))

    def _paused(self, paused: AccountPausedError) -> Outcome:
        """Open the account's circuit without counting a failed attempt.

        If the account was resumed since and only this recording fails again, the failure is its own.
        """
        recording, now, words = self.recording, self.clock.now(), str(paused)
        if paused.may_be_its_own:
            if recording.archive_error == words and not self.was_paused:
                return self._failed(CopyFailedError(words))
            # the first time it may be anything; a probe that fails gives way to another recording
            until = now + ASIDE if self.is_probe else now
            recording.reschedule_archive(self.by, until=until, error=words)
        recording.account.open_archive_circuit(words, now=now)
        return Outcome(Result.PAUSED, words)

    def _archive(self, client: VobizClient | None) -> Outcome:
        check_space()
        if (size := self._adopt()) is not None:
            return Outcome(Result.ARCHIVED, size=size)
        opened = nullcontext(client) if client is not None else client_for(self.recording.account)
        with opened as asking, storage.staging_file() as part:
            seen = self._read_back(asking)
            copy = fetch(
                self.recording, seen, asking, part.file, may_go_on=self.may_go_on, now=self.clock.now()
            )
            self.may_go_on()
            if not self.recording.begin_upload(self.by, name=copy.name, sha256=copy.sha256):
                raise LeaseLostError
            with self._deleted_if_not_archived(copy.name):
                storage.archive().keep(part.path, copy.name)
                _verify(copy)
                self._keep(copy)
            self._draw(copy)
        return Outcome(Result.ARCHIVED, size=copy.size)

    def _adopt(self) -> int | None:
        """Adopt the file that a killed worker had stored already; return its size, None without one."""
        name = self.recording.coming_audio
        if name is None:
            return None
        try:
            with storage.local_file(name) as file:
                found = look(file, name, self.recording)
                if found is None or found.sha256 != self.recording.coming_sha256:
                    self._delete(name)
                    return None
                self._keep(found)
                self._draw(found)
                return found.size
        except storage.AudioMissingError:
            return None
        except storage.AccessDeniedError as error:  # what cannot be read cannot be adopted; it may be absent
            logger.warning("Whether %s is in the archive is not known: %s", name, error)
            return None

    @contextmanager
    def _deleted_if_not_archived(self, name: str) -> Iterator[None]:
        """Delete the file if it is not what was written, or if another worker has the row.

        After any other error the row may refer to it, or the next attempt adopts it.
        """
        try:
            yield
        except (LeaseLostError, storage.StorageError):
            try:
                self._delete(name)
            except storage.StorageError as error:  # verify_archive lists it as orphaned
                logger.warning("%s is in the archive and no row tells of it: %s", name, error)
            raise

    def _delete(self, name: str) -> None:
        """Delete the file, unless a row refers to it: another worker may have adopted it."""
        if self.recording.abandon_upload(self.by, name):
            storage.archive().delete(name)

    def _draw(self, copy: ArchivedFile) -> None:
        """Store the waveform of the archived file. If that fails, the inspection sweep does it later."""
        try:
            keep_waveform(self.recording, copy.audio)
        except Exception:
            logger.exception("Recording %s is archived and has no waveform yet", self.recording.pk)

    def _keep(self, copy: ArchivedFile) -> None:
        if not self.recording.mark_archived(self.by, copy, now=self.clock.now()):
            raise LeaseLostError
        if self.was_paused:  # what began before a pause says nothing of it
            self.recording.account.close_archive_circuit()

    def _read_back(self, client: VobizClient) -> RecordingObject:
        """Fetch the recording again and store its new URL and facts in the row."""
        recording = self.recording
        account = recording.account
        if recording.recording_id is None:
            raise NotReadyError(_("Vobiz has not told its id yet."))
        try:
            result = fetch_recording(
                account, recording.recording_id, client=client, now=self.clock.now(), known=recording
            )
        except ACCOUNT_ERRORS as error:
            its_own = not isinstance(error, RateLimitError)  # such as a 500 for this one, again and again
            raise AccountPausedError(explain(error, account), may_be_its_own=its_own) from error
        except VobizError as error:
            raise CopyFailedError(explain(error, account)) from error
        if result.status == FetchStatus.NOT_YET:
            raise NotReadyError(_("A callback named it, and Vobiz's API does not know it yet."))
        if result.seen is None:
            raise AudioGoneError(_("Vobiz deleted the audio."), is_listed=False)
        if result.failure is not None:
            raise CopyFailedError(result.failure)
        try:
            recording.refresh_from_db()
        except Recording.DoesNotExist:
            raise LeaseLostError from None
        if recording.status != RecordingStatus.COMPLETED:
            raise NotReadyError(_("The recording has not ended yet, according to Vobiz's API."))
        return result.seen


def _verify(copy: ArchivedFile) -> None:
    """Read the stored file back and compare its SHA-256."""
    digest, size = hashlib.sha256(), storage.archive().size(copy.name)
    for block in storage.archive().read_range(copy.name, 0, size):
        digest.update(block)
    if size != copy.size or digest.hexdigest() != copy.sha256:
        raise storage.StorageError(_("What the archive gave back is not what was written to it."))
