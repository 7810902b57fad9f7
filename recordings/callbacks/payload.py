"""What the fields of a delivery mean, typed: the one place that knows each field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from recordings.callbacks.field_aliases import (
    RECORDING_FIELDS,
    START_EVENT,
    TRANSCRIPTION_FIELDS,
    TRUNCATION_MARK,
    canonical_fields,
)
from recordings.choices import EventKind
from recordings.models.recording.provenance import NAME_LENGTH, URL_LENGTH, Facts
from recordings.vobiz import wire


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackPayload:
    """The fields of one delivery. Durations in milliseconds and, of a transcription, seconds; None is unknown.

    `problem`: one of its ids is not one that Vobiz could have given, in words. `brings_transcript`: it holds a
    transcript or why there is none. `is_start`: the event of a recording's start.
    """

    kind: EventKind
    is_start: bool = False
    brings_transcript: bool = False
    problem: str | None = None
    recording_id: str | None = None
    call_uuid: str | None = None
    api_id: str | None = None
    record_url: str | None = None
    recording_duration: int | None = None
    recording_duration_ms: int | None = None
    recording_start_ms: datetime | None = None
    recording_end_ms: datetime | None = None
    transcription: str | None = None
    transcription_charge: Decimal | None = None
    transcription_rate: Decimal | None = None
    duration: int | None = None
    error: str | None = None

    @property
    def duration_ms(self) -> int | None:
        """The recording's length: in milliseconds where it is given so, else by its seconds."""
        if self.recording_duration_ms is not None or self.recording_duration is None:
            return self.recording_duration_ms
        return self.recording_duration * 1_000

    @property
    def ended(self) -> bool:
        """Whether the recording has ended: it is not its start, and has an end or a duration (-1 is none)."""
        return not self.is_start and (self.recording_end_ms is not None or self.duration_ms is not None)

    def facts(self) -> Facts:
        """Return the columns it may fill: before the end, the ids only."""
        if not self.ended:
            return Facts(api_id=self.api_id)
        return Facts(
            api_id=self.api_id,
            recording_url=self.record_url,
            started_at=self.recording_start_ms,
            ended_at=self.recording_end_ms,
            duration_ms=self.duration_ms,
        )


def _id(value: str) -> str | None:
    """Return an id that may enter a path, None for an empty field. Raises BadId for any other text."""
    return None if wire.text(value) is None else wire.checked_id(value)


def _url(value: str) -> str | None:
    """Return a URL in full, or None: a truncated one leads elsewhere."""
    url = wire.text(value)
    return None if url is None or url.endswith(TRUNCATION_MARK) or len(url) > URL_LENGTH else url


# How each field is read. What cannot be understood is unknown, never an error; but for a wrong id, see `_id`.
CONVERTERS: dict[str, Callable[[str], Any]] = {
    "recording_id": _id,
    "call_uuid": _id,
    "api_id": lambda value: wire.text(value, NAME_LENGTH),
    "record_url": _url,
    "recording_duration": wire.millis,  # seconds; a fraction is rounded
    "recording_duration_ms": wire.millis,
    "recording_start_ms": wire.epoch_ms,
    "recording_end_ms": wire.epoch_ms,
    "transcription": wire.text,
    "transcription_charge": wire.money,
    "transcription_rate": wire.money,
    "duration": wire.millis,  # seconds
    "error": wire.text,
}


def parse_payload(fields: Mapping[str, str]) -> CallbackPayload:
    """Return what a delivery's fields say; which fields are there decides what kind it is."""
    present = canonical_fields(fields)
    kind = _kind(present)
    values: dict[str, Any] = {}
    problems = []
    for name, value in present.items():
        if (convert := CONVERTERS.get(name)) is None:
            continue
        try:
            values[name] = convert(value)
        except wire.BadId as problem:
            problems.append(str(problem))
    if problems:
        return CallbackPayload(kind=kind, problem=" ".join(problems))
    has_transcript = "transcription" in present or values.get("error") is not None
    return CallbackPayload(
        kind=kind,
        is_start=wire.lower(present.get("event")) == START_EVENT,
        brings_transcript=kind == EventKind.TRANSCRIPTION and has_transcript,
        **values,
    )


def _kind(present: Mapping[str, str]) -> EventKind:
    """Return the kind; of a delivery that is both, the transcription, because a transcript comes no other way."""
    if TRANSCRIPTION_FIELDS & present.keys():
        return EventKind.TRANSCRIPTION
    if RECORDING_FIELDS & present.keys():
        return EventKind.RECORDING
    if "recording_id" not in present:
        return EventKind.OTHER
    return EventKind.TRANSCRIPTION if "error" in present else EventKind.RECORDING
