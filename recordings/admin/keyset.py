"""Pages of a list by keyset: a page begins beside a row that an index finds, so page 5,000 costs what page 1 costs.

An offset reads and forgets every row before the page. Here an address holds the value and the primary key of the row
at the page's edge: `?after=<value>.<pk>` for the rows that follow it in the list's order, `?before=` for those ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django.db.models import DateTimeField, F, OrderBy, Q, QuerySet

from recordings.admin.zones import iso_day
from recordings.overview import day_bounds

AFTER, BEFORE, JUMP = "after", "before", "jump"
POSITIONS = (
    AFTER,
    BEFORE,
    JUMP,
)  # parameters that say where in the list the page is, not which rows are in the list
MOST_COUNTED = 10_000
LARGEST = 2**63 - 1  # number that every database takes
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
KEY = "keyset_value"  # the alias of the value in a query


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

    @property
    def is_newest_first(self) -> bool:
        """Whether it is by time, or by the order in which rows were added, the newest first."""
        return self.is_descending and (self.is_time or self.value is None)

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
    names = [_name(one) for one in (value, *_parts(value)) if isinstance(one, F)]
    field = rows.alias(**{KEY: value}).query.annotations[KEY].output_field
    if not names:
        return None
    return Order(value, names[0], isinstance(field, DateTimeField), is_descending)


def _name(field: Any) -> str:
    return str(field.name)


def _parts(value: Any) -> list[Any]:
    return [] if isinstance(value, F) else list(value.get_source_expressions())


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


def page_at(
    rows: QuerySet[Any], order: Order, asked: Mapping[str, str], *, size: int, zone: tzinfo
) -> KeysetPage:
    """Return the page at the position that an address asks for; the first where it asks for none, or for nonsense."""
    try:
        if BEFORE in asked:
            return _before(rows, order, order.read(asked[BEFORE]), size)
        if AFTER in asked:
            return _after(rows, order, order.read(asked[AFTER]), size)
        if JUMP in asked:
            return _jump(rows, order, asked[JUMP], size, zone)
    except ValueError:
        first = _after(rows, order, None, size)
        return KeysetPage(first.rows, first.ahead, first.following, is_position_wrong=True)
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


def _jump(rows: QuerySet[Any], order: Order, text: str, size: int, zone: tzinfo) -> KeysetPage:
    """Return the page that begins with the last row of a day, or the newest before it."""
    day = iso_day(text)
    if day is None or not order.is_time:
        raise ValueError(text)
    begins, ends = day_bounds(day, zone)
    cursor = Cursor(ends, 0) if order.is_descending else Cursor(begins, 0)
    page = _after(rows, order, cursor, size)
    is_first = not order.beyond(rows, cursor, backwards=True).order_by().exists()
    return KeysetPage(page.rows, None, page.following) if is_first else page


def count_up_to(rows: QuerySet[Any], most: int = MOST_COUNTED) -> int:
    """Return how many rows there are; `most + 1` where there are more, without reading further."""
    return rows.order_by().values("pk")[: most + 1].count()
