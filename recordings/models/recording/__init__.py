"""A recording: its row, its transitions, and how what Vobiz says gets into it."""

from __future__ import annotations

from recordings.models.recording.ingest import (
    FailedRow,
    UpsertReport,
    claim_recording_id,
    upsert_recordings,
)
from recordings.models.recording.model import Recording

__all__ = ["FailedRow", "Recording", "UpsertReport", "claim_recording_id", "upsert_recordings"]
