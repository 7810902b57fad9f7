"""One sync run: pages are read, rows are stored, and a full run then finds deleted recordings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from recordings.choices import Source, SyncState
from recordings.clock import Clock
from recordings.mirror import FetchStatus, fetch_recording, store_recordings
from recordings.models import Account, Recording, SyncRun, UpsertReport
from recordings.provider import client_for, explain
from recordings.sync.pagination import Pagination
from recordings.sync.request import SyncRequest, SyncResult
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import VobizError
from recordings.vobiz.objects import BadRow, RecordingObject, RecordingPage

MAX_DELETION_CHECKS = 500  # rows asked for one by one in a run
MASS_DELETION_ROWS, MASS_DELETION_SHARE = 50, 0.05

# Facts that each row of the list has, and Vobiz's names for them
ALWAYS_LISTED = {
    "recording_url": "recording_url",
    "added_at": "add_time",
    "duration_ms": "recording_duration_ms",
}

Progress = Callable[[SyncResult], None]


class SyncEndedError(RuntimeError):
    """The run's row was ended meanwhile: by a person who stopped it, or by another run."""

    def __init__(self, run: SyncRun) -> None:
        run.refresh_from_db(fields=["state", "error"])
        self.state = SyncState.STOPPED if run.state == SyncState.STOPPED else SyncState.INTERRUPTED
        superseded = _("Another run took over: this one had not been heard of for too long.")
        super().__init__(run.error if self.state == SyncState.STOPPED else superseded)


def run(
    account: Account,
    request: SyncRequest,
    *,
    now: datetime,
    sync_run: SyncRun | None,
    progress: Progress | None = None,
) -> SyncResult:
    """Read what `request` asks for. `sync_run` is the run's row (None for a dry run, which writes nothing)."""
    result = SyncResult()
    clock = Clock(now)
    try:
        with client_for(account) as client:
            _Run(account, request, client, result, sync_run, clock, progress).read()
        account.record_api_success()
    except VobizError as error:
        account.record_api_failure(error, now=clock.now())
        result.error = explain(error, account)
        result.state = result.failure_state
    except SyncEndedError as error:
        result.error, result.state = str(error), error.state
        if sync_run is not None:
            sync_run.record_last_counts(**result.counts())
    except BaseException as interruption:
        words = (
            _("The sync was interrupted.")
            if isinstance(interruption, KeyboardInterrupt)
            else repr(interruption)
        )
        if sync_run is not None:
            sync_run.end(SyncState.INTERRUPTED, now=clock.now(), error=words, **result.counts())
        raise
    if sync_run is not None:
        sync_run.end(result.state, now=clock.now(), error=result.error, **result.counts())
    return result


def read_call(
    account: Account, call_uuid: str, *, since: datetime, client: VobizClient, now: datetime
) -> SyncResult:
    """Store all that Vobiz lists of one call since `since`. The list was read in full if `complete`.

    Raises VobizError where Vobiz gave nothing at all.
    """
    result = SyncResult()
    _Run(
        account, SyncRequest(call_uuid=call_uuid, since=since), client, result, None, Clock(now), None
    ).read()
    return result


@dataclass(slots=True)
class _Run:
    account: Account
    request: SyncRequest
    client: VobizClient
    result: SyncResult
    sync_run: SyncRun | None
    clock: Clock
    progress: Progress | None
    reserved_ids: set[int] = field(default_factory=set)
    bad_rows: set[str] = field(default_factory=set)
    """Unusable rows noted so far: overlapping pages show them twice."""

    def read(self) -> None:
        """Read everything the request asks for; the result then says how it ended."""
        incomplete_reason = None
        if wanted := self.request.recording_id:
            if not self._fetch(wanted):
                self.result.fail(wanted, _("Vobiz has no recording with this id."))
        else:
            incomplete_reason = self._read_pages()
            if self.request.detects_deleted and incomplete_reason is None and not self.result.failed:
                incomplete_reason = self._mark_deleted()
        self.result.error = incomplete_reason
        if incomplete_reason is None and not self.result.failed:
            self.result.state = SyncState.COMPLETE
        else:
            self.result.state = self.result.failure_state

    def _fetch(self, recording_id: str) -> bool:
        """Ask for one recording and count what became of it; False where Vobiz has none with this id."""
        result = fetch_recording(
            self.account,
            recording_id,
            client=self.client,
            now=self.clock.now(),
            dry_run=self.request.dry_run,
            reserved_ids=self.reserved_ids,
        )
        if result.report is not None:
            self._count(result.report)
        return result.status == FetchStatus.FOUND

    def _read_pages(self) -> str | None:
        """Read every page; return in words why the reading is incomplete, or None."""
        pages = Pagination(self.client, self.request, self._note_failed_page, self.clock.now)
        with closing(pages.all()) as listed:
            for page in listed:
                self.result.pages, self.result.total_count = pages.read, pages.total_count
                if (lost := self._lost_facts(page)) is not None:
                    self._note_failed_page(lost)
                    return lost
                wanted = self._select(page)
                room = self.request.limit - self.result.seen if self.request.limit else len(wanted)
                before = self.result.changed
                self._apply(wanted[:room], pages.asked_at)
                if self.request.limit and self.result.seen >= self.request.limit:
                    self.result.limit_reached = len(wanted) > room or page.has_next
                    break
                if self._is_last(page, changed=self.result.changed - before):
                    break
        if self.result.limit_reached:
            return pages.incomplete_reason or _("The sync ended at --limit %s.") % self.request.limit
        return pages.incomplete_reason

    def _lost_facts(self, page: RecordingPage) -> str | None:
        """Return in words what no row of the page holds, though Vobiz's rows always did; None where all is well.

        Such a page is no answer about its recordings: none of it is stored, and those that follow will be alike.
        """
        rows = [row for row in page.objects if isinstance(row, RecordingObject)]
        lost = [name for name in ALWAYS_LISTED if rows and not any(_holds(row, name) for row in rows)]
        if 0 < len(lost) < len(ALWAYS_LISTED):
            # one alone may never have been there: what is known here tells
            here = Recording.objects.order_by().filter(recording_id__in=[row.recording_id for row in rows])
            known = list(here.values_list("sources", flat=True))
            lost = [name for name in lost if any(sources.get(name) == Source.API for sources in known)]
        if not lost:
            return None
        return _(
            "No recording on this page has a readable %s any more. Nothing of it was stored."
        ) % ", ".join(ALWAYS_LISTED[name] for name in lost)

    def _is_last(self, page: RecordingPage, *, changed: int) -> bool:
        """Return whether the pages that follow are older than what was asked for."""
        rows = [row for row in page.objects if isinstance(row, RecordingObject)]
        return len(rows) == len(page.objects) and self.request.ends_with(rows, changed=changed)

    def _select(self, page: RecordingPage) -> list[RecordingObject]:
        """Select the page's rows that the run wants and has not stored yet; note unusable ones."""
        wanted = []
        for row in page.objects:
            if isinstance(row, BadRow):
                self._note_bad_row(row)
            elif self.result.is_unseen(row.recording_id) and self.request.matches(row):
                wanted.append(row)
        return wanted

    def _note_bad_row(self, row: BadRow) -> None:
        same = repr((row.recording_id_text, row.reason, row.data))
        if same not in self.bad_rows:
            self.bad_rows.add(same)
            self.result.fail(row.recording_id_text, row.reason)

    def _note_failed_page(self, words: str) -> None:
        self.result.fail(None, words)
        self._report()

    def _apply(self, objects: list[RecordingObject], asked: datetime) -> None:
        """Store one page, asked for at `asked`, and report progress."""
        if not objects:
            self._report()
            return
        self._count(
            store_recordings(
                self.account, objects, now=asked, dry_run=self.request.dry_run, reserved_ids=self.reserved_ids
            )
        )

    def _count(self, report: UpsertReport) -> None:
        self.result.add(report)
        if self.request.dry_run:
            self.reserved_ids |= report.adopted
        self._report()

    def _report(self) -> None:
        """Say how far it is, and that it is alive."""
        if self.sync_run is not None and not self.sync_run.record_progress(**self.result.counts()):
            raise SyncEndedError(self.sync_run)
        if self.progress is not None:
            self.progress(self.result)

    def _mark_deleted(self) -> str | None:
        """Mark rows as deleted that a full, complete run did not show and that Vobiz answers 404 for.

        In words, why none was believed to be.
        """
        # Absence from the list is not enough: rows can slip between pages, and a fault at Vobiz can shorten it.
        # So a mass absence is not believed at all, and each single one is confirmed by a request for that recording.
        missing = Recording.objects.missing(self.account, self.result.ids, now=self.clock.began)
        if missing.young > MASS_DELETION_ROWS and missing.young > MASS_DELETION_SHARE * missing.known_young:
            return _(
                "%(young)d of %(known)d recordings younger than %(days)d days are missing from Vobiz's list. "
                "That is too many to believe, so none was marked gone."
            ) % {
                "young": missing.young,
                "known": missing.known_young,
                "days": self.account.retention_days,
            }
        for pk, recording_id in missing.rows[:MAX_DELETION_CHECKS]:
            self._check_deleted(pk, recording_id)
        return None

    def _check_deleted(self, pk: int, recording_id: str) -> None:
        if self._fetch(recording_id):
            return
        if not self.request.dry_run:
            Recording.objects.filter(pk=pk).mark_deleted_at_vobiz(self.clock.now())
        self.result.gone += 1
        self._report()


def _holds(row: RecordingObject, name: str) -> bool:
    value = getattr(row, name)
    return value.startswith("http") if isinstance(value, str) else value is not None
