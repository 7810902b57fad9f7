"""Pagination of the account's recordings that loses no row while rows appear and vanish.

Pages are asked for by `limit` and `offset`, never by following `meta.next`, and advance by what was received, whatever
page size the server really gives. They overlap by a few rows, and each must show a row that was shown before: where
rows vanished and it does not, the reading steps back until it does. What arrives stands on top, and is read at the end.

Pages are fetched ahead, and the proof does not depend on when each was fetched: the list has one order, and a page is
an unbroken stretch of it. One that shows a row shown before leaves no gap, older or newer than its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from recordings.provider import explain
from recordings.sync.prefetch import PageFetcher
from recordings.sync.request import SyncRequest
from recordings.sync.seen_ids import SeenIds
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import NotConnectedError, RefusedError, VobizError
from recordings.vobiz.objects import RecordingPage

PAGE_OVERLAP = 5  # rows read twice; fewer may vanish between two pages without a trace
MAX_STEPS_BACK = 5  # times a page may fail to meet the ones before until the reading gives up
MAX_REPEATED_PAGES = 5  # pages in a row with nothing new, although Vobiz promises more
MAX_FAILED_PAGES = 3  # pages in a row that fail until the reading gives up
FINAL_PASSES = 3  # times the newest rows are read again at the end
MIN_PAGE_SIZE = 20  # rows Vobiz gives at least, where there are as many


@dataclass(slots=True)
class Pagination:
    """The pages of one run. `incomplete_reason` says in words why not everything was read; None while all is well."""

    client: VobizClient
    request: SyncRequest
    failed: Callable[[str], None]
    """Told in words of each page that could not be read."""
    now: Callable[[], datetime] = timezone.now
    read: int = 0
    total_count: int | None = None
    incomplete_reason: str | None = None
    asked_at: datetime = field(init=False)
    """The moment before the request for the page that was yielded last. Later events are unknown to its answer."""
    _listed: SeenIds = field(default_factory=SeenIds)
    """Ids of every row shown so far."""
    _fetcher: PageFetcher = field(init=False)

    def __post_init__(self) -> None:
        self._fetcher = PageFetcher(self.client, self._request_page, settings.VOBIZ_PREFETCH, self.now)

    def all(self) -> Generator[RecordingPage, None, None]:
        """Yield every page from the newest row to the list's end, then what has arrived on top meanwhile.

        Close the generator to end the threads that fetch ahead.
        """
        with self._fetcher:
            yield from self._read_until(set(), known_ends=False)
            for _round in range(FINAL_PASSES):
                if self.incomplete_reason is not None or self.read == 1:
                    return
                arrived: set[str] = set()
                yield from self._read_until(arrived, known_ends=True)
                if not arrived:
                    return

    def _read_until(self, arrived: set[str], *, known_ends: bool) -> Iterator[RecordingPage]:
        """Yield pages from the newest row to the list's end.

        With `known_ends`, only to a page that shows a row of an earlier pass; ids not shown before go to `arrived`.
        """
        cursor = _Cursor()
        self._fetcher.forget()
        while True:
            page = self._fetch_page(cursor.offset)
            if page is None:
                self._fetcher.forget()
                if cursor.fail() >= MAX_FAILED_PAGES:
                    return
                continue
            if not cursor.overlaps(page, self._listed):
                self._fetcher.forget()
                if cursor.step_back() > MAX_STEPS_BACK:
                    self.incomplete_reason = _("Rows vanished faster than they could be read.")
                    return
                continue
            yield page
            new = [rid for rid in page.ids if rid not in self._listed]
            if known_ends:
                arrived.update(new)
            self._listed.update(new)
            is_known = known_ends and not arrived.issuperset(page.ids)
            if page.received == 0 or not page.has_next or is_known:
                return
            if cursor.advance(page, has_new=bool(new)) >= MAX_REPEATED_PAGES:
                self.incomplete_reason = _("Vobiz gave the same rows again and again, and promised more.")
                return
            self._fetcher.fetch_ahead(cursor.offset, cursor.step, end=page.total_count)

    def _fetch_page(self, offset: int) -> RecordingPage | None:
        """Request one page; return None where it failed and the next may still be read."""
        try:
            self.asked_at, page = self._fetcher.fetch(offset)
        except VobizError as error:
            is_refusal = isinstance(error, RefusedError | NotConnectedError)
            if is_refusal or (self.read == 0 and error.status is None):
                raise  # the next page would not fare better
            self.incomplete_reason = explain(error)
            self.failed(
                _("The page at offset %(offset)s: %(broken)s")
                % {"offset": offset, "broken": self.incomplete_reason}
            )
            return None
        self.read += 1
        self.total_count = page.total_count
        return page

    def _request_page(self, offset: int) -> RecordingPage:
        return self.client.list_recordings(
            limit=settings.VOBIZ_PAGE_SIZE,
            offset=offset,
            call_uuid=self.request.call_uuid,
            recording_type=self.request.kind,
        )


@dataclass(slots=True)
class _Cursor:
    offset: int = 0
    seen_to: int = 0
    """The offset after the last row that was read."""
    page_size: int = MIN_PAGE_SIZE
    step: int = MIN_PAGE_SIZE
    """Rows from this page to the next."""
    repeated: int = 0
    failures: int = 0
    steps_back: int = 0

    def overlaps(self, page: RecordingPage, listed: SeenIds) -> bool:
        """Return whether no row can be missing between this page and what was read before it."""
        if self.offset == 0 or self.failures:
            return True  # at the top nothing is before it, and after a page that failed something is missing anyway
        if page.received == 0:
            return self.offset >= self.seen_to
        return not page.ids or any(rid in listed for rid in page.ids)

    def advance(self, page: RecordingPage, *, has_new: bool) -> int:
        """Advance past `page`, and return how many pages in a row held nothing new."""
        self.repeated = 0 if has_new else self.repeated + 1
        self.steps_back = self.failures = 0
        self.page_size = max(page.received, PAGE_OVERLAP)
        self.seen_to = self.offset + page.received
        # Where everything was known already one row is overlap enough, and the end of the list comes nearer.
        overlap = PAGE_OVERLAP if has_new else 1
        self.step = max(1, page.received - overlap)
        self.offset += self.step
        return self.repeated

    def step_back(self) -> int:
        """Step back, because rows before this page vanished; return how many times in a row."""
        self.steps_back += 1
        self.offset = max(0, self.offset - self.page_size)
        return self.steps_back

    def fail(self) -> int:
        """Skip a page that cannot be read, and return how many in a row."""
        self.failures += 1
        self.offset += self.page_size
        return self.failures
