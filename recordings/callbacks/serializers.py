"""From a delivery's fields to what it says, typed: the one place that knows what each field means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from recordings.callbacks.vocabulary import (
    BEGUN,
    CUT_MARK,
    RECORDING_FIELDS,
    TRANSCRIPTION_FIELDS,
    in_our_words,
)
from recordings.choices import EventKind
from recordings.models.recording.provenance import NAME_LENGTH, URL_LENGTH, Facts
from recordings.vobiz import wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one delivery says. Durations in milliseconds and, of a transcription, seconds; None is unknown.

    `problem`: an id in it is not one that Vobiz could have given, in words. `brings_transcript`: it holds a
    transcript or why there is none.
    """

    kind: EventKind
    begun: bool = False
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
        """It says that the recording has ended: not its start, and an end or a duration is there (-1 is none)."""
        return not self.begun and (self.recording_end_ms is not None or self.duration_ms is not None)

    def facts(self) -> Facts:
        """The columns it may fill: before the end, the ids only."""
        if not self.ended:
            return Facts(api_id=self.api_id)
        return Facts(
            api_id=self.api_id,
            recording_url=self.record_url,
            started_at=self.recording_start_ms,
            ended_at=self.recording_end_ms,
            duration_ms=self.duration_ms,
        )


class WireField(serializers.Field[Any, Any, Any, Any]):
    """A field in Vobiz's dialect: what cannot be understood is unknown, never an error."""

    def __init__(self, understand: Callable[[object], Any]) -> None:
        super().__init__(required=False, allow_null=True)
        self.understand = understand

    def to_internal_value(self, data: object) -> Any:
        """The value, or None."""
        return self.understand(data)


def _url(value: object) -> str | None:
    """A URL whole, or none: a cut one leads elsewhere."""
    url = wire.text(value)
    return None if url is None or url.endswith(CUT_MARK) or len(url) > URL_LENGTH else url


class IdField(serializers.Field[Any, Any, Any, Any]):
    """An id that may enter a path; another text in its place is an error."""

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_internal_value(self, data: object) -> str | None:
        """The id; None where the field is empty."""
        if wire.text(data) is None:
            return None
        try:
            return wire.checked_id(data)
        except wire.BadId as problem:
            raise serializers.ValidationError(str(problem)) from problem


class CallbackSerializer(serializers.Serializer[Any]):
    """The fields of every kind of callback, under our names."""

    event = WireField(wire.lower)
    recording_id = IdField()
    call_uuid = IdField()
    api_id = WireField(lambda value: wire.text(value, NAME_LENGTH))
    record_url = WireField(_url)
    recording_duration = WireField(wire.millis)  # seconds; a fraction is rounded
    recording_duration_ms = WireField(wire.millis)
    recording_start_ms = WireField(wire.epoch_ms)
    recording_end_ms = WireField(wire.epoch_ms)
    transcription = WireField(wire.text)
    transcription_charge = WireField(wire.money)
    transcription_rate = WireField(wire.money)
    duration = WireField(wire.millis)  # seconds
    error = WireField(wire.text)


def understand(fields: Mapping[str, str]) -> Said:
    """What a delivery's fields say; what it is, is decided by which fields are there."""
    present = in_our_words(fields)
    kind = _kind(present)
    serializer = CallbackSerializer(data=present)
    if not serializer.is_valid():
        words = " ".join(str(problem) for problems in serializer.errors.values() for problem in problems)
        return Said(kind=kind, problem=words)
    values = dict(serializer.validated_data)
    event, error = values.pop("event", None), values.get("error")
    is_transcript = kind == EventKind.TRANSCRIPTION and ("transcription" in present or error is not None)
    return Said(kind=kind, begun=event == BEGUN, brings_transcript=is_transcript, **values)


def _kind(present: Mapping[str, str]) -> EventKind:
    """A delivery may be both; then the transcript, which comes no other way, names it."""
    if TRANSCRIPTION_FIELDS & present.keys():
        return EventKind.TRANSCRIPTION
    if RECORDING_FIELDS & present.keys():
        return EventKind.RECORDING
    if "recording_id" not in present:
        return EventKind.OTHER
    return EventKind.TRANSCRIPTION if "error" in present else EventKind.RECORDING
