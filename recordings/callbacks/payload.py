"""What the fields of a delivery mean, typed: the one place that knows each field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from recordings.callbacks.body import UnreadableBodyError, loaded
from recordings.callbacks.field_aliases import (
    RECORDING_FIELDS,
    SPOKEN,
    START_EVENT,
    TEXT,
    TRANSCRIPTION_FIELDS,
    TRUNCATED_AT,
    TRUNCATION_MARK,
    URL,
    canonical_fields,
    names_event,
)
from recordings.callbacks.wrappers import flatten
from recordings.choices import EventKind
from recordings.models.recording.provenance import Facts
from recordings.vobiz import wire
from recordings.vobiz.objects import NAME_LENGTH, URL_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackPayload:
    """The fields of one delivery. Durations in milliseconds and, of a transcription, seconds; None is unknown.

    `problem`: one of its ids is not one that Vobiz could have given, in words. `brings_transcript`: it holds a
    transcript or why there is none. `is_start`: the event of a recording's start. `is_start_answer`: the answer to a
    start, delivered to the callback address; with `error`, the start failed. `id_from_url`: `recording_id` is not a
    field, but the end of the URL. `misses_subject`: its address or its event's name says what it is about, and none
    of that is in it, so that it must not be taken for done.
    """

    kind: EventKind
    is_start: bool = False
    is_start_answer: bool = False
    id_from_url: bool = False
    misses_subject: bool = False
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
    times_doubtful: bool = False
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
    def start_failed(self) -> bool:
        """Whether it is the answer to a start that failed."""
        return self.is_start_answer and self.error is not None

    @property
    def is_truncated(self) -> bool:
        """Whether only the beginning of the transcript was stored: versions before did not know its field."""
        text = self.transcription
        return text is not None and len(text) == TRUNCATED_AT and text.endswith(TRUNCATION_MARK)

    @property
    def ended(self) -> bool:
        """Whether the recording has ended: it is not its start, and has an end or a duration (-1 is none)."""
        return not self.is_start and (self.recording_end_ms is not None or self.duration_ms is not None)

    def facts(self) -> Facts:
        """Return the columns it may fill: before the end, the ids only."""
        if not self.ended:
            return Facts(api_id=self.api_id, recording_url=self.record_url if self.is_start_answer else None)
        return Facts(
            api_id=self.api_id,
            recording_url=self.record_url,
            started_at=self.recording_start_ms,
            ended_at=self.recording_end_ms,
            duration_ms=self.duration_ms,
            times_approximate=True if self.times_doubtful else None,
        )


def _id(value: str) -> str | None:
    """Return an id that may enter a path, None for an empty field. Raises InvalidIdError for any other text.

    A UUID is written in small letters, as Vobiz gives it.
    """
    given = value.strip(_AROUND_IDS)
    if not given or given.lower() in _NO_VALUES:
        return None
    return given.lower() if _UUID.fullmatch(given) else wire.checked_id(given)


def _error(value: str) -> str | None:
    """Return why it failed; None where the text says that nothing did."""
    words = wire.text(value)
    nothing = words is None or words.strip().lower() in (*_NO_VALUES, "0", "[]", "{}")
    return None if nothing and words != "true" else words


def _spoken(value: str) -> str | None:
    """Return the text of a transcript, which may be a list of its parts: texts, or objects that hold one each."""
    if value.lstrip()[:1] == "[":
        with suppress(UnreadableBodyError):
            texts = [_text_of(part) for part in loaded(value)]
            if texts and None not in texts:
                return wire.text(" ".join(str(text).strip() for text in texts))
    return wire.text(value)


def _text_of(part: Any) -> str | None:
    if isinstance(part, dict):
        part = next((part[name] for name in PART_NAMES if name in part), None)
    return part if isinstance(part, str) else None


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
    "recording_duration": lambda value: wire.millis(value.strip()),  # seconds; a fraction is rounded
    "recording_duration_ms": lambda value: wire.millis(value.strip()),
    "transcription": _spoken,
    "transcription_charge": wire.money,
    "transcription_rate": wire.money,
    "duration": wire.millis,  # seconds
    "error": _error,
}


def parse_payload(fields: Mapping[str, str], endpoint: str = "") -> CallbackPayload:
    """Return what a delivery's fields say; which fields are there decides what kind it is.

    `endpoint`: the name of the address it was delivered to, which decides what a name such as `text` means.
    """
    flat = flatten(fields)
    present = canonical_fields(flat)
    event = wire.lower(present.get("event")) or ""
    about = " ".join(filter(None, (event, *map(wire.lower, _event_names(fields, flat)))))
    is_answer = _take_names_by_place(present, flat, event=event, endpoint=endpoint)
    kind = _kind(present, event, endpoint, is_answer=is_answer)
    values: dict[str, Any] = {}
    problems = []
    for name, value in present.items():
        if (convert := CONVERTERS.get(name)) is None:
            continue
        try:
            values[name] = convert(value)
        except wire.InvalidIdError as problem:
            problems.append(str(problem))
    if problems:
        return CallbackPayload(kind=kind, problem=" ".join(problems))
    id_from_url = False
    if kind == EventKind.RECORDING and values.get("call_uuid") and values.get("recording_id") is None:
        values["recording_id"] = _id_of(values.get("record_url"))
        id_from_url = values["recording_id"] is not None
    span = wire.epoch_span(present.get("recording_start_ms"), present.get("recording_end_ms"))
    values |= {
        "recording_start_ms": span.start,
        "recording_end_ms": span.end,
        "times_doubtful": span.doubtful,
    }
    has_transcript = "transcription" in present or values.get("error") is not None
    brings_transcript = kind == EventKind.TRANSCRIPTION and has_transcript
    return CallbackPayload(
        kind=kind,
        is_start=event == START_EVENT,
        is_start_answer=is_answer,
        id_from_url=id_from_url,
        brings_transcript=brings_transcript,
        misses_subject=not (brings_transcript or is_answer)
        and _misses_subject(fields, present, about=about, endpoint=endpoint),
        **values,
    )


_AROUND_IDS = " \t\r\n\0\"'{}<>\ufffd"
_NO_VALUES = ("null", "none", "undefined", "nil", "nan", "true", "false", "n/a")  # that other languages write
PART_NAMES = ("text", "transcript", "transcription", "word", "content")  # of a part of a transcript
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_EVENT_NAME = re.compile(r"[\w.:-]{1,64}", re.ASCII)
# In the name of an event: `RecordStop`, `recording.completed`; `transcription.completed`
RECORD, TRANSCRI = "record", "transcri"
_URL_ID = re.compile(r"/([A-Za-z0-9_-]{16,64})(?:\.[A-Za-z0-9]{1,5})?/?(?:[?#].*)?\Z", re.ASCII)


def _event_names(*levels: Mapping[str, str]) -> list[str]:
    """Return what the fields beside `event` say that the delivery is about."""
    return [
        value
        for fields in levels
        for name, value in fields.items()
        if names_event(name) and _EVENT_NAME.fullmatch(value)
    ]


def _take_names_by_place(
    present: dict[str, str], flat: Mapping[str, str], *, event: str, endpoint: str
) -> bool:
    """Add to `present` the fields whose names mean them only here; return whether it is the answer to a start."""
    by_name = {name.lower(): value for name, value in flat.items() if name.lower() in (*SPOKEN, URL)}
    expected = endpoint in ("recording", "transcription") or TRANSCRI in event or present.get("recording_id")
    names = SPOKEN if endpoint == "transcription" else (TEXT,) if expected else ()
    spoken = next((by_name[name] for name in names if name in by_name), None)
    if spoken is not None and not present.get("transcription"):
        present["transcription"] = spoken
    others = RECORDING_FIELDS | TRANSCRIPTION_FIELDS
    if endpoint != "recording" or not present.get("api_id") or others & present.keys():
        return False
    if present.get("recording_id"):
        if by_name.get(URL):
            present["record_url"] = by_name[URL]
        return bool(by_name.get(URL))
    return bool(present.get("error"))


def _kind(present: Mapping[str, str], event: str, endpoint: str, *, is_answer: bool) -> EventKind:
    """Return the kind; of a delivery that is both, the transcription, because a transcript comes no other way."""
    if is_answer:
        return EventKind.RECORDING
    failed = "error" in present and _expects_transcript(event, endpoint)
    if failed or TRANSCRIPTION_FIELDS & present.keys():
        return EventKind.TRANSCRIPTION
    if RECORDING_FIELDS & present.keys():
        return EventKind.RECORDING
    if "recording_id" not in present:
        return EventKind.TRANSCRIPTION if TRANSCRI in event else EventKind.OTHER
    return EventKind.TRANSCRIPTION if "error" in present else EventKind.RECORDING


def _expects_transcript(event: str, endpoint: str) -> bool:
    """Return whether its address or its event's name says that it brings a transcript."""
    return endpoint == "transcription" or TRANSCRI in event


def _misses_subject(
    fields: Mapping[str, str], present: Mapping[str, str], *, about: str, endpoint: str
) -> bool:
    """Return whether its address, its event or an object in it says what it is about, and no known field does."""
    if _expects_transcript(about, endpoint):
        return True
    is_expected = RECORD in about or (endpoint == "recording" and _hides_more(fields, present))
    return is_expected and not any(present.get(name) for name in (*RECORDING_FIELDS, "recording_id"))


def _hides_more(fields: Mapping[str, str], present: Mapping[str, str]) -> bool:
    """Return whether there is an error, or an object that is not understood speaks of a recording."""
    objects = (value.lower() for value in fields.values() if value.lstrip()[:1] in ("{", "["))
    return _error(present.get("error", "")) is not None or any(RECORD in value for value in objects)


def _id_of(url: str | None) -> str | None:
    """Return the recording's id that a URL ends in, if it may be one."""
    match = _URL_ID.search(url) if url is not None else None
    return match[1] if match and wire.ID_SHAPE.fullmatch(match[1]) else None
