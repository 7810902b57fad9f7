"""From a query to rows: which index answers it, and in which order the rows are read.

An index knows nothing of time, so the newest hundred of its hits can be had in two ways: gather every hit and sort, or
walk the rows newest first and look whether each is a hit. The first is right for few hits, the second for many that
are spread over time. PostgreSQL's planner knows the frequency of words and chooses by itself. It does not know that of
digits, and SQLite's knows nothing, so the first hits are read here. Up to FEW_HITS stand in each statement as numbers:
the index of digits alone takes 12 ms to find a whole number among 175,000 calls. Of more, the newest PROBED rows tell
the way. Measured on SQLite, 250,000 recordings: the page of *parcel*, said in 37,000 of them, takes 7 ms by walking and
90 ms by gathering, its sums 625 ms by walking and 86 ms by gathering.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connections
from django.db.models import F, Q, QuerySet

from recordings.models import Call, Recording
from recordings.models.recording.queryset import Unindexed
from recordings.numbers import area_range
from recordings.search.lookups import SIDES, Digits, HasDigits, HasWords, Name, Side, Words, first_hits
from recordings.search.query import FirstHits, Query, Reading

FEW = 50_000  # rows of a partial index that are gathered and sorted
FEW_HITS = 5_000  # the same of the indexes of digits and words
PROBED = 5_000  # newest rows that must hold a page of many hits, or else these are gathered and sorted all the same
A_PAGE = 100
MOST_IDS = 1_000  # rows whose id begins alike
NEWEST_FIRST = ("-happened_at", "-pk")


GATHERED = (Unindexed(F("happened_at")).desc(), "-pk")  # newest first too, of rows that another index finds


@dataclass(frozen=True, slots=True)
class Found:
    """Rows that a query finds, how the query was read, and the order in which to list them, newest first."""

    rows: QuerySet[Any]
    reading: Reading | None
    order: tuple[Any, ...]


def likeliest(visible: QuerySet[Any], query: Query, offered: Sequence[Reading]) -> Reading | None:
    """Return the first reading that finds a visible recording, else the first of all; None where there is none."""
    if len(offered) < 2:
        return next(iter(offered), None)
    return next((one for one in offered if _finds(visible, query, one)), offered[0])


def _finds(visible: QuerySet[Any], query: Query, reading: Reading) -> bool:
    """Return whether a visible recording is a hit; of many hits the first are looked at before the others."""
    rows, first = visible.order_by(), _first_hits(query, reading, using=visible.db)
    if first is not None:
        column = "call__pk" if reading == Reading.NUMBER else "pk"
        if rows.filter(**{f"{column}__among": first.keys}).exists():
            return True
        if first.are_all:
            return False
    return rows.filter(_recordings(visible, query, reading)).exists()


def find_recordings(rows: QuerySet[Any], query: Query, reading: Reading | None) -> Found:
    """Return those recordings that the query, read so, finds. None: nothing can be found.

    `rows` are those the reader may see. Words are the caller's to allow: a reading that this person may not use
    must not be passed in.
    """
    return _in_order(rows, query, reading, _recordings)


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
    return _in_order(rows, query, reading, _calls)


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


def common_or_few(
    rows: QuerySet[Any], condition: Q, hits: QuerySet[Any], *, path: str = "pk", is_counted: bool = False
) -> tuple[QuerySet[Any], tuple[Any, ...]]:
    """Return the same of a condition that many rows meet, whose hits are not even counted where a walk ends soon."""
    if (
        not is_counted
        and connections[rows.db].vendor == "sqlite"
        and _is_page_soon(rows, condition, NEWEST_FIRST)
    ):
        return rows.filter(condition), NEWEST_FIRST
    return few_or_walked(rows, condition, hits, path=path, is_counted=is_counted)


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


def _calls(of: QuerySet[Any], query: Query, reading: Reading, *, by_row: bool) -> Q:
    match reading:
        case Reading.NUMBER:
            return _hits("pk", query, reading, using=of.db, by_row=by_row)
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
            return _hits(f"{path}call__pk", query, reading, using=of.db, by_row=by_row)
        case Reading.AREA:
            return of_area(query.area, query.side, path=f"{path}call__")
        case Reading.WORDS:
            return _hits(f"{path}pk", query, reading, using=of.db, by_row=by_row)
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


def _in_order(rows: QuerySet[Any], query: Query, reading: Reading | None, hits_of: Callable[..., Q]) -> Found:
    """Return the rows that are hits, and their order; `hits_of` takes `by_row` as the lookups do."""
    if reading is None:
        return Found(rows.none(), None, NEWEST_FIRST)
    hits = partial(hits_of, rows, query, reading)
    if _is_walked(rows, query, reading, hits, NEWEST_FIRST):
        return Found(rows.filter(hits(by_row=True)), reading, NEWEST_FIRST)
    is_sqlite = connections[rows.db].vendor == "sqlite"
    return Found(rows.filter(hits(by_row=False)), reading, GATHERED if is_sqlite else NEWEST_FIRST)


def _is_walked(
    rows: QuerySet[Any], query: Query, reading: Reading, hits: Callable[..., Q], order: Sequence[str]
) -> bool:
    """Return whether the rows are to be walked in their order until enough of them are hits."""
    is_sqlite = connections[rows.db].vendor == "sqlite"
    first = _first_hits(query, reading, using=rows.db)
    # no index counts the numbers of an area, and a large one is in many calls
    has_many = reading == Reading.AREA and is_sqlite if first is None else not first.are_all
    return has_many and (not is_sqlite or _is_page_soon(rows, hits(by_row=True), order))


def _is_page_soon(rows: QuerySet[Any], condition: Q, order: Sequence[str]) -> bool:
    """Return whether a walk finds a page among the first PROBED rows, or ends there.

    The many hits may be old ones, or of accounts that the reader does not see.
    """
    first = rows.order_by(*order).values("pk")[:PROBED]
    if first.count() < PROBED:
        return True
    # in an order, for rows without one are gathered
    found = rows.model._default_manager.filter(condition, pk__in=first).order_by("-pk")
    return int(found[:A_PAGE].count()) == A_PAGE


def _first_hits(query: Query, reading: Reading, *, using: str) -> FirstHits | None:
    """Return the calls of digits, or the recordings of words: all, or FEW_HITS and one more. Read once for a query.

    None where no index counts them, or the planner knows how many they are.
    """
    is_sqlite = connections[using].vendor == "sqlite"
    if reading != Reading.NUMBER and not (reading == Reading.WORDS and is_sqlite):
        return None
    if reading not in query.first_hits:
        wanted: list[tuple[type[HasDigits | HasWords], Digits | Words]] = [(HasWords, _words(query))]
        if reading == Reading.NUMBER:
            wanted = [(HasDigits, Digits(digits, query.side)) for digits in query.digits]
        found = [first_hits(lookup, value, upto=FEW_HITS + 1, using=using) for lookup, value in wanted]
        keys = {key for part in found for key in part}
        are_all = all(len(part) <= FEW_HITS for part in (*found, keys))
        query.first_hits[reading] = FirstHits(sorted(keys), are_all)
    return query.first_hits[reading]


def _hits(path: str, query: Query, reading: Reading, *, using: str, by_row: bool) -> Q:
    """Return the condition that `path`, a call for digits and a recording for words, is among the hits."""
    first = _first_hits(query, reading, using=using)
    if first is not None and first.are_all:
        return Q(**{f"{path}__among": first.keys})
    if reading == Reading.WORDS:
        return Q(**{f"{path}__has_words": _words(query, by_row=by_row)})
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
