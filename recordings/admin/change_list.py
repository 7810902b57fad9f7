"""A list as the portal shows it: paged by keyset, searched by its box, counted no further than it shows.

A page begins beside a row that an index finds, so page 5,000 costs what page 1 costs. An offset reads and forgets
every row before the page. Here an address holds the value and the primary key of the row at the page's edge:
`?after=<value>.<pk>` for the rows that follow it in the list's order, `?before=` for those ahead. The box finds a
number in any spelling, a call UUID, a recording ID, or words of transcripts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.cache import caches
from django.db import connections
from django.db.models import DateTimeField, F, OrderBy, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin import formatting
from recordings.admin.reader import iso_day, note_access
from recordings.choices import AccessAction
from recordings.models import Recording, Transcription
from recordings.overview import EventTotals, Totals, day_bounds
from recordings.search import NEWEST_FIRST, Part, Query, Reading, likeliest, parse_query, snippet

TOTALS_HOLD = 30  # seconds
AFTER, BEFORE, JUMP = "after", "before", "jump"
# Parameters that say where in the list the page is, not which rows are in the list
POSITIONS = (AFTER, BEFORE, JUMP)
MOST_COUNTED = 10_000
LARGEST = 2**63 - 1  # number that every database takes
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
KEY = "keyset_value"  # the alias of the value in a query
AS = "as"  # the query string's name for the reading
EVERY_READING = (Reading.NUMBER, Reading.ID, Reading.WORDS, Reading.AREA, Reading.NAME)
LABELS = {
    Reading.NUMBER: gettext_lazy("Phone number"),
    Reading.ID: gettext_lazy("Call or recording ID"),
    Reading.WORDS: gettext_lazy("Words in transcripts"),
    Reading.AREA: gettext_lazy("Numbers from %(area)s"),
    Reading.NAME: gettext_lazy("SIP address or conference name"),
}


@dataclass(frozen=True, slots=True)
class Sort:
    """An order that a list can be put in, by the heading of `column`; its `name` travels in the address."""

    name: str
    label: Any
    column: str
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A link on a page; `rel`: what it leads to, as HTML says it."""

    label: str
    url: str
    rel: str = ""


class PlainList(ChangeList):
    """A list under the plain name of what it lists."""

    page: KeysetPage | None = None  # None where the order of the rows allows no keyset
    order: Order | None = None
    totals: Totals | EventTotals | None = None

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        if not self.is_popup:
            self.title = str(capfirst(self.opts.verbose_name_plural))


class PortalChangeList(PlainList):
    """A list that does not fetch what it does not show."""

    search: ListSearch | None = None
    counts_more = False
    _page_of_a_row: tuple[str, str, str] | None = None

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows of one page, found by keyset, and count at most MOST_COUNTED of the list."""
        if getattr(request, "is_unread", False):  # for its queryset alone
            return
        owner: Any = self.model_admin
        order = order_of(self.queryset)
        if order is None:
            super().get_results(request)
        else:
            self.get_page(request, order)
        if self.query and owner.readings:
            self.search = read_search(request, self.query, owner.readings)
        owner.on_page(request, self)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count

    def get_page(self, request: HttpRequest, order: Order) -> None:
        """Set what Django's list sets, without an offset and without a count of all rows."""
        page = page_at(self.queryset, order, request.GET.dict(), size=self.list_per_page)
        if page.is_position_wrong:
            words = _("The position in this link is not valid. This is the first page.")
            messages.warning(request, words, fail_silently=True)
        self.page, self.order, self.result_list = page, order, page.rows
        is_whole = page.ahead is None and page.following is None
        self.totals = self.sum_up(request) if request.method == "GET" else None
        if self.totals is not None:
            self.result_count, self.counts_more = self.totals.rows, self.totals.is_partial
        else:
            counted = len(page.rows) if is_whole else count_up_to(self.queryset)
            self.result_count, self.counts_more = min(counted, MOST_COUNTED), counted > MOST_COUNTED
        self.full_result_count, self.show_full_result_count = None, False
        self.show_admin_actions = True
        self.can_show_all, self.multi_page = False, not is_whole
        self.paginator = None

    def sum_up(self, request: HttpRequest) -> Totals | EventTotals | None:
        """Return the totals of the list, if it has any; those of a part may be TOTALS_HOLD seconds old."""
        owner: Any = self.model_admin
        if owner.totals is None:
            return None
        user: Any = request.user
        filters = sorted((name, values) for name, values in request.GET.lists() if name not in POSITIONS)
        asked = f"{user.pk} {getattr(user, 'narrowed_to', '')} {request.path} {filters}"
        key = f"totals-{hashlib.sha256(asked.encode()).hexdigest()}"
        held: Totals | EventTotals | None = caches["process"].get(key)
        if held is not None:
            return held
        # PostgreSQL: in the page's order, so that the page's index serves, whose hits it takes to be more than they are
        in_order = self.has_active_filters and connections[self.queryset.db].vendor == "postgresql"
        found: Totals | EventTotals = owner.totals(self.queryset if in_order else self.queryset.order_by())
        if found.is_partial:
            caches["process"].set(key, found, TOTALS_HOLD)
        return found

    def url_for_result(self, result: Any) -> str:
        """Return the address of a row's page: reversed once for a list, for it differs by the primary key alone."""
        if self._page_of_a_row is None:
            self._page_of_a_row = super().url_for_result(result).rpartition(f"/{result.pk}/")
        begin, _key, end = self._page_of_a_row
        return f"{begin}/{result.pk}/{end}"

    @property
    def count_words(self) -> str:
        """The number of rows, as far as it was counted: `1,284` or `10,000+`."""
        return formatting.count(self.result_count) + ("+" if self.counts_more else "")

    @property
    def rows_named(self) -> str:
        """What a row of the list is called, for the number before it."""
        owner: Any = self.model_admin
        names = owner.rows_named or (self.opts.verbose_name, self.opts.verbose_name_plural)
        return str(names[0] if self.result_count == 1 and not self.counts_more else names[1])

    @property
    def page_links(self) -> list[Link]:
        """The links to the pages beside this one, which keep every filter."""
        return [] if self.page is None else page_links(self.page, self.get_query_string)

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the filters, without what says how to read the search and where in the list the page is.

        The list asks this first of all. No address of it keeps a position from then on: another list has other pages.
        """
        for name in POSITIONS:
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        lookups = super().get_filters_params(params)
        lookups.pop(AS, None)
        return lookups

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return the order that a filter asks for, by an annotation `list_order` or its `order`; else the usual one."""
        if "list_order" in queryset.query.annotations:
            return ["list_order", "pk"]
        orders = [order for spec in self.filter_specs if (order := getattr(spec, "order", None))]
        if orders:  # one that gathers few rows goes before one that walks them by time
            return list(next((order for order in orders if order != NEWEST_FIRST), NEWEST_FIRST))
        sort = self.params.pop(ORDER_VAR, None)  # Django would know no order by this name, and take none
        usual = list(super().get_ordering(request, queryset))
        if sort is not None:
            self.params[ORDER_VAR] = sort
        return usual

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Return the rows asked for, in the order asked for, without the columns in the admin's `list_deferred`."""
        rows = super().get_queryset(request, exclude_parameters)
        owner: Any = self.model_admin
        if self.sort:
            rows = owner.sort_rows(request, rows, self.sort)
        return rows.defer(*owner.list_deferred)

    @property
    def sort(self) -> str:
        """The order that the address asks for, of those that the list offers; empty for the usual one."""
        owner: Any = self.model_admin
        asked = self.params.get(ORDER_VAR, "")
        return asked if any(one.name == asked for one in owner.sorts) else ""


# Pages by keyset


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an order: beside the row with this value and primary key. `value`: None in an order by primary key."""

    value: datetime | int | None
    pk: int

    def __str__(self) -> str:
        match self.value:
            case None:
                return str(self.pk)
            case datetime():
                return f"{(self.value - EPOCH) // MICROSECOND}.{self.pk}"
            case _:
                return f"{self.value}.{self.pk}"


@dataclass(frozen=True, slots=True)
class Order:
    """An order of rows by one value that is never NULL, then by primary key, both in one direction.

    `value`: the expression, None where the order is by the primary key alone; `attribute`: its name on a row.
    """

    value: Any
    attribute: str
    is_time: bool
    is_descending: bool

    def sorted(self, rows: QuerySet[Any], *, backwards: bool = False) -> QuerySet[Any]:
        """Return the rows in this order, or from its end."""
        terms = [F("pk")] if self.value is None else [self.value, F("pk")]
        descending = self.is_descending != backwards
        return rows.order_by(*(OrderBy(term, descending=descending) for term in terms))

    def beyond(self, rows: QuerySet[Any], cursor: Cursor, *, backwards: bool = False) -> QuerySet[Any]:
        """Return the rows that follow the cursor, or are ahead of it; asked for so that an index is entered there."""
        way = "lt" if self.is_descending != backwards else "gt"
        of_same_value = Q(**{f"pk__{way}": cursor.pk})
        if self.value is None:
            return rows.filter(of_same_value)
        value = {f"{KEY}__{way}": cursor.value}
        up_to = {f"{KEY}__{way}e": cursor.value}
        keyed: QuerySet[Any] = rows.alias(**{KEY: self.value})
        return keyed.filter(Q(**value) | of_same_value, **up_to)

    def cursor_of(self, row: Any) -> Cursor:
        """Return the place of a row."""
        return Cursor(None if self.value is None else getattr(row, self.attribute), row.pk)

    def read(self, text: str) -> Cursor:
        """Return the cursor that an address holds. ValueError: it is none of this order."""
        value, _point, pk = text.rpartition(".")
        if self.value is None:
            return Cursor(None, _whole(text))
        if not self.is_time:
            return Cursor(_whole(value), _whole(pk))
        try:
            return Cursor(EPOCH + _whole(value) * MICROSECOND, _whole(pk))
        except OverflowError as error:
            raise ValueError(text) from error


def order_of(rows: QuerySet[Any]) -> Order | None:
    """Return the order that `rows` have; None where it is of another kind."""
    ordering: Any = rows.query.order_by or rows.model._meta.ordering
    terms = [_term(one) for one in ordering]
    if len(terms) not in {1, 2} or len({descending for _value, descending in terms}) != 1:
        return None
    last, is_descending = terms[-1]
    if getattr(last, "name", "") not in {"pk", "id"}:
        return None
    if len(terms) == 1:
        return Order(None, "pk", is_time=False, is_descending=is_descending)
    value = terms[0][0]
    parts = [value] if isinstance(value, F) else value.get_source_expressions()
    columns: list[Any] = [one for one in parts if isinstance(one, F)]
    field = rows.alias(**{KEY: value}).query.annotations[KEY].output_field
    if not columns:
        return None
    return Order(value, str(columns[0].name), isinstance(field, DateTimeField), is_descending)


def _term(term: Any) -> tuple[Any, bool]:
    """Return the expression of an argument of `order_by`, and whether it is descending."""
    if isinstance(term, str):
        return F(term.removeprefix("-")), term.startswith("-")
    if isinstance(term, OrderBy):
        return term.expression, term.descending
    return term, False


def _whole(text: str) -> int:
    """Return a whole number that every database takes. ValueError: it is none."""
    digits = text.removeprefix("-")
    if (
        not (digits.isascii() and digits.isdigit())
        or len(digits) > len(str(LARGEST))
        or int(digits) > LARGEST
    ):
        raise ValueError(text)
    return int(text)


@dataclass(frozen=True, slots=True)
class KeysetPage:
    """One page of a list. `ahead`, `following`: the positions of its neighbours."""

    rows: list[Any]
    ahead: dict[str, str] | None
    following: dict[str, str] | None
    is_position_wrong: bool = False


def page_at(rows: QuerySet[Any], order: Order, asked: Mapping[str, str], *, size: int) -> KeysetPage:
    """Return the page at the position that an address asks for; the first where it asks for none, or for nonsense."""
    try:
        if BEFORE in asked:
            return _before(rows, order, order.read(asked[BEFORE]), size)
        if AFTER in asked:
            return _after(rows, order, order.read(asked[AFTER]), size)
        if JUMP in asked:
            return _jump(rows, order, asked[JUMP], size)
    except ValueError:
        return replace(_after(rows, order, None, size), is_position_wrong=True)
    return _after(rows, order, None, size)


def _after(rows: QuerySet[Any], order: Order, cursor: Cursor | None, size: int) -> KeysetPage:
    following = order.sorted(rows if cursor is None else order.beyond(rows, cursor))
    found = list(following[: size + 1])
    shown = found[:size]
    ahead = None
    if cursor is not None:
        ahead = {BEFORE: str(order.cursor_of(shown[0]) if shown else cursor)}
    more = {AFTER: str(order.cursor_of(shown[-1]))} if len(found) > size else None
    return KeysetPage(shown, ahead, more)


def _before(rows: QuerySet[Any], order: Order, cursor: Cursor, size: int) -> KeysetPage:
    found = list(order.sorted(order.beyond(rows, cursor, backwards=True), backwards=True)[: size + 1])
    if len(found) <= size:  # the beginning of the list: a whole first page rather than a part of one
        return _after(rows, order, None, size)
    shown = found[:size][::-1]
    return KeysetPage(
        shown, {BEFORE: str(order.cursor_of(shown[0]))}, {AFTER: str(order.cursor_of(shown[-1]))}
    )


def _jump(rows: QuerySet[Any], order: Order, text: str, size: int) -> KeysetPage:
    """Return the page that begins with the last row of a day, or the newest before it."""
    day = iso_day(text)
    if day is None or not order.is_time:
        raise ValueError(text)
    begins, ends = day_bounds(day, timezone.get_current_timezone())
    cursor = Cursor(ends, 0) if order.is_descending else Cursor(begins, 0)
    page = _after(rows, order, cursor, size)
    is_first = not order.beyond(rows, cursor, backwards=True).order_by().exists()
    return KeysetPage(page.rows, None, page.following) if is_first else page


def page_links(page: KeysetPage, address_of: Callable[[dict[str, str]], str]) -> list[Link]:
    """Return the links to the neighbours of a page. `address_of`: makes the address of a position."""
    positions = ((_("Previous"), "prev", page.ahead), (_("Next"), "next", page.following))
    return [Link(name, address_of(place), rel) for name, rel, place in positions if place is not None]


def count_up_to(rows: QuerySet[Any], most: int = MOST_COUNTED) -> int:
    """Return how many rows there are; `most + 1` where there are more, without reading further."""
    return rows.order_by().values("pk")[: most + 1].count()


# The search box


@dataclass(frozen=True, slots=True)
class ListSearch:
    """One search of one list. `reading` is None where nothing typed so can be found; `others`: to other readings."""

    query: Query
    reading: Reading | None
    others: tuple[Link, ...]

    @property
    def read_as(self) -> str:
        """How the page says that it was read."""
        if self.reading is None:
            return ""
        label = reading_label(self.query, self.reading)
        if self.query.side == "from":
            return _("%(reading)s, caller only") % {"reading": label}
        if self.query.side == "to":
            return _("%(reading)s, callee only") % {"reading": label}
        return label


def reading_label(query: Query, reading: Reading) -> str:
    """Return what a reading is called; that of an area names it."""
    return str(LABELS[reading]) % {"area": query.area}


def read_search(request: HttpRequest, typed: str, readings: Collection[Reading]) -> ListSearch:
    """Read the box as the query string says, else in the likeliest way; words only for who may read transcripts.

    Once in a request: its rows are looked for in several places, and each likely reading costs a statement.
    """
    known: dict[Any, ListSearch] = request.__dict__.setdefault("read_searches", {})
    asked = typed, request.GET.get(AS, ""), *readings
    if asked not in known:
        known[asked] = _read(request, typed, readings)
    return known[asked]


def _read(request: HttpRequest, typed: str, readings: Collection[Reading]) -> ListSearch:
    allowed = [reading for reading in readings if reading != Reading.WORDS or may_search_words(request)]
    query = parse_query(typed)
    offered = query.offered(allowed)
    wanted = request.GET.get(AS, "")
    reading = next((one for one in offered if one == wanted), None)
    reading = reading or likeliest(Recording.objects.visible_to(request.user), query, offered)
    others = (Link(reading_label(query, one), _url(request, one)) for one in offered if one != reading)
    return ListSearch(query, reading, tuple(others))


def may_search_words(request: HttpRequest) -> bool:
    """Return whether this person may read transcripts, and so search their words; rows are gated by account besides."""
    return request.user.has_perm("recordings.read_transcription")


def without_words(request: HttpRequest, query: QueryDict) -> QueryDict:
    """Return a view's filters; without its search where that may look for words and the reader may not read them."""
    readings = parse_query(query.get("q", "")).readings
    if may_search_words(request) or Reading.WORDS not in readings:
        return query
    kept = query.copy()
    for name in ("q", AS):
        kept.pop(name, None)
    return kept


def snippets_of(
    request: HttpRequest, search: ListSearch, rows: Collection[Recording]
) -> dict[int, list[Part]]:
    """Return the matching part of each shown recording's transcript, by primary key, and log that they were shown."""
    if search.reading != Reading.WORDS or not rows:
        return {}
    held = Transcription.objects.filter(recording__in=rows).only("recording_id", "text", "status", "trust")
    parts = {one: snippet(one.text or "", search.query) for one in held}
    warning = Part(_("Not verified: "), matches=False)
    shown = {
        one.recording_id: [warning, *found] if one.is_unverified else found
        for one, found in parts.items()
        if found
    }
    if shown:
        accounts = {row.account for row in rows if row.pk in shown}
        note_access(
            request,
            AccessAction.TRANSCRIPT,
            None,
            account=accounts.pop() if len(accounts) == 1 else None,
            detail=_("A search showed the matching words of %d transcripts.") % len(shown),
        )
    return shown


def _url(request: HttpRequest, reading: Reading) -> str:
    changed: Any = request.GET.copy()
    changed[AS] = str(reading)
    for position in POSITIONS:
        changed.pop(position, None)
    return f"?{changed.urlencode()}"
