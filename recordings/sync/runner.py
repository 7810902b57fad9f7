"""One run: pages in, rows out, and at the end what is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from recordings.choices import SyncState
from recordings.clock import Clock
from recordings.mirror import FetchStatus, fetch_recording, store_recordings
from recordings.models import Account, Recording, SyncRun, UpsertReport
from recordings.provider import client_for, explain
from recordings.sync.pages import Pages
from recordings.sync.scope import Scope, Tally
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import VobizError
from recordings.vobiz.objects import BadRow, RecordingObject, RecordingPage

GONE_CHECKS = 500  # rows asked for one by one in a run
ALARM_ROWS, ALARM_SHARE = 50, 0.05

Progress = Callable[[Tally], None]


class Superseded(RuntimeError):
    """The run's row was ended by another run."""


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
    clock = Clock(now)
    try:
        with client_for(account) as client:
            _Run(account, scope, client, tally, sync_run, clock, progress).read()
    except VobizError as error:
        tally.error = explain(error, account)
        tally.state = tally.state_when_broken
    except Superseded as error:
        tally.error, tally.state = str(error), SyncState.INTERRUPTED
    except BaseException as interruption:
        words = (
            _("It was interrupted.") if isinstance(interruption, KeyboardInterrupt) else repr(interruption)
        )
        if sync_run is not None:
            sync_run.end(SyncState.INTERRUPTED, now=clock.now(), error=words, **tally.counts())
        raise
    if sync_run is not None:
        sync_run.end(tally.state, now=clock.now(), error=tally.error, **tally.counts())
    return tally


def read_call(
    account: Account, call_uuid: str, *, since: datetime, client: VobizClient, now: datetime
) -> Tally:
    """Bring all that Vobiz lists of one call, added after `since`, into rows; the list was clean if `complete`.

    Raises VobizError where Vobiz gave nothing at all.
    """
    tally = Tally()
    _Run(account, Scope(call_uuid=call_uuid, since=since), client, tally, None, Clock(now), None).read()
    return tally


@dataclass(slots=True)
class _Run:
    account: Account
    scope: Scope
    client: VobizClient
    tally: Tally
    sync_run: SyncRun | None
    clock: Clock
    progress: Progress | None
    adopted: set[int] = field(default_factory=set)
    bad: set[str] = field(default_factory=set)
    """Unusable rows noted so far: overlapping pages show them twice."""

    def read(self) -> None:
        """Everything the scope asks for; the tally then says how it ended."""
        broken = None
        if self.scope.recording_id:
            self._read_one(self.scope.recording_id)
        else:
            broken = self._read_pages()
            if self.scope.settles_gone and broken is None and not self.tally.failed:
                broken = self._settle_gone()
        self.tally.error = broken
        if broken is None and not self.tally.failed:
            self.tally.state = SyncState.COMPLETE
        else:
            self.tally.state = self.tally.state_when_broken

    def _read_one(self, recording_id: str) -> None:
        if not self._fetch(recording_id):
            self.tally.fail(recording_id, _("Vobiz has no recording with this id."))

    def _fetch(self, recording_id: str) -> bool:
        """Ask for one recording and count what became of it; False where Vobiz has none with this id."""
        result = fetch_recording(
            self.account,
            recording_id,
            client=self.client,
            now=self.clock.now(),
            dry_run=self.scope.dry_run,
            reserved_ids=self.adopted,
        )
        if result.report is not None:
            self._count(result.report)
        return result.status == FetchStatus.FOUND

    def _read_pages(self) -> str | None:
        """Every page; in words, why not all of what was asked for."""
        pages = Pages(self.client, self.scope, self._note_failed_page)
        asked = self.clock.now()
        for page in pages.all():
            self.tally.pages, self.tally.total_count = pages.read, pages.total_count
            wanted = self._wanted(page)
            room = self.scope.limit - self.tally.seen if self.scope.limit else len(wanted)
            before = self.tally.brought
            self._apply(wanted[:room], asked)
            if self.scope.limit and self.tally.seen >= self.scope.limit:
                self.tally.cut = len(wanted) > room or page.has_next
                break
            if self._is_last(page, brought=self.tally.brought - before):
                break
            asked = self.clock.now()  # the next page's answer cannot know what comes after this
        if self.tally.cut:
            return pages.broken or _("It was cut at --limit %s.") % self.scope.limit
        return pages.broken

    def _is_last(self, page: RecordingPage, *, brought: int) -> bool:
        """What follows is older than what was asked for."""
        rows = [row for row in page.objects if isinstance(row, RecordingObject)]
        return len(rows) == len(page.objects) and self.scope.ends_with(rows, brought=brought)

    def _wanted(self, page: RecordingPage) -> list[RecordingObject]:
        """The page's rows that this run asked for and has not taken yet; unusable ones are noted."""
        wanted = []
        for row in page.objects:
            if isinstance(row, BadRow):
                self._note_bad(row)
            elif self.tally.is_new(row.recording_id) and self.scope.wants(row):
                wanted.append(row)
        return wanted

    def _note_bad(self, row: BadRow) -> None:
        same = repr((row.recording_id_text, row.reason, row.data))
        if same not in self.bad:
            self.bad.add(same)
            self.tally.fail(row.recording_id_text, row.reason)

    def _note_failed_page(self, words: str) -> None:
        self.tally.fail(None, words)
        self._report()

    def _apply(self, objects: list[RecordingObject], asked: datetime) -> None:
        """Store one page, asked for at `asked`, and report progress."""
        if not objects:
            self._report()
            return
        self._count(
            store_recordings(
                self.account, objects, now=asked, dry_run=self.scope.dry_run, reserved_ids=self.adopted
            )
        )

    def _count(self, report: UpsertReport) -> None:
        self.tally.add(report)
        if self.scope.dry_run:
            self.adopted |= (
                report.adopted
            )  # rolled back, these rows still have no id for the next page to find
        self._report()

    def _report(self) -> None:
        """Say how far it is, and that it is alive."""
        if self.sync_run is not None and not self.sync_run.record_progress(**self.tally.counts()):
            raise Superseded(_("Another run took over: this one had not been heard of for too long."))
        if self.progress is not None:
            self.progress(self.tally)

    def _settle_gone(self) -> str | None:
        """Rows that a full clean run did not show, and that Vobiz answers 404 for one by one, are gone.

        In words, why none was believed to be.
        """
        missing = Recording.objects.missing(self.account, self.tally.ids, now=self.clock.began)
        if missing.young > ALARM_ROWS and missing.young > ALARM_SHARE * missing.known_young:
            return _(
                "%(young)d of %(known)d recordings younger than %(days)d days are missing from Vobiz's list. "
                "That is too many to believe, so none was marked gone."
            ) % {
                "young": missing.young,
                "known": missing.known_young,
                "days": self.account.retention_days,
            }
        for pk, recording_id in missing.rows[:GONE_CHECKS]:
            self._check_gone(pk, recording_id)
        return None

    def _check_gone(self, pk: int, recording_id: str) -> None:
        if self._fetch(recording_id):
            return
        if not self.scope.dry_run:
            Recording.objects.filter(pk=pk).mark_deleted_at_vobiz(self.clock.now())
        self.tally.gone += 1
        self._report()
