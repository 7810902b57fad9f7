"""Rows to look at, made without asking Vobiz."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from recordings.choices import CallState, EventOutcome, Origin, RecordingStatus, Trust
from recordings.models import AccessEvent, Account, Call, CallbackEvent, Recording, SyncRun, Transcription
from recordings.models.account import new_callback_key
from recordings.models.call import numbers

FROM, TO = "+918071387423", "919624705678"
URL = "https://media.vobiz.ai/api/v1/Account/MA_PU0XU668/Recording/{}.mp3"


def a_call(account: Account, *, from_number: str = FROM, to_number: str = TO, **columns: Any) -> Call:
    """A call that is over."""
    values: dict[str, Any] = {
        "call_uuid": str(uuid4()),
        "state": CallState.ENDED,
        **numbers(from_number, to_number),
    }
    return Call.objects.create(account=account, **{**values, **columns})


def a_live_call(account: Account, **columns: Any) -> Call:
    """A call that was live a moment ago."""
    at = timezone.now() - timedelta(seconds=90)
    live = {"state": CallState.LIVE, "direction": "inbound", "started_at": at, "seen_live_at": timezone.now()}
    return a_call(account, **{**live, **columns})


def a_recording(account: Account, *, call: Call | None = None, **columns: Any) -> Recording:
    """A completed recording that a sync found."""
    recording_id = str(uuid4())
    values: dict[str, Any] = {
        "account": account, "call": call or a_call(account), "recording_id": recording_id, "origin": Origin.SYNC,
        "status": RecordingStatus.COMPLETED, "happened_at": timezone.now() - timedelta(hours=1),
        "recording_url": URL.format(recording_id), "file_format": "mp3", "kind": "call", "duration_ms": 10_080,
        "sources": {"recording_url": "api", "file_format": "api", "kind": "api", "duration_ms": "api"},
    }  # fmt: skip
    return Recording.objects.create(**{**values, **columns})


def a_running(account: Account, *, call: Call | None = None, **columns: Any) -> Recording:
    """A recording started here that runs."""
    now = timezone.now()
    asked: dict[str, Any] = {
        "origin": Origin.PORTAL, "status": RecordingStatus.ACTIVE, "callback_key": new_callback_key(),
        "callback_base": "http://127.0.0.1:8000", "requested_at": now, "happened_at": now, "time_limit": 3_600,
        "channels": "stereo", "start_answer": "accepted", "duration_ms": None,
        "sources": {"recording_url": "answer"},
    }  # fmt: skip
    return a_recording(account, call=call or a_live_call(account), **{**asked, **columns})


def a_transcript(recording: Recording, **columns: Any) -> Transcription:
    """A transcript that came."""
    values: dict[str, Any] = {
        "status": "completed",
        "text": "Good morning, Lotus Parcels.",
        "trust": Trust.SIGNED,
    }
    return Transcription.objects.create(recording=recording, **{**values, **columns})


def an_event(account: Account, recording: Recording | None = None, **columns: Any) -> CallbackEvent:
    """A signed callback that was applied."""
    values: dict[str, Any] = {
        "account": account, "recording": recording, "door": "account", "key_digest": "k" * 64,
        "content_digest": uuid4().hex * 2, "kind": "recording", "outcome": EventOutcome.APPLIED,
        "payload": {"recording_id": "r1234", "recording_duration": "10"}, "nonces": ["05429567804466091622"],
        "scheme": "v2", "trust": Trust.SIGNED, "received_at": timezone.now(),
    }  # fmt: skip
    return CallbackEvent.objects.create(**{**values, **columns})


def a_run(account: Account, *, at: datetime | None = None, **columns: Any) -> SyncRun:
    """A sync that is over and complete."""
    at = at or timezone.now()
    values: dict[str, Any] = {
        "state": "complete", "complete": True, "started_at": at, "ended_at": at, "lease_until": at, "pages": 2,
    }  # fmt: skip
    return SyncRun.objects.create(account=account, **{**values, **columns})


def an_access(account: Account, recording: Recording | None = None, **columns: Any) -> AccessEvent:
    """Somebody heard it."""
    values: dict[str, Any] = {
        "at": timezone.now(), "action": "play", "result": "ok", "user_pk": 1, "username": "a-listener",
        "roles": "Listener", "address": "192.0.2.7", "account_auth_id": account.auth_id,
        "recording_pk": recording.pk if recording else None,
        "recording_id": recording.recording_id if recording else None,
    }  # fmt: skip
    return AccessEvent.objects.create(**{**values, **columns})
