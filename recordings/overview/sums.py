"""Totals of the rows of one list."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum

from recordings.choices import EventOutcome
from recordings.models import Transcription

MOST_SUMMED = 10_000


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals; `is_partial`: only the first MOST_SUMMED rows were summed.

    `storage`: USD of this month, by Vobiz. `transcription`: Vobiz names no currency for it.
    """

    rows: int
    duration_ms: int
    audio_bytes: int
    archived: int
    storage: Decimal | None
    transcription: Decimal | None
    is_partial: bool


@dataclass(frozen=True, slots=True)
class EventTotals:
    """How many callbacks there are of each outcome; `is_partial`: of the first MOST_SUMMED, for there are more."""

    rows: int
    outcomes: dict[EventOutcome, int]
    is_partial: bool


def event_totals(rows: QuerySet[Any]) -> EventTotals:
    """Return the outcomes of these callbacks in one statement, which reads at most MOST_SUMMED + 1 of them."""
    read = rows.order_by().values("pk", "outcome")[: MOST_SUMMED + 1]
    counts = {name: Count("pk", filter=Q(outcome=name)) for name in EventOutcome.values}
    found = read.aggregate(n=Count("pk"), **counts)
    outcomes = {EventOutcome(name): found[name] for name in EventOutcome.values if found[name]}
    return EventTotals(min(found["n"], MOST_SUMMED), outcomes, found["n"] > MOST_SUMMED)


def totals(rows: QuerySet[Any]) -> Totals:
    """Return the totals of these recordings in one statement, which reads at most MOST_SUMMED + 1 of them.

    In their order, if they have one: the index that gives it to the page gives it here. The charge is looked up for
    each row read, for a join with all transcripts is dearer than PostgreSQL thinks.
    """
    columns = ("duration_ms", "audio_bytes", "archived_at", "monthly_storage_amount")
    charge = Transcription.objects.order_by().filter(recording=OuterRef("pk")).values("charge")
    read = rows.values("pk", *columns, charge=Subquery(charge[:1]))[: MOST_SUMMED + 1]
    found = read.aggregate(
        n=Count("pk"),
        length=Sum("duration_ms"),
        size=Sum("audio_bytes"),
        archived=Count("archived_at"),
        storage=Sum("monthly_storage_amount"),
        transcription=Sum("charge"),
    )
    return Totals(
        rows=min(found["n"], MOST_SUMMED),
        duration_ms=int(found["length"] or 0),
        audio_bytes=int(found["size"] or 0),
        archived=min(found["archived"], MOST_SUMMED),
        storage=found["storage"],
        transcription=found["transcription"],
        is_partial=found["n"] > MOST_SUMMED,
    )
