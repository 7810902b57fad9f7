"""The models: what the portal knows, and the transitions of it. Nothing here uses the network."""

from __future__ import annotations

from recordings.models.access_event import AccessEvent
from recordings.models.account import Account
from recordings.models.alert import Alert, AlertChoice, AlertMessage, AlertWebhook
from recordings.models.call import Call
from recordings.models.callback_event import CallbackEvent, SpentNonce
from recordings.models.outgoing_event import OutgoingEvent
from recordings.models.preference import Preference, SavedView
from recordings.models.recording.ingest import FailedRow, UpsertReport, upsert_recordings
from recordings.models.recording.locked import (
    LockedRecording,
    change_locked,
    claim_recording_id,
    record_start_accepted,
)
from recordings.models.recording.model import Recording, Waveform
from recordings.models.sync_run import SyncRun
from recordings.models.transcription import Transcription
from recordings.models.worker import Worker
from recordings.shared_cache import CacheEntry

__all__ = [
    "AccessEvent",
    "Account",
    "Alert",
    "AlertChoice",
    "AlertMessage",
    "AlertWebhook",
    "CacheEntry",
    "Call",
    "CallbackEvent",
    "FailedRow",
    "LockedRecording",
    "OutgoingEvent",
    "Preference",
    "Recording",
    "SavedView",
    "SpentNonce",
    "SyncRun",
    "Transcription",
    "UpsertReport",
    "Waveform",
    "Worker",
    "change_locked",
    "claim_recording_id",
    "record_start_accepted",
    "upsert_recordings",
]
