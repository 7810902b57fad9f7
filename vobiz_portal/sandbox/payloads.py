"""The payloads of callbacks: the fields of each kind, before any encoding."""

from __future__ import annotations

from typing import Any

from vobiz_portal.sandbox.entities import Account, Call, Recording
from vobiz_portal.sandbox.serializers import audio_of, bare, naive_utc

TRANSCRIPTION_RATE = 0.3  # a minute begun
SHORTEST_TRANSCRIBED_MS, LONGEST_TRANSCRIBED_MS = 500, 4 * 3_600_000
LARGEST_TRANSCRIBED = 2 * 1024**3
END_REASONS = {"time_limit": "maxLength", "hangup": "HungUp", "stop": "FinishedOnKey"}


def recording_callback(recording: Recording, url: str) -> dict[str, Any]:
    """Return the fields of a recording callback of the Record API."""
    duration = recording.duration_ms or 0
    return {
        "api_id": recording.api_id,
        "record_url": url,
        "call_uuid": recording.call_uuid,
        "recording_id": recording.recording_id,
        "recording_duration": duration // 1000,
        "recording_duration_ms": duration,
        "recording_start_ms": recording.started_ms,
        "recording_end_ms": recording.ended_ms,
    }


def transcription_error(recording: Recording) -> str:
    """Return why a recording cannot be transcribed; empty when it can."""
    duration = recording.duration_ms or 0
    if audio_of(recording).length > LARGEST_TRANSCRIBED:
        return "Recording file size too large for transcription"
    if not SHORTEST_TRANSCRIBED_MS <= duration <= LONGEST_TRANSCRIBED_MS:
        return "Recording duration is not supported for transcription"
    return ""


def transcription_callback(recording: Recording) -> dict[str, Any]:
    """Return the fields of a transcription callback: the words in the audio, or an error."""
    error = transcription_error(recording)
    minutes = -(-(recording.duration_ms or 0) // 60_000)
    return {
        "transcription_charge": 0.0 if error else round(minutes * TRANSCRIPTION_RATE, 5),
        "transcription": "" if error else audio_of(recording).words(),
        "duration": (recording.duration_ms or 0) // 1000,
        "call_uuid": recording.call_uuid,
        "transcription_rate": TRANSCRIPTION_RATE,
        "recording_id": recording.recording_id,
        "error": error,
    }


def flow_callback(
    recording: Recording, call: Call, account: Account, *, url: str, event: str
) -> dict[str, Any]:
    """Return the fields of a call flow's callback. `event`: Record (at the start, durations -1) or RecordStop."""
    stopped = event == "RecordStop"
    fields: dict[str, Any] = {
        "Event": event,
        "RecordingID": recording.recording_id,
        "RecordUrl": url,
        "RecordFile": url,
        "RecordingDuration": (recording.duration_ms or 0) // 1000 if stopped else -1,
        "RecordingDurationMs": recording.duration_ms if stopped else -1,
        "RecordingStartMs": recording.started_ms if stopped else -1,
        "RecordingEndMs": recording.ended_ms if stopped else -1,
        "CallUUID": recording.call_uuid,
        "RequestUUID": recording.call_uuid,
        "From": bare(recording.from_number),
        "To": bare(recording.to_number),
        "Direction": call.direction,
        "CallStatus": "completed" if call.state == "ended" else "in-progress",
        "ParentAuthID": account.parent or account.auth_id,
        "SessionStart": naive_utc(call.placed_at),
        "BillRate": "0.00000",
    }
    if stopped:
        fields["RecordingEndReason"] = END_REASONS.get(recording.end_reason or "", "HungUp")
    return fields


def flow_transcription(recording: Recording, transcription_id: str, url: str) -> dict[str, Any]:
    """Return the fields of a call flow's transcript."""
    return {
        "transcription": audio_of(recording).words(),
        "transcription_id": transcription_id,
        "transcription_url": url,
        "recording_id": recording.recording_id,
    }
