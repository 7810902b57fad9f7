"""A recording: its row, its transitions, and how what Vobiz says gets into it."""

from __future__ import annotations

from recordings.models.recording.ingest import FailedRow, UpsertReport, upsert_recordings
from recordings.models.recording.locked import (
    LockedRecording,
    change_locked,
    claim_recording_id,
    record_start_accepted,
)
from recordings.models.recording.model import Recording, Waveform

__all__ = [
    "FailedRow",
    "LockedRecording",
    "Recording",
    "UpsertReport",
    "Waveform",
    "change_locked",
    "claim_recording_id",
    "record_start_accepted",
    "upsert_recordings",
]
