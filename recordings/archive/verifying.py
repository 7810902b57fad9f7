"""Verify the archive: read every file again and compare its SHA-256.

A missing or altered copy counts as not archived, and is downloaded again while Vobiz has it. The row keeps the name
and the SHA-256, so that a file restored from a backup is recognised.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings import storage
from recordings.choices import CORRUPT_COPY_REASONS, Attention
from recordings.clock import Clock
from recordings.lease import LEASE_RENEWER, Lease
from recordings.models import Account, Recording

logger = logging.getLogger(__name__)

AT_ONCE = 500  # rows, and names, looked up at a time
UNREADABLE_IN_A_ROW = 3  # after which it is the storage that cannot be read, not the files
# More than both missing in one run: that is a disk which is not mounted, or the wrong bucket. Nothing is marked then.
MANY_MISSING, MISSING_SHARE = 50, 20  # files, and one in so many of those looked at
SPOILT_SHARE = 10  # of a slice, one file in so many is a copy known to be spoilt
UNKNOWN_AFTER = timedelta(hours=1)  # a younger file without a row may be about to get one
WHY = {
    Attention.AUDIO_MISSING: gettext_lazy("Our copy is no longer in the archive."),
    Attention.AUDIO_ALTERED: gettext_lazy(
        "Our copy is not what was archived: its size or its SHA-256 differs."
    ),
}


@dataclass(slots=True)
class Report:
    """What a run found, by Auth ID in `accounts`. Other threads read it for progress while it grows.

    `unread`: files that the storage could not give. `bytes` were read. `stopped`: why it ended early.
    """

    accounts: dict[str, Counter[str]] = field(default_factory=dict)
    unread: int = 0
    bytes: int = 0
    stopped: str | None = None
    last_failure: str = ""

    def count(self, account: Account, what: str) -> None:
        """Count one file."""
        self.accounts.setdefault(account.auth_id, Counter())[what] += 1

    def total(self, what: str) -> int:
        """Return the sum over all accounts."""
        return sum(counts[what] for counts in self.accounts.values())

    @property
    def looked_at(self) -> int:
        """Number of files checked, found or not."""
        return self.total("verified") + self.total("missing") + self.total("altered") + self.unread


Progress = Callable[[Report], None]


def verify(
    accounts: Collection[Account],
    *,
    by: str,
    now: datetime,
    limit: int | None = None,
    within: timedelta | None = None,
    mark_many: bool = False,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Report:
    """Verify the archived audio of these accounts, longest unverified first: at most `limit` files, for `within`.

    `by`: who has the leases. `mark_many`: also where so many are missing that the storage is in doubt.
    """
    run = _Verifying(tuple(accounts), by, Clock(now), stop or threading.Event())
    run.look(limit=limit, until=None if within is None else now + within, progress=progress)
    run.mark_missing(mark_many=mark_many)
    return run.report


def unknown_files(*, now: datetime) -> Iterator[str]:
    """Return names of archived files without a row. Nothing deletes them: they may be the only copy."""
    names = iter(storage.archive().names())
    while batch := list(islice(names, AT_ONCE)):
        known = set(Recording.objects.filter(audio__in=batch).values_list("audio", flat=True))
        for name in batch:
            if name not in known and _is_old(name, now):
                yield name


def _is_old(name: str, now: datetime) -> bool:
    try:
        return storage.archive().written_at(name) < now - UNKNOWN_AFTER
    except storage.AudioMissingError:  # deleted meanwhile
        return False


def _turned(pks: list[int], by: int) -> list[int]:
    """Return `pks` rotated by `by` places."""
    at = by % len(pks) if pks else 0
    return pks[at:] + pks[:at]


class _Verifying:
    def __init__(self, accounts: tuple[Account, ...], by: str, clock: Clock, stop: threading.Event) -> None:
        self.accounts = accounts
        self.by = by
        self.clock = clock
        self.stop = stop
        self.report = Report()
        self._missing: list[int] = []
        self._unread_in_a_row = 0

    def look(self, *, limit: int | None, until: datetime | None, progress: Progress | None) -> None:
        """Verify one file after another."""
        for pk in islice(self._due(limit), limit):
            if self.stop.is_set() or (until is not None and self.clock.now() >= until):
                return
            self._look_at(pk)
            if progress is not None:
                progress(self.report)
            if self._unread_in_a_row >= UNREADABLE_IN_A_ROW:
                self.report.stopped = self.report.last_failure
                return

    def mark_missing(self, *, mark_many: bool) -> None:
        """Mark the missing copies, unless there are so many that the storage itself must be at fault."""
        many = len(self._missing) > max(MANY_MISSING, self.report.looked_at // MISSING_SHARE)
        if many and not mark_many:
            self.report.stopped = _(
                "%(missing)d of %(all)d files are missing: is the archive's disk mounted, is it the right bucket? "
                "None was marked."
            ) % {"missing": len(self._missing), "all": self.report.looked_at}
            return
        try:
            for pk in self._missing:
                with self._leased(pk) as found:
                    if found is not None and self._state(*found) == Attention.AUDIO_MISSING:
                        self._spoilt(found[0], Attention.AUDIO_MISSING)
        except storage.StorageError as error:  # then what was missing before may be there after all
            logger.warning("What is missing could not be looked at again: %s", error)
            self.report.stopped = str(error)

    def _due(self, limit: int | None) -> Iterator[int]:
        """Yield a few copies known to be damaged (they may be back), the others by oldest check, then the rest.

        Which few it is changes from day to day, so that each has its turn.
        """
        rows = Recording.objects.filter(account__in=self.accounts)
        spoilt = list(rows.with_corrupt_copy().order_by("pk").values_list("pk", flat=True))
        few = len(spoilt) if limit is None else min(max(1, limit // SPOILT_SHARE), limit - 1)
        spoilt = _turned(spoilt, self.clock.began.toordinal() * few)
        yield from spoilt[:few]
        never = rows.filter(archived_at__isnull=False, verified_at=None)
        yield from list(never.order_by().values_list("pk", flat=True))
        after: tuple[int, datetime] | None = None
        while batch := list(rows.due_for_verification(self.clock.began, after=after)[:AT_ONCE]):
            yield from (pk for pk, _checked_at in batch)
            after = batch[-1]
        yield from spoilt[few:]

    def _look_at(self, pk: int) -> None:
        with self._leased(pk) as found:
            if found is None:
                return
            recording, lease = found
            try:
                state = self._state(recording, lease)
            except storage.StorageError as error:
                self.report.unread += 1
                self._unread_in_a_row += 1
                self.report.last_failure = str(error)
                logger.warning("%s could not be read: %s", recording.audio, error)
                return
            self._unread_in_a_row = 0
            if lease.lost:
                return
            self._note(recording, state)

    def _note(self, recording: Recording, state: Attention | None) -> None:
        account = recording.account
        if state is None:
            if recording.mark_verified(self.by, now=self.clock.now()):
                self.report.count(account, "verified")
        elif recording.archived_at is None and recording.needs_attention not in CORRUPT_COPY_REASONS:
            return  # a person has seen it, or its copy was never finished
        elif state == Attention.AUDIO_MISSING:
            self.report.count(account, "missing")
            if recording.archived_at is not None:
                self._missing.append(recording.pk)
        else:
            self.report.count(account, "altered")
            self._spoilt(recording, state)

    def _spoilt(self, recording: Recording, state: Attention) -> None:
        if recording.archived_at is not None and recording.mark_corrupt(self.by, state, why=str(WHY[state])):
            logger.error("Recording %s: %s (%s)", recording.recording_id, WHY[state], recording.audio)

    @contextmanager
    def _leased(self, pk: int) -> Iterator[tuple[Recording, Lease] | None]:
        """Yield the leased row; None if another worker holds it, or it has no copy any more."""
        copied = Recording.objects.filter(pk=pk, audio__isnull=False)
        if not copied.lease(self.by, limit=1):
            yield None
            return
        recording = copied.select_related("account").first()
        if recording is None:  # it has just become part of another row
            yield None
            return
        try:
            with LEASE_RENEWER.renewing(lambda: recording.renew(self.by)) as lease:
                yield recording, lease
        finally:
            recording.release(self.by)

    def _state(self, recording: Recording, lease: Lease) -> Attention | None:
        """Return the fault of the copy. Raise StorageError if the storage does not answer."""
        name, size = str(recording.audio), recording.audio_bytes or 0
        digest = hashlib.sha256()
        try:
            if storage.archive().size(name) != size:
                return Attention.AUDIO_ALTERED
            for block in storage.archive().read_range(name, 0, size):
                digest.update(block)
                self.report.bytes += len(block)
                if lease.lost:
                    break
        except storage.AudioMissingError:
            return Attention.AUDIO_MISSING
        return None if digest.hexdigest() == recording.audio_sha256 else Attention.AUDIO_ALTERED
