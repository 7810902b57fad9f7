"""Facts about a recording, the source of each, and the rank by which sources overwrite each other.

Facts have a rank: read back from the API > answer to start > callback. A lower or equal rank fills gaps and never
overwrites, but for the API, whose latest word counts; null never overwrites a value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from recordings.choices import SOURCE_RANK, Source
from recordings.declarations import amount
from recordings.vobiz.objects import NAME_LENGTH, URL_LENGTH, WORD_LENGTH, RecordingObject, StartAnswer

# Vobiz's daily changing fields: written by a narrow update, and not part of the hash.
DAILY = ("storage_days", "monthly_storage_amount")
PLACES = Decimal("1e-8")


class ProviderFacts(models.Model):
    """The columns that Vobiz decides. `sources` names for each of them where its value is from."""

    api_id = models.CharField(_("api_id"), max_length=NAME_LENGTH, null=True, blank=True)
    recording_url = models.CharField(_("recording URL"), max_length=URL_LENGTH, null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=WORD_LENGTH, null=True, blank=True)
    file_format = models.CharField(_("format"), max_length=WORD_LENGTH, null=True, blank=True)
    conference_name = models.CharField(_("conference"), max_length=NAME_LENGTH, null=True, blank=True)
    added_at = models.DateTimeField(_("added at Vobiz"), null=True, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    times_approximate = models.BooleanField(_("times are approximate"), null=True, blank=True)
    duration_ms = models.BigIntegerField(_("duration"), null=True, blank=True, help_text=_("Milliseconds."))
    billed_seconds = models.BigIntegerField(_("billed seconds"), null=True, blank=True)
    storage_days = models.BigIntegerField(_("days in storage"), null=True, blank=True)
    storage_rate = amount(_("storage rate"), help_text=_("USD a month."))
    monthly_storage_amount = amount(_("storage this month"), help_text=_("USD."))
    sources = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True

    def source_of(self, column: str) -> Source | None:
        """Return where a fact is from; None for what was decided here or is not known."""
        return Source(self.sources[column]) if column in self.sources else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The columns of a Recording that Vobiz decides; None where this source does not say."""

    api_id: str | None = None
    recording_url: str | None = None
    kind: str | None = None
    file_format: str | None = None
    conference_name: str | None = None
    added_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: int | None = None
    billed_seconds: int | None = None
    storage_days: int | None = None
    storage_rate: Decimal | None = None
    monthly_storage_amount: Decimal | None = None
    times_approximate: bool | None = None
    """True where a time had no zone or cannot be meant, or `started_at` is that of `added_at` (trunk rows)."""

    @classmethod
    def from_object(cls, seen: RecordingObject) -> Facts:
        """Return the facts of a listed or retrieved recording. Its `api_id` names a request and is left out."""
        added = seen.added_at
        started = seen.started_at or (added.at if added else None)
        return cls(
            recording_url=seen.recording_url,
            kind=seen.recording_type,
            file_format=seen.recording_format,
            conference_name=seen.conference_name,
            added_at=added.at if added else None,
            started_at=started,
            ended_at=seen.ended_at,
            duration_ms=seen.duration_ms,
            billed_seconds=seen.rounded_duration,
            storage_days=seen.storage_days,
            storage_rate=_money(seen.storage_rate),
            monthly_storage_amount=_money(seen.monthly_storage_amount),
            times_approximate=bool(added and added.approximate)
            or seen.times_doubtful
            or (seen.started_at is None and started is not None),
        )

    @classmethod
    def from_answer(cls, answer: StartAnswer) -> Facts:
        """Return the facts of the answer to a start: `api_id`, and where the file will be."""
        return cls(api_id=answer.api_id, recording_url=answer.url)

    @property
    def finished(self) -> bool:
        """Whether these facts mean that the recording has ended and its file is there or will be."""
        return self.ended_at is not None or self.duration_ms is not None or self.recording_url is not None

    def digest(self, *beside: str | None) -> bytes:
        """Return 32 bytes over the normalised values and the texts `beside` them, without what changes every day."""
        said = [repr(getattr(self, field.name)) for field in fields(self) if field.name not in DAILY]
        said += [repr(text) for text in beside]
        return hashlib.sha256("\x1f".join(said).encode()).digest()

    def merge_into(self, row: ProviderFacts, source: Source) -> list[str]:
        """Set on `row`, unsaved, what these facts may change by their rank; return the columns changed."""
        changed = []
        rank = SOURCE_RANK[source]
        sources: dict[str, str] = dict(row.sources)
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if value is None:
                continue
            held = getattr(row, name)
            held_rank = SOURCE_RANK[Source(sources[name])] if name in sources else 0
            may = held is None or rank > held_rank or (rank == held_rank and source == Source.API)
            if not may:
                continue
            if held != value:
                setattr(row, name, value)
                changed.append(name)
            if sources.get(name) != source:
                sources[name] = str(source)
        if sources != row.sources:
            row.sources = sources
            changed.append("sources")
        return changed

    @classmethod
    def of(cls, row: ProviderFacts, source: Source) -> Facts:
        """Return the facts that a row holds from one source, for merging them into another row."""
        held: Mapping[str, str] = row.sources
        values: dict[str, Any] = {
            field.name: getattr(row, field.name) for field in fields(cls) if held.get(field.name) == source
        }
        return cls(**values)


FACT_COLUMNS = tuple(field.name for field in fields(Facts))
TEXT_FACTS = tuple(
    field.name for field in ProviderFacts._meta.local_fields if isinstance(field, models.CharField)
)


def _money(amount: Decimal | None) -> Decimal | None:
    """Return the amount with the column's decimal places, so that 0.005 and 0.0050 are equal."""
    return None if amount is None else amount.quantize(PLACES)
