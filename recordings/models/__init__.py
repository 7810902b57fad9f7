"""FACTS: what we know and what may happen to it. No network in here."""

from __future__ import annotations

from recordings.models.access_event import AccessEvent
from recordings.models.account import Account
from recordings.models.call import Call
from recordings.models.callback_event import CallbackEvent, SpentNonce
from recordings.models.preference import Preference
from recordings.models.recording import (
    FailedRow,
    Recording,
    UpsertReport,
    claim_recording_id,
    upsert_recordings,
)
from recordings.models.sync_run import SyncRun
from recordings.models.transcription import Transcription
from recordings.models.waveform import Waveform
from recordings.models.worker import Worker

__all__ = [
    "AccessEvent",
    "Account",
    "Call",
    "CallbackEvent",
    "FailedRow",
    "Preference",
    "Recording",
    "SpentNonce",
    "SyncRun",
    "Transcription",
    "UpsertReport",
    "Waveform",
    "Worker",
    "claim_recording_id",
    "upsert_recordings",
]
