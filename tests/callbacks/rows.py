"""Rows that callbacks are about, and looking at all that a delivery may have changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from recordings.choices import Origin, RecordingStatus
from recordings.models import Account, Call, CallbackEvent, Recording, Transcription
from tests.models.listed import CALL as CALL
from tests.models.listed import DOCUMENTED as DOCUMENTED

KEY = "a-key-of-a-recording-0123456789a"
ASKED_AT = datetime(2025, 11, 6, 13, 48, 58, tzinfo=UTC)
STARTED_AT = datetime(2025, 11, 6, 13, 48, 59, 422000, tzinfo=UTC)
ENDED_AT = STARTED_AT + timedelta(milliseconds=10_080)
URL = f"https://media.vobiz.ai/api/v1/Account/MA_PU0XU668/Recording/{DOCUMENTED}.mp3"

# When something was done here, and which row it is: not what is known of a recording
OURS = {"id", "created_at", "synced_at", "received_at", "processed_at", "read_back_due_at"}


def asked_for(account: Account, key: str = KEY, *, call_uuid: str = CALL, **columns: Any) -> Recording:
    """A recording of a live call, asked for here, to which Vobiz has not answered yet."""
    values: dict[str, Any] = {
        "account": account, "call": Call.objects.obtain(account, call_uuid), "origin": Origin.PORTAL,
        "status": RecordingStatus.REQUESTED, "callback_key": key, "requested_at": ASKED_AT,
        "happened_at": ASKED_AT, "time_limit": 14_400, "file_format": "mp3", "channels": "stereo",
    }  # fmt: skip
    made: Recording = Recording.objects.create(**(values | columns))
    if made.transcribe:
        Transcription.objects.create(recording=made)
    return made


def listed_row(account: Account, recording_id: str = DOCUMENTED, **columns: Any) -> Recording:
    """A recording not asked for here, of which only the id is known."""
    values: dict[str, Any] = {
        "account": account, "call": Call.objects.obtain(account, CALL), "origin": Origin.SYNC,
        "status": RecordingStatus.ACTIVE, "recording_id": recording_id, "happened_at": ASKED_AT,
    }  # fmt: skip
    made: Recording = Recording.objects.create(**(values | columns))
    return made


def the_event() -> CallbackEvent:
    """The one event there is."""
    event: CallbackEvent = CallbackEvent.objects.get()
    return event


def due_at(recording: Recording) -> datetime:
    """When the API is to be asked about a recording; it must be."""
    due = Recording.objects.values_list("read_back_due_at", flat=True).get(pk=recording.pk)
    assert due is not None
    return due


def columns_of(row: Any, *, but: set[str] = OURS) -> dict[str, Any]:
    """Every column of a row, except `but`."""
    return {
        field.attname: bytes(value) if isinstance(value := getattr(row, field.attname), memoryview) else value
        for field in row._meta.concrete_fields
        if field.attname not in but
    }


def everything(*models: Any, but: set[str] = OURS) -> dict[str, list[dict[str, Any]]]:
    """All rows of `models`, comparable."""
    return {
        model.__name__: [columns_of(row, but=but) for row in model.objects.order_by("pk")] for model in models
    }
