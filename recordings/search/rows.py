"""From a query to rows: which index answers it, and in which order the rows are read.

An index knows nothing of time, so the newest hundred of its hits can be had in two ways: gather every hit and sort, or
walk the rows newest first and look whether each is a hit. The first is right for few hits, the second for many that
are spread over time. PostgreSQL's planner knows the frequency of words and chooses by itself. SQLite's does not, so the
hits are counted there, up to FEW, the newest PROBED rows are looked at, and the way is chosen here. Measured on 870,000
recordings: *parcel*, said in 100,000 of them, takes 13 ms by walking and 389 ms by gathering; a word said in 200 takes
1.5 ms by gathering and 4 s by walking. Gathering costs 0.8 µs a hit, walking 3 µs a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connections
from django.db.models import DateTimeField, F, Func, Q, QuerySet

from recordings.models import Call, Recording
from recordings.numbers import area_range
from recordings.search.lookups import SIDES, Digits, HasDigits, HasWords, Name, Side, Words, count_hits
from recordings.search.query import Query, Reading

FEW = 50_000  # hits that are gathered and sorted
FEW_CALLS = 5_000  # the same on PostgreSQL, whose planner takes parts of numbers to be commoner or rarer than they are
PROBED = 5_000  # newest rows that must hold a page of many hits, or else these are gathered and sorted all the same
A_PAGE = 100
MOST_IDS = 1_000  # rows whose id begins alike
NEWEST_FIRST = ("-happened_at", "-pk")


class Unindexed(Func):
    """A time as it is, in a form that keeps the planner from walking the index over it."""

    template = "+%(expressions)s"
    output_field = DateTimeField()


GATHERED = (Unindexed(F("happened_at")).desc(), "-pk")  # newest first too, of rows that another index finds


@dataclass(frozen=True, slots=True)
class Found:
    """Rows that a query finds, how the query was read, and the order in which to list them, newest first."""

    rows: QuerySet[Any]
    reading: Reading | None
    order: tuple[Any, ...]


def likeliest(visible: QuerySet[Any], query: Query, offered: Sequence[Reading]) -> Reading | None:
    """Return the first reading that finds a visible recording, else the first of all; None where there is none."""
    found = (one for one in offered if find_recordings(visible, query, one).rows.order_by().exists())
    return next(found, offered[0]) if offered else None


def find_recordings(rows: QuerySet[Any], query: Query, reading: Reading | None) -> Found:
    """Return those recordings that the query, read so, finds. None: nothing can be found.

    `rows` are those the reader may see. Words are the caller's to allow: a reading that this person may not use
    must not be passed in.
    """
    if reading is None:
        return Found(rows.none(), None, NEWEST_FIRST)
    return _in_order(rows, query, reading, partial(_recordings, rows, query, reading))


def find_of_recordings(
    rows: QuerySet[Any], query: Query, reading: Reading | None, *, path: str
) -> QuerySet[Any]:
    """Return those rows whose recording the query, read so, finds, in their own order.

    For lists of what belongs to recordings: transcripts, callbacks. `path` leads to the recording: `recording__`.
    """
    if reading is None:
        return rows.none()
    hits = partial(_recordings, Recording.objects.all(), query, reading, path)
    is_walked = _is_walked(rows, query, reading, hits, rows.model._meta.ordering)
    return rows.filter(hits(by_row=is_walked))


def find_calls(rows: QuerySet[Any], query: Query, reading: Reading | None) -> Found:
    """Return those calls that the query, read so, finds."""
    if reading is None:
        return Found(rows.none(), None, NEWEST_FIRST)
    return _in_order(rows, query, reading, partial(_calls, query, reading))


def few_or_walked(
    rows: QuerySet[Any], condition: Q, hits: QuerySet[Any], *, path: str = "pk", is_counted: bool = False
) -> tuple[QuerySet[Any], tuple[Any, ...]]:
    """Return the rows that meet `condition`, and the order in which to list them, newest first.

    `hits` has one column, the values of `path` of those rows, and an index that finds them without regard to time.
    Where they are few on SQLite, they are gathered from it; PostgreSQL's planner knows how many they are. Rows that
    are counted alone (`is_counted`) need no order, so there is nothing to choose.
    """
    if is_counted:
        return rows.filter(condition), NEWEST_FIRST
    if connections[rows.db].vendor == "sqlite" and hits.order_by()[: FEW + 1].count() <= FEW:
        return rows.filter(**{f"{path}__in": hits.order_by()}), GATHERED
    return rows.filter(condition), NEWEST_FIRST


def rare_or_walked(
    rows: QuerySet[Any], condition: Q, *, is_counted: bool
) -> tuple[QuerySet[Any], tuple[Any, ...]]:
    """Return the recordings that meet a condition on the row itself which has an index, and their order."""
    hits = Recording.objects.filter(condition).values("pk")
    return few_or_walked(rows, condition, hits, is_counted=is_counted)


def of_area(area: str, side: Side | None = None, *, path: str = "") -> Q:
    """Return the condition that a number of the call, on the side asked for or on either, is of an area.

    `area`: as `area_range` reads it, which raises ValueError where it cannot. `path` leads to the call: `call__`.
    """
    begins, ends = area_range(area)
    found = Q(pk__in=[])
    for one in SIDES if side is None else (side,):
        found |= Q(**{f"{path}{one}_digits__gte": begins, f"{path}{one}_digits__lt": ends})
    return found


def found_first(rows: QuerySet[Any], hits: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of `rows` that are among the few `hits`, which SQLite then reads by their own index.

    Else it would read every row of a reader's accounts.
    """
    return rows.filter(pk__in=hits.order_by().values("pk"))


def _calls(query: Query, reading: Reading, *, by_row: bool) -> Q:
    match reading:
        case Reading.NUMBER:
            return _any_digits("pk", query, by_row=by_row)
        case Reading.AREA:
            return of_area(query.area, query.side)
        case Reading.NAME:
            conferences = Recording.objects.filter(pk__in_conference=Name(query.name))
            named = [*_ids(conferences, "call_id"), *_calls_named(query)]
            return Q(pk__has_name=Name(query.name, query.side)) | Q(pk__in=named)
        case Reading.ID:
            of_recordings = Recording.objects.filter(_begins("recording_id", query))
            calls = Call.objects.filter(_begins("call_uuid", query))
            return Q(pk__in=[*_ids(calls, "pk"), *_calls_named(query), *_ids(of_recordings, "call_id")])
        case Reading.WORDS:
            return Q(pk__in=_ids(Recording.objects.filter(pk__has_words=_words(query)), "call_id"))


def _recordings(
    of: QuerySet[Any], query: Query, reading: Reading, path: str = "", *, by_row: bool = False
) -> Q:
    match reading:
        case Reading.NUMBER:
            return _any_digits(f"{path}call__pk", query, by_row=by_row)
        case Reading.AREA:
            return of_area(query.area, query.side, path=f"{path}call__")
        case Reading.WORDS:
            return Q(**{f"{path}pk__has_words": _words(query, by_row=by_row)})
        case Reading.NAME:
            of_calls = Q(**{f"{path}call__pk__has_name": Name(query.name, query.side)})
            in_conference = Q(**{f"{path}pk__in_conference": Name(query.name)})
            named = Q(**{f"{path}call__in": _calls_named(query)})
            return of_calls if query.side else of_calls | in_conference | named
        case Reading.ID:
            calls = [*_ids(Call.objects.filter(_begins("call_uuid", query)), "pk"), *_calls_named(query)]
            by_id = _ids(of.filter(_begins("recording_id", query)), "pk")
            by_call = _ids(of.filter(call__in=calls), "pk") if calls else []
            return Q(**{f"{path}pk__in": {*by_id, *by_call}})


def _in_order(rows: QuerySet[Any], query: Query, reading: Reading, hits: Callable[..., Q]) -> Found:
    """Return the rows that are hits, and their order; `hits` takes `by_row` as the lookups do."""
    if _is_walked(rows, query, reading, hits, NEWEST_FIRST):
        return Found(rows.filter(hits(by_row=True)), reading, NEWEST_FIRST)
    is_sqlite = connections[rows.db].vendor == "sqlite"
    return Found(rows.filter(hits(by_row=False)), reading, GATHERED if is_sqlite else NEWEST_FIRST)


def _is_walked(
    rows: QuerySet[Any], query: Query, reading: Reading, hits: Callable[..., Q], order: Sequence[str]
) -> bool:
    """Return whether the rows are to be walked in their order until enough of them are hits."""
    is_sqlite = connections[rows.db].vendor == "sqlite"
    if not (is_sqlite or reading == Reading.NUMBER) or not _has_many(query, reading, using=rows.db):
        return False
    return not is_sqlite or _is_page_soon(rows, hits(by_row=True), order)


def _is_page_soon(rows: QuerySet[Any], condition: Q, order: Sequence[str]) -> bool:
    """Return whether a walk finds a page among the first PROBED rows, or ends there.

    The many hits may be old ones, or of accounts that the reader does not see.
    """
    first = rows.order_by(*order).values("pk")[:PROBED]
    if first.count() < PROBED:
        return True
    found = rows.model._default_manager.filter(condition, pk__in=first)
    return int(found.order_by()[:A_PAGE].count()) == A_PAGE


def _has_many(query: Query, reading: Reading, *, using: str) -> bool:
    few = FEW if connections[using].vendor == "sqlite" else FEW_CALLS
    match reading:
        case Reading.NUMBER:
            counts = (
                count_hits(HasDigits, Digits(digits, query.side), upto=few, using=using)
                for digits in query.digits
            )
            return any(count > few for count in counts)
        case Reading.WORDS:
            return count_hits(HasWords, _words(query), upto=FEW, using=using) > FEW
        case Reading.AREA:
            return True  # no index counts them, and a large area is in many calls
        case _:
            return False


def _any_digits(path: str, query: Query, *, by_row: bool = False) -> Q:
    found = Q(pk__in=[])
    for digits in query.digits:
        found |= Q(**{f"{path}__has_digits": Digits(digits, query.side, by_row)})
    return found


def _words(query: Query, *, by_row: bool = False) -> Words:
    return Words(query.phrases, prefix=query.prefix, by_row=by_row)


def _calls_named(query: Query) -> list[int]:
    """Return the calls whose name at Vobiz, where that is no UUID, begins as what was typed."""
    begins = Call.objects.filter(call_uuid_text__isnull=False, call_uuid_text__begins=query.text)
    return _ids(begins, "pk")


def _begins(column: str, query: Query) -> Q:
    """Ids are compared as they are and in lower case: UUIDs are often copied in capitals."""
    spellings = {query.identifier, query.identifier.lower()}
    found = Q(pk__in=[])
    for spelling in spellings:
        found |= Q(**{f"{column}__begins": spelling})
    return found


def _ids(rows: QuerySet[Any], column: str) -> list[int]:
    return list(rows.order_by().values_list(column, flat=True)[:MOST_IDS])
