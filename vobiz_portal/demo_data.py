"""What a new demo shows beside its calls and recordings: something of each kind that the portal is for.

Calls are placed at the sandbox and recorded by the portal as usual. What would take days to come about is written as
rows of an account of its own, whose token the portal does not have, so that no sync changes them: recordings at risk,
one cut short, one lost, a callback with a wrong signature.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import requests
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from recordings import control, live
from recordings.choices import (
    CallState,
    Channels,
    Direction,
    EventKind,
    EventOutcome,
    Origin,
    RecordingStatus,
    Source,
    SyncState,
    TranscriptionStatus,
    Trust,
)
from recordings.control import StartOptions
from recordings.models import Account, Call, CallbackEvent, Recording, SyncRun, Transcription
from recordings.models.call import numbers
from vobiz_portal.sandbox.audio import lines
from vobiz_portal.sandbox.seed_data import COMPANY

AUTH_ID, NAME = "MA_DEMO00000003", "Coromandel Clinics"
HOURS = timedelta(hours=1)
# seconds since the answer, from, to, time limit
LIVE = ((761, "+919862742851", "+912261234567", 14_400), (485, "+918045123400", "+918299577632", 14_400),
        (214, "+917784927887", "+912261234567", 900))  # fmt: skip
TRANSCRIPTS = 6
DELIVERED_AFTER = timedelta(minutes=9)  # from the start of a recording to its transcript


def stage(sandbox: str, *, now: datetime) -> None:
    """Write the account's rows, once, and record live calls where nothing is being recorded."""
    if not Account.objects.filter(auth_id=AUTH_ID).exists():
        with transaction.atomic():
            write_rows(now)
    if not Recording.objects.open().exists():
        record_live_calls(sandbox, now=now)


def write_rows(now: datetime) -> Account:
    """Write what takes days to come about, and a sync that was complete before it did."""
    account = Account.objects.create(
        auth_id=AUTH_ID, name=NAME, first_synced_at=now - 40 * 24 * HOURS, live_tried_at=now
    )
    at = now - 26 * HOURS
    SyncRun.objects.create(
        account=account, state=SyncState.COMPLETE, complete=True, started_at=at, ended_at=at, lease_until=at,
        pages=1, seen=6,
    )  # fmt: skip
    kept = timedelta(days=account.retention_days)
    for hours, number in ((9, "+919447021163"), (31, "+914842390180"), (77, "+919846011223")):
        _recording(account, number, now - kept + hours * HOURS, duration_ms=93_000)
    _recording(
        account, "+919895044556", now - kept + 3 * HOURS, duration_ms=151_000, gone_at_provider_at=now - HOURS
    )
    _recording(account, "+919961077889", now - 5 * HOURS, duration_ms=900_000, time_limit=900)
    CallbackEvent.objects.create(
        account=account, door="account", key_digest="sample", content_digest=uuid4().hex * 2,
        kind=EventKind.RECORDING, outcome=EventOutcome.REFUSED, trust=Trust.REFUSED, scheme="v2",
        payload={"recording_id": str(uuid4()), "recording_duration": "93"}, received_at=now - timedelta(minutes=40),
    )  # fmt: skip
    return account


def _recording(account: Account, number: str, at: datetime, *, duration_ms: int, **columns: Any) -> Recording:
    ended_at = at + timedelta(milliseconds=duration_ms)
    call = Call.objects.create(
        account=account, call_uuid=str(uuid4()), state=CallState.ENDED, direction="inbound", started_at=at,
        ended_at=ended_at, happened_at=at, **numbers(number, "+914842345600"),
    )  # fmt: skip
    return Recording.objects.create(**{
        "account": account, "call": call, "recording_id": str(uuid4()), "origin": Origin.SYNC,
        "status": RecordingStatus.COMPLETED, "kind": "call", "file_format": "mp3", "channels": Channels.STEREO,
        "added_at": at, "started_at": at, "ended_at": ended_at, "happened_at": at, "duration_ms": duration_ms,
        "sources": {"started_at": str(Source.API), "duration_ms": str(Source.API)}, "synced_at": at, **columns,
    })  # fmt: skip


def record_live_calls(sandbox: str, *, now: datetime) -> None:
    """Place calls that go on until somebody hangs up, and record them."""
    placed = {}
    for ago, caller, callee, limit in LIVE:
        direction = "outbound" if caller in COMPANY else "inbound"
        call = {"from": caller, "to": callee, "direction": direction, "answered_ago": ago}
        answer = requests.post(f"{sandbox}/_sandbox/calls", json=call, timeout=10)
        answer.raise_for_status()
        placed[answer.json()["call_uuid"]] = limit
    live.refresh_all(list(Account.objects.active().select_related("parent")), now=now)
    by = User.objects.filter(is_superuser=True).order_by("pk").first()
    for call in Call.objects.live().filter(call_uuid__in=placed).select_related("account"):
        options = StartOptions(placed[str(call.call_uuid)], "mp3", Channels.STEREO)
        control.start(call, options, by=by, now=timezone.now(), idempotency_key=uuid4())


def write_directions() -> None:
    """Give most calls that the sync has read the direction that the portal had stored, had it seen them live.

    Vobiz tells the direction of live calls only; its list of recordings has none.
    """
    ours = {number.lstrip("+") for number in COMPANY}
    unseen = Call.objects.alias(eighth=F("pk") % 8).filter(direction=None).exclude(eighth=0)
    unseen.filter(to_digits__in=ours).update(direction=Direction.INBOUND)
    unseen.filter(from_digits__in=ours).update(direction=Direction.OUTBOUND)


def write_transcripts(now: datetime) -> None:
    """Give the newest recordings that the sync has read a transcript each, once, as if each had come after its call."""
    if Transcription.objects.exists():
        return
    scenes: dict[str, list[str]] = {}
    for line in lines():
        scenes.setdefault(line.scene, []).append(line.text)
    texts = [" ".join(said) for said in scenes.values()]
    synced = Recording.objects.filter(status=RecordingStatus.COMPLETED, duration_ms__gte=20_000)
    newest = synced.exclude(account__auth_id=AUTH_ID).order_by("-happened_at")[:TRANSCRIPTS]
    Transcription.objects.bulk_create(
        Transcription(
            recording=row, account_id=row.account_id, status=TranscriptionStatus.COMPLETED,
            text=texts[place % len(texts)],
            trust=Trust.SIGNED, received_at=min(now, row.happened_at + DELIVERED_AFTER),
        )
        for place, row in enumerate(reversed(newest))
    )  # fmt: skip
