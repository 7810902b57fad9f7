"""The field names of Vobiz's callbacks, as data: their spellings, and how long their values may be.

The Record API posts snake_case; call flows (XML) post CamelCase, in several spellings. Names are compared without
letter case and signs, so each spelling stands here once. Fields that are not named here are stored and ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

# field: its spellings, the first that holds anything counts; one more raises READER_VERSION of
# models/callback_event.py, so that what is stored already is read again
FIELD_ALIASES: dict[str, tuple[str, ...]] = {
    "event": ("Event", "EventName", "event_type"),
    "recording_id": ("recording_id", "RecordingID", "recording_uuid", "RecordingSid"),
    "call_uuid": ("call_uuid", "CallUUID"),
    "api_id": ("api_id",),
    "record_url": ("record_url", "recording_url", "RecordUrl", "RecordFile", "RecordingURL"),
    "recording_duration": ("recording_duration", "RecordingDuration"),
    "recording_duration_ms": ("recording_duration_ms", "RecordingDurationMs"),
    "recording_start_ms": ("recording_start_ms", "RecordingStartMs"),
    "recording_end_ms": ("recording_end_ms", "RecordingEndMs"),
    "recording_end_reason": ("RecordingEndReason",),
    "transcription": (
        "transcription", "transcription_text", "transcript", "transcript_text", "recording_transcription",
        "recording_transcription_text", "recording_transcript", "transcribed_text", "full_transcript", "full_text",
    ),
    "transcription_id": ("transcription_id",),
    "transcription_charge": ("transcription_charge",),
    "transcription_rate": ("transcription_rate",),
    "duration": ("duration",),
    "error": ("error", "error_message", "transcription_error", "error_description", "errors"),
}  # fmt: skip

RECORDING_FIELDS = frozenset(
    {
        "record_url", "recording_duration", "recording_duration_ms", "recording_start_ms", "recording_end_ms",
        "recording_end_reason",
    }
)  # fmt: skip
TRANSCRIPTION_FIELDS = frozenset(
    {"transcription", "transcription_id", "transcription_charge", "transcription_rate"}
)
# Fields that may hold an object, or its JSON text, with the fields that count in it; see `flatten`.
WRAPPERS = frozenset(
    {
        "response", "data", "payload", "body", "recording", "transcription", "transcript", "result", "results",
        "object", "objects", "detail", "details", "attributes", "message", "json", "recordings", "event",
        "eventdata", "call", "params",
    }
)  # fmt: skip
# What a short name means inside one of them
_RECORDING = {
    "id": "recording_id", "url": "record_url", "duration": "recording_duration",
    "duration_ms": "recording_duration_ms", "start_ms": "recording_start_ms", "end_ms": "recording_end_ms",
}  # fmt: skip
INNER_NAMES: dict[str, dict[str, str]] = {
    "recordings": _RECORDING,
    "recording": _RECORDING,
    "call": {"id": "call_uuid", "uuid": "call_uuid"},
    "event": {"type": "event", "name": "event"},
    "transcription": {"text": "transcription", "id": "transcription_id"},
    "transcript": {"text": "transcription", "id": "transcription_id"},
}  # fmt: skip
# Names that mean a field only by where they stand: `text` is a transcript where one is expected, `url` is where the
# file will be in the answer to a start
TEXT, URL = "text", "url"
# Names under which a text may stand at a transcription address, where no other says what it is
SPOKEN = (TEXT, "speech", "content", "segments", "utterances", "sentences")
# Names under which other senders say what a delivery is about: `transcription.failed`
EVENT_NAMES = frozenset({"event", "type", "topic", "name", "action", "notificationtype", "subject", "kind"})
START_EVENT = "record"  # the Event of a recording's start: only its id is to be relied on

# A longer value makes a delivery unreadable: a truncated id, number or transcript would be a wrong one.
MAX_LENGTHS: dict[str, int] = {
    "recording_id": 64, "call_uuid": 64, "transcription_id": 64,
    "recording_duration": 32, "recording_duration_ms": 32, "recording_start_ms": 32, "recording_end_ms": 32,
    "transcription_charge": 32, "transcription_rate": 32, "duration": 32,
    "event": 256, "api_id": 256,
    "transcription": 1_000_000,
}  # fmt: skip
WRAPPER_LENGTH = 1_200_000  # characters of an object: a transcript, escaped here and there
TRUNCATED_AT, TRUNCATION_MARK = 2_000, "…"  # characters kept of every other field, the mark among them
FIELD_NAME_LENGTH = 128


_SIGNS = re.compile(r"\[[0-9]*\]$|[^a-z0-9]+")


def _fold(name: str) -> str:
    """Return `name` without what the spellings differ in."""
    return _SIGNS.sub("", name.lower())


_FIELDS = {
    _fold(spelling): (field, place)
    for field, spellings in FIELD_ALIASES.items()
    for place, spelling in reversed(list(enumerate(spellings)))
}


@lru_cache(maxsize=256)
def _look_up(name: str) -> tuple[str | None, int]:
    return _FIELDS.get(_fold(name), (None, 0))


def is_wrapper(name: str) -> bool:
    """Return whether a field of this name may hold an object with the fields that count."""
    return _fold(name) in WRAPPERS


def inner_name(wrapper: str, name: str) -> str:
    """Return what a name inside of a wrapper stands for."""
    return INNER_NAMES.get(_fold(wrapper), {}).get(name.lower(), name)


def max_length(name: str) -> int | None:
    """Return how many characters a field may have; None: a longer one is truncated."""
    known = canonical_name(name)
    if known is None and _fold(name) in SPOKEN:
        known = "transcription"
    limit = MAX_LENGTHS.get(known) if known else None
    return WRAPPER_LENGTH if is_wrapper(name) else limit


def truncate(value: str) -> str:
    """Return as much of a value as is stored of a field without a limit of its own."""
    return value if len(value) <= TRUNCATED_AT else f"{value[: TRUNCATED_AT - 1]}{TRUNCATION_MARK}"


def names_event(name: str) -> bool:
    """Return whether a field of this name may say what a delivery is about."""
    return _fold(name) in EVENT_NAMES


def canonical_name(name: str) -> str | None:
    """Return the field that a name in a delivery stands for, None for one that means nothing here."""
    return _look_up(name)[0]


def canonical_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the known fields under their canonical names; of several spellings, the first that is not empty."""
    found: dict[str, tuple[bool, int, str]] = {}
    for name, value in fields.items():
        field, place = _look_up(name)
        if field is not None:
            candidate = (not value, place, value)
            found[field] = min(candidate, found.get(field, candidate))
    return {field: value for field, (_empty, _place, value) in found.items()}
