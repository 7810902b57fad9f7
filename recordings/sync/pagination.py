"""The account's list of recordings, page by page, so that rows which come and go meanwhile lose nothing.

Pages are asked for by `limit` and `offset`, never by following `meta.next`, and advance by what was received, whatever
page size the server really gives. They overlap by a few rows, and each must show a row that was shown before: where
rows vanished and it does not, the reading steps back until it does. What arrives stands on top, and is read at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.translation import gettext as _

from recordings.provider import explain
from recordings.sync.scope import Scope
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import NotConnectedError, RefusedError, VobizError
from recordings.vobiz.objects import RecordingPage

OVERLAP = 5  # rows read twice; fewer may vanish between two pages without a trace
STEPS_BACK = 5  # times a page may fail to meet the ones before until the reading gives up
BARREN_PAGES = 5  # pages in a row with nothing new, although Vobiz promises more
FAILED_PAGES = 3  # pages in a row that fail until the reading gives up
CLOSING_ROUNDS = 3  # times the newest rows are read again at the end
SMALLEST_PAGE = 20  # rows Vobiz gives at least, where there are as many


@dataclass(slots=True)
class Pages:
    """The pages of one run. `broken` says in words why not everything was read; None while all is well."""

    client: VobizClient
    scope: Scope
    failed: Callable[[str], None]
    """Told in words of each page that could not be read."""
    read: int = 0
    total_count: int | None = None
    broken: str | None = None
    _listed: set[str] = field(default_factory=set)
    """Ids of every row shown so far."""

    def all(self) -> Iterator[RecordingPage]:
        """Every page from the newest row to the list's end, then what has arrived on top meanwhile."""
        yield from self._walk(until=None)
        for _round in range(CLOSING_ROUNDS):
            known = frozenset(self._listed)
            if self.broken is not None or self.read == 1:
                return
            yield from self._walk(until=known)
            if self._listed == known:
                return

    def _walk(self, *, until: frozenset[str] | None) -> Iterator[RecordingPage]:
        """From the newest row to the end of the list, or to a page that shows one of the rows `until`."""
        place = _Place()
        while True:
            page = self._ask(place.offset)
            if page is None:
                if place.fail() >= FAILED_PAGES:
                    return
                continue
            if not place.meets(page, self._listed):
                if place.step_back() > STEPS_BACK:
                    self.broken = _("Rows vanished faster than they could be read.")
                    return
                continue
            yield page
            brought = not self._listed.issuperset(page.ids)
            self._listed.update(page.ids)
            if page.received == 0 or not page.has_next or (until and not until.isdisjoint(page.ids)):
                return
            if place.advance(page, brought=brought) >= BARREN_PAGES:
                self.broken = _("Vobiz gave the same rows again and again, and promised more.")
                return

    def _ask(self, offset: int) -> RecordingPage | None:
        """One page; None where it failed and the next may still be read."""
        try:
            page = self.client.list_recordings(
                limit=settings.VOBIZ_PAGE_SIZE,
                offset=offset,
                call_uuid=self.scope.call_uuid,
                recording_type=self.scope.kind,
            )
        except VobizError as error:
            refused = isinstance(error, RefusedError | NotConnectedError)
            if refused or (self.read == 0 and error.status is None):
                raise  # the next page would not fare better
            self.broken = explain(error)
            self.failed(
                _("The page at offset %(offset)s: %(broken)s") % {"offset": offset, "broken": self.broken}
            )
            return None
        self.read += 1
        self.total_count = page.total_count
        return page


@dataclass(slots=True)
class _Place:
    """Where in the list the reading stands."""

    offset: int = 0
    seen_to: int = 0
    """The offset after the last row that was read."""
    page_size: int = SMALLEST_PAGE
    barren: int = 0
    failures: int = 0
    steps_back: int = 0

    def meets(self, page: RecordingPage, listed: set[str]) -> bool:
        """Whether no row can have slipped between this page and what was read before it."""
        if self.offset == 0 or self.failures:
            return True  # at the top nothing is before it, and after a page that failed something is missing anyway
        if page.received == 0:
            return self.offset >= self.seen_to
        return not page.ids or not listed.isdisjoint(page.ids)

    def advance(self, page: RecordingPage, *, brought: bool) -> int:
        """Go on behind `page`; how many pages in a row have brought nothing new."""
        self.barren = 0 if brought else self.barren + 1
        self.steps_back = self.failures = 0
        self.page_size = max(page.received, OVERLAP)
        self.seen_to = self.offset + page.received
        # Where everything was known already one row is overlap enough, and the end of the list comes nearer.
        overlap = OVERLAP if brought else 1
        self.offset += max(1, page.received - overlap)
        return self.barren

    def step_back(self) -> int:
        """Rows before this page have vanished; how many times in a row."""
        self.steps_back += 1
        self.offset = max(0, self.offset - self.page_size)
        return self.steps_back

    def fail(self) -> int:
        """Leave out a page that cannot be read; how many in a row."""
        self.failures += 1
        self.offset += self.page_size
        return self.failures
