"""VERB: bring every Recording object that Vobiz lists into rows here.

Pages are read by `limit` and `offset`, never by following `meta.next`, and advance by what was received. They overlap
by a few rows and each must show a row of the one before, so that rows arriving or vanishing meanwhile lose nothing.
Every page commits. No request is made inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from recordings.choices import Origin, RecordingStatus, SyncState
from recordings.models import Account, FailedRow, Recording, SyncRun, UpsertReport
from recordings.provider import client_for, explain
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import (
    AuthenticationFailed,
    NotConnected,
    NotFound,
    PaymentRequired,
    VobizError,
)
from recordings.vobiz.objects import BadRow, RecordingObject, RecordingPage

OVERLAP = 5  # rows read twice; fewer may vanish between two pages without a trace
STEPS_BACK = 5  # times a page may fail to meet the one before until the run is called partial
BARREN_PAGES = 5  # pages in a row with nothing new, although Vobiz promises more
FAILED_PAGES = 3  # pages in a row that fail until the run gives up
CLOSING_ROUNDS = 3  # times the newest page is read again at the end
GONE_CHECKS = 500  # rows asked for one by one in a run
ALARM_ROWS, ALARM_SHARE = 50, 0.05
KEPT_FAILURES = 100  # failed rows written out on the run; beyond these they are counted only
SOON = timedelta(seconds=60)
LATER = timedelta(hours=1)

Progress = Callable[["Tally"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a run is asked to read. Without any of these: every recording the account's list shows."""

    full: bool = False
    """Also settle which rows are gone at Vobiz."""
    since: datetime | None = None
    call_uuid: str | None = None
    recording_id: str | None = None
    kind: str | None = None
    limit: int | None = None
    dry_run: bool = False

    def as_json(self) -> dict[str, object]:
        """Only what was asked for, for the run's row."""
        said = {
            "full": self.full, "since": self.since.isoformat() if self.since else None, "call": self.call_uuid,
            "recording": self.recording_id, "type": self.kind, "limit": self.limit, "dry_run": self.dry_run,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value}

    @property
    def is_whole(self) -> bool:
        """It reads everything, so that what it does not see may be gone."""
        return not (self.since or self.call_uuid or self.recording_id or self.kind or self.limit)

    def wants(self, seen: RecordingObject) -> bool:
        """Vobiz may ignore a filter, so each row is looked at again."""
        if self.call_uuid and seen.call_uuid != self.call_uuid:
            return False
        if self.kind and seen.recording_type != self.kind:
            return False
        return not (self.since and is_older(seen, self.since))


@dataclass(slots=True)
class Tally:
    """What a run has found so far; at its end, the report."""

    pages: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    gone: int = 0
    failed: int = 0
    total_count: int | None = None
    failures: list[dict[str, str | None]] = field(default_factory=list)
    error: str | None = None
    state: SyncState = SyncState.RUNNING
    ids: set[str] = field(default_factory=set)
    cut: bool = False
    """--limit ended it: not complete, and nothing wrong."""

    @property
    def seen(self) -> int:
        """Distinct recordings."""
        return len(self.ids)

    @property
    def complete(self) -> bool:
        """Every page asked for was read and every row applied."""
        return self.state == SyncState.COMPLETE

    def counts(self) -> dict[str, object]:
        """The columns of a SyncRun."""
        names = (
            "pages",
            "seen",
            "created",
            "updated",
            "unchanged",
            "gone",
            "failed",
            "total_count",
            "failures",
        )
        return {name: getattr(self, name) for name in names}

    def add(self, report: UpsertReport) -> None:
        """Count what became of one page."""
        self.created += report.created
        self.updated += report.updated
        self.unchanged += report.unchanged
        self.ids |= report.seen
        for row in report.failed:
            self.fail(row.recording_id, row.reason)

    def fail(self, recording_id: str | None, reason: str) -> None:
        """A row or page that could not be taken; kept in words, never dropped."""
        self.failed += 1
        if len(self.failures) < KEPT_FAILURES:
            self.failures.append({"recording_id": recording_id, "reason": reason})


def is_older(seen: RecordingObject, since: datetime) -> bool:
    """The recording was added, or where that is not said started, before `since`."""
    moment = seen.added_at.at if seen.added_at else seen.started_at
    return moment is not None and moment < since


def run(
    account: Account,
    scope: Scope,
    *,
    now: datetime,
    sync_run: SyncRun | None,
    progress: Progress | None = None,
) -> Tally:
    """Read what `scope` asks for. `sync_run` is the run's row (None for a dry run, which writes nothing)."""
    tally = Tally()
    try:
        with client_for(account) as client:
            _Run(account, scope, client, tally, sync_run, progress or _silent).read(now)
    except VobizError as error:
        tally.error = explain(error, account)
        tally.state = SyncState.PARTIAL if tally.pages else SyncState.FAILED
    except Superseded as error:
        tally.error, tally.state = str(error), SyncState.INTERRUPTED
    except BaseException as interruption:
        if sync_run is not None:
            words = (
                "It was interrupted." if isinstance(interruption, KeyboardInterrupt) else repr(interruption)
            )
            sync_run.end(SyncState.INTERRUPTED, now=timezone.now(), error=words, **tally.counts())
        raise
    if sync_run is not None:
        sync_run.end(tally.state, now=timezone.now(), error=tally.error, **tally.counts())
    return tally


def _silent(_tally: Tally) -> None:
    """Nobody watches."""


def read_back(recording: Recording, *, now: datetime) -> bool:
    """Ask the API for one recording. False: Vobiz has no such file yet, and it is tried again later.

    Raises VobizError where Vobiz could not say.
    """
    if recording.recording_id is None:
        return False
    with client_for(recording.account) as client:
        try:
            seen = client.retrieve_recording(recording.recording_id)
        except NotFound as error:
            if error.route_missing:
                raise
            wait = SOON if now - recording.happened_at < LATER else LATER
            Recording.objects.filter(pk=recording.pk).update(read_back_due_at=now + wait)
            return False
    return bool(Recording.objects.upsert(recording.account, [seen], now=now).seen)


@dataclass(slots=True)
class _Run:
    """One run: pages in, rows out."""

    account: Account
    scope: Scope
    client: VobizClient
    tally: Tally
    sync_run: SyncRun | None
    progress: Progress
    broken: str | None = None
    """Why this run did not read everything, in words."""

    def read(self, now: datetime) -> None:
        if self.scope.recording_id:
            self._read_one(self.scope.recording_id)
        else:
            self.tally.cut = self._read_pages()
            if not self.tally.cut and self.broken is None and not self.tally.failed:
                self._read_newest_again()
            if self.broken is None and not self.tally.failed and self.scope.full and self.scope.is_whole:
                self._settle_gone(now)
            if self.tally.cut:
                self.broken = self.broken or f"It was cut at --limit {self.scope.limit}."
        self.tally.error = self.broken
        clean = self.broken is None and not self.tally.failed
        self.tally.state = SyncState.COMPLETE if clean else SyncState.PARTIAL

    def _read_one(self, recording_id: str) -> None:
        try:
            seen = self.client.retrieve_recording(recording_id)
        except NotFound:
            self.tally.fail(recording_id, "Vobiz has no recording with this id.")
            return
        self._apply([seen])

    def _read_pages(self) -> bool:
        """Every page; True if --limit cut the reading."""
        for page in self._pages():
            wanted = self._wanted(page)
            room = self.scope.limit - self.tally.seen if self.scope.limit else len(wanted)
            self._apply(wanted[:room])
            if self.scope.limit and self.tally.seen >= self.scope.limit:
                return len(wanted) > room or page.has_next
            if self.scope.since and page.objects and all(self._too_old(row) for row in page.objects):
                return False
        return False

    def _too_old(self, row: RecordingObject | BadRow) -> bool:
        return (
            isinstance(row, RecordingObject)
            and self.scope.since is not None
            and is_older(row, self.scope.since)
        )

    def _pages(self) -> Iterator[RecordingPage]:
        """The list from its newest row to its end, each page meeting the one before."""
        offset, last_ids, barren, failed, back = 0, set[str](), 0, 0, 0
        listed: set[str] = set()
        size = settings.VOBIZ_PAGE_SIZE
        while True:
            page = self._page(offset)
            if page is None:
                failed += 1
                if failed >= FAILED_PAGES:
                    return
                offset, last_ids = offset + size, set()
                continue
            failed = 0
            ids = set(page.ids)
            if last_ids and ids and not ids & last_ids:
                back += 1
                if back > STEPS_BACK:
                    self.broken = "Rows vanished faster than they could be read."
                    return
                offset = max(0, offset - max(page.received, OVERLAP))
                continue
            yield page
            barren = barren + 1 if ids <= listed else 0
            listed |= ids
            if page.received == 0 or not page.has_next:
                return
            if barren >= BARREN_PAGES:
                self.broken = "Vobiz gave the same rows again and again, and promised more."
                return
            back, last_ids = 0, ids
            size = max(1, page.received - OVERLAP)
            offset += size

    def _page(self, offset: int) -> RecordingPage | None:
        """One page; None where it failed and the next may still be read."""
        try:
            page = self.client.list_recordings(
                limit=settings.VOBIZ_PAGE_SIZE,
                offset=offset,
                call_uuid=self.scope.call_uuid,
                recording_type=self.scope.kind,
            )
        except (AuthenticationFailed, NotConnected, PaymentRequired):
            raise
        except VobizError as error:
            if self.tally.pages == 0 and offset == 0:
                raise
            self.broken = explain(error, self.account)
            self.tally.fail(None, f"The page at offset {offset}: {self.broken}")
            return None
        self.tally.pages += 1
        self.tally.total_count = page.total_count
        for row in page.objects:
            if isinstance(row, BadRow):
                self._note_bad(row)
        return page

    def _note_bad(self, row: BadRow) -> None:
        said = {"recording_id": row.recording_id_text, "reason": row.reason}
        if said not in self.tally.failures:  # overlapping pages show it twice
            self.tally.fail(row.recording_id_text, row.reason)

    def _wanted(self, page: RecordingPage) -> list[RecordingObject]:
        """The page's rows that this run asked for and has not taken yet."""
        failed = {failure["recording_id"] for failure in self.tally.failures}
        return [
            row
            for row in page.objects
            if isinstance(row, RecordingObject)
            and row.recording_id not in self.tally.ids
            and row.recording_id not in failed
            and self.scope.wants(row)
        ]

    def _apply(self, objects: list[RecordingObject]) -> None:
        """One page into rows. A dry run's transaction is rolled back at once."""
        if objects:
            now = timezone.now()
            try:
                self.tally.add(self._upsert(objects, now))
            except (DataError, IntegrityError):
                for seen in objects:  # one row the database refuses must not cost the others
                    self._apply_alone(seen, now)
        if self.sync_run is not None and not self.sync_run.note(now=timezone.now(), **self.tally.counts()):
            raise Superseded("Another run took over: this one had not been heard of for too long.")
        self.progress(self.tally)

    def _apply_alone(self, seen: RecordingObject, now: datetime) -> None:
        try:
            self.tally.add(self._upsert([seen], now))
        except (DataError, IntegrityError) as error:
            self.tally.add(
                UpsertReport(failed=[FailedRow(seen.recording_id, f"The database refused it: {error}")])
            )

    def _upsert(self, objects: Iterable[RecordingObject], now: datetime) -> UpsertReport:
        with transaction.atomic():
            report: UpsertReport = Recording.objects.upsert(
                self.account, objects, now=now, origin=Origin.SYNC
            )
            if self.scope.dry_run:
                transaction.set_rollback(True)
        return report

    def _read_newest_again(self) -> None:
        """What arrived while the pages were read stands on the first."""
        for _round in range(CLOSING_ROUNDS):
            page = self._page(0)
            new = self._wanted(page) if page is not None else []
            if not new:
                return
            self._apply(new)

    def _settle_gone(self, now: datetime) -> None:
        """Rows that a full clean run did not show, and that Vobiz answers 404 for one by one, are gone."""
        rows = Recording.objects.filter(
            account=self.account,
            recording_id__isnull=False,
            status=RecordingStatus.COMPLETED,
            gone_at_provider_at=None,
            happened_at__lt=now,
        )
        known, absent = 0, []
        young_after = now - timedelta(days=self.account.retention_days)
        for pk, recording_id, happened_at in rows.values_list("pk", "recording_id", "happened_at").iterator():
            known += happened_at >= young_after
            if recording_id not in self.tally.ids:
                absent.append((happened_at, pk, recording_id))
        young = sum(happened_at >= young_after for happened_at, _, _ in absent)
        if young > ALARM_ROWS and young > ALARM_SHARE * known:
            self.broken = (
                f"{young} of {known} recordings younger than {self.account.retention_days} days are missing from "
                "Vobiz's list. That is too many to believe, so none was marked gone."
            )
            return
        for _happened_at, pk, recording_id in sorted(absent)[:GONE_CHECKS]:
            self._check_gone(pk, recording_id)
        self._apply([])

    def _check_gone(self, pk: int, recording_id: str) -> None:
        try:
            seen = self.client.retrieve_recording(recording_id)
        except NotFound as error:
            if error.route_missing:
                raise
            if not self.scope.dry_run:
                Recording.objects.filter(pk=pk, gone_at_provider_at=None).update(
                    gone_at_provider_at=timezone.now()
                )
            self.tally.gone += 1
        else:
            self.tally.add(self._upsert([seen], timezone.now()))


class Superseded(RuntimeError):
    """The run's row was ended by another run."""
