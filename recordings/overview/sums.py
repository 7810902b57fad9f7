"""Totals of the recordings of one list."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, QuerySet, Sum

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


def totals(rows: QuerySet[Any]) -> Totals:
    """Return the totals of these recordings in one statement, which reads at most MOST_SUMMED + 1 of them."""
    columns = ("duration_ms", "audio_bytes", "archived_at", "monthly_storage_amount")
    read = rows.order_by().values("pk", *columns, charge=F("transcription__charge"))[: MOST_SUMMED + 1]
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
