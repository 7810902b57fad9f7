"""From a query to rows: which index answers it, and in which order the rows are read.

An index knows nothing of time, so the newest hundred of its hits can be had in two ways: gather every hit and sort, or
walk the rows newest first and look each up among the hits. The first is right for a few hits, the second for many. A
planner without statistics of our tokens guesses wrongly, so the hits are counted up to FEW and the way is chosen here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import DateTimeField, F, Func, Q, QuerySet

from recordings.models import Call, Recording
from recordings.search.lookups import Digits, Name, Words
from recordings.search.query import Query, Reading

FEW = 5_000  # hits that are gathered and sorted
MOST_IDS = 1_000  # rows whose id begins alike


class Unindexed(Func):
    """A time as it is, in a form that keeps the planner from walking the index over it."""

    template = "+%(expressions)s"
    output_field = DateTimeField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Add nothing to it: PostgreSQL has no unary plus for times."""
        return self.as_sql(compiler, connection, template="(%(expressions)s + interval '0')", **context)


@dataclass(frozen=True, slots=True)
class Found:
    """Rows that a query finds, how the query was read, and the order in which to list them, newest first."""

    rows: QuerySet[Any]
    reading: Reading | None
    order: tuple[Any, ...]


def likeliest(visible: QuerySet[Any], query: Query, offered: Sequence[Reading]) -> Reading | None:
    """Return the first reading that finds a visible recording, else the first of all; None where there is none."""
    found = (one for one in offered if visible.filter(_recordings(visible, query, one)).order_by().exists())
    return next(found, offered[0]) if offered else None


def find_recordings(rows: QuerySet[Any], query: Query, reading: Reading | None) -> Found:
    """Return those recordings that the query, read so, finds. None: nothing can be found.

    `rows` are those the reader may see. Words are the caller's to allow: a reading that this person may not use
    must not be passed in.
    """
    if reading is None:
        return Found(rows.none(), None, ("-happened_at", "-pk"))
    return _in_order(rows, _recordings(rows, query, reading), reading)


def find_of_recordings(
    rows: QuerySet[Any], query: Query, reading: Reading | None, *, path: str
) -> QuerySet[Any]:
    """Return those rows whose recording the query, read so, finds, in their own order.

    For lists of what belongs to recordings: transcripts, callbacks. `path` leads to the recording: `recording__`.
    """
    if reading is None:
        return rows.none()
    return rows.filter(_recordings(Recording.objects.all(), query, reading, path))


def find_calls(rows: QuerySet[Any], query: Query, reading: Reading | None) -> Found:
    """Return those calls that the query, read so, finds."""
    match reading:
        case Reading.NUMBER:
            hits = _any_digits("pk", query)
        case Reading.NAME:
            hits = Q(pk__has_name=Name(query.name, query.side)) | Q(
                pk__in=_ids(Recording.objects.filter(pk__in_conference=Name(query.name)), "call_id")
            )
        case Reading.ID:
            of_recordings = Recording.objects.filter(_begins("recording_id", query))
            calls = Call.objects.filter(_begins("call_uuid", query))
            hits = Q(pk__in=[*_ids(calls, "pk"), *_ids(of_recordings, "call_id")])
        case Reading.WORDS:
            hits = Q(pk__in=_ids(Recording.objects.filter(pk__has_words=_words(query)), "call_id"))
        case None:
            return Found(rows.none(), None, ("-happened_at", "-pk"))
    return _in_order(rows, hits, reading)


def _recordings(of: QuerySet[Any], query: Query, reading: Reading, path: str = "") -> Q:
    match reading:
        case Reading.NUMBER:
            return _any_digits(f"{path}call__pk", query)
        case Reading.WORDS:
            return Q(**{f"{path}pk__has_words": _words(query)})
        case Reading.NAME:
            of_calls = Q(**{f"{path}call__pk__has_name": Name(query.name, query.side)})
            in_conference = Q(**{f"{path}pk__in_conference": Name(query.name)})
            return of_calls if query.side else of_calls | in_conference
        case Reading.ID:
            calls = _ids(Call.objects.filter(_begins("call_uuid", query)), "pk")
            by_id = _ids(of.filter(_begins("recording_id", query)), "pk")
            by_call = _ids(of.filter(call__in=calls), "pk") if calls else []
            return Q(**{f"{path}pk__in": {*by_id, *by_call}})


def _in_order(rows: QuerySet[Any], hits: Q, reading: Reading) -> Found:
    found = rows.filter(hits)
    few = len(rows.model._default_manager.filter(hits).order_by().values_list("pk")[: FEW + 1]) <= FEW
    order = (Unindexed(F("happened_at")).desc(), "-pk") if few else ("-happened_at", "-pk")
    return Found(found, reading, order)


def _any_digits(path: str, query: Query) -> Q:
    found = Q(pk__in=[])
    for digits in query.digits:
        found |= Q(**{f"{path}__has_digits": Digits(digits, query.side)})
    return found


def _words(query: Query) -> Words:
    return Words(query.phrases, prefix=query.prefix)


def _begins(column: str, query: Query) -> Q:
    """Ids are compared as they are and in lower case: UUIDs are often copied in capitals."""
    spellings = {query.identifier, query.identifier.lower()}
    found = Q(pk__in=[])
    for spelling in spellings:
        found |= Q(**{f"{column}__begins": spelling})
    return found


def _ids(rows: QuerySet[Any], column: str) -> list[int]:
    return list(rows.order_by().values_list(column, flat=True)[:MOST_IDS])
