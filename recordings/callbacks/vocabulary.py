"""The words of Vobiz's callbacks, as data: under which names a field comes, and how long it may be.

The Record API posts snake_case; call flows (XML) post CamelCase, in several spellings. Names are compared without
underscores and letter case, so each spelling stands here once. Fields that are not named here are kept and ignored.
"""

from __future__ import annotations

from collections.abc import Mapping

# field: its spellings, the first that holds anything counts
SPELLINGS: dict[str, tuple[str, ...]] = {
    "event": ("Event",),
    "recording_id": ("recording_id", "RecordingID"),
    "call_uuid": ("call_uuid", "CallUUID"),
    "api_id": ("api_id",),
    "record_url": ("record_url", "recording_url", "RecordUrl", "RecordFile", "RecordingURL"),
    "recording_duration": ("recording_duration", "RecordingDuration"),
    "recording_duration_ms": ("recording_duration_ms", "RecordingDurationMs"),
    "recording_start_ms": ("recording_start_ms", "RecordingStartMs"),
    "recording_end_ms": ("recording_end_ms", "RecordingEndMs"),
    "recording_end_reason": ("RecordingEndReason",),
    "transcription": ("transcription",),
    "transcription_id": ("transcription_id",),
    "transcription_charge": ("transcription_charge",),
    "transcription_rate": ("transcription_rate",),
    "duration": ("duration",),
    "error": ("error",),
}

RECORDING_FIELDS = frozenset(
    {
        "record_url", "recording_duration", "recording_duration_ms", "recording_start_ms", "recording_end_ms",
        "recording_end_reason",
    }
)  # fmt: skip
TRANSCRIPTION_FIELDS = frozenset(
    {"transcription", "transcription_id", "transcription_charge", "transcription_rate"}
)
BEGUN = "record"  # the Event of a recording's start: only its id is to be relied on

# A longer value makes a delivery unreadable: a cut id, number or transcript would be a wrong one.
LONGEST: dict[str, int] = {
    "recording_id": 64, "call_uuid": 64, "transcription_id": 64,
    "recording_duration": 32, "recording_duration_ms": 32, "recording_start_ms": 32, "recording_end_ms": 32,
    "transcription_charge": 32, "transcription_rate": 32, "duration": 32,
    "event": 256, "api_id": 256,
    "transcription": 1_000_000,
}  # fmt: skip
CUT_AT, CUT_MARK = 2_000, "…"  # characters of every other field that are kept, the mark among them
FIELD_NAME_LENGTH = 128


def folded(name: str) -> str:
    """`name` without what the spellings differ in."""
    return name.replace("_", "").lower()


_FIELDS = {
    folded(spelling): (field, place)
    for field, spellings in SPELLINGS.items()
    for place, spelling in reversed(list(enumerate(spellings)))
}


def field_of(name: str) -> str | None:
    """The field that a name in a delivery stands for; None for one that means nothing here."""
    return _FIELDS.get(folded(name), (None, 0))[0]


def in_our_words(fields: Mapping[str, str]) -> dict[str, str]:
    """The known fields of a delivery under our names; of several spellings, the first that is not empty."""
    found: dict[str, tuple[bool, int, str]] = {}
    for name, value in fields.items():
        field, place = _FIELDS.get(folded(name), (None, 0))
        if field is not None:
            candidate = (not value, place, value)
            found[field] = min(candidate, found.get(field, candidate))
    return {field: value for field, (_empty, _place, value) in found.items()}
