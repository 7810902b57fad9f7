"""Write a small database as version 0.1 kept it: rows in every table, and an archive folder with one file.

Run at the commit of that version, on an empty database that its `migrate` has just made:

    VAR_DIR=… DATABASE_URL=… python manage.py shell < tests/upgrade/make_fixtures.py

then dump it: `sqlite3 FILE .dump | gzip -9n`, or `pg_dump --no-owner --no-acl --inserts DATABASE | gzip -9n`.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User

from recordings.choices import (
    AccessAction,
    ArchiveFlag,
    Attention,
    CallState,
    EventKind,
    EventOutcome,
    Origin,
    RecordingStatus,
    SyncState,
    Trust,
)
from recordings.models import (
    AccessEvent,
    Account,
    Call,
    CallbackEvent,
    Preference,
    Recording,
    SpentNonce,
    SyncRun,
    Transcription,
    Waveform,
    Worker,
)
from recordings.models.call import numbers

START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
user = User.objects.create_superuser("upgraded", "upgraded@example.com", "a password of 0.1")
user.groups.add(Group.objects.get(name="Listener"))
Preference.objects.create(user=user, time_zone="Asia/Kolkata")
account = Account.objects.create(auth_id="MA_UPGRADE1", name="Lotus Parcels")
account.members.add(user)
sub = Account.objects.create(
    auth_id="SA_UPGRADE2", name="Lotus Parcels, Mumbai", parent=account, is_active=False
)
storages: dict[str, Any] = settings.STORAGES
audio = Path(storages["archive"]["OPTIONS"]["location"])


def recording(at: int, number: str, **facts: Any) -> Recording:
    moment = START + timedelta(minutes=at)
    call = Call.objects.create(
        account=account,
        call_uuid=f"call-upgrade-{at:04}",
        state=CallState.ENDED,
        happened_at=moment,
        started_at=moment,
        ended_at=moment + timedelta(minutes=5),
        **numbers(number, "918045123400"),
    )
    given = {
        "status": RecordingStatus.COMPLETED,
        "origin": Origin.SYNC,
        "recording_id": f"rec-upgrade-{at:04}",
    }
    return Recording.objects.create(account=account, call=call, happened_at=moment, **(given | facts))


archived = recording(
    1,
    "+919624705678",
    started_at=START,
    ended_at=START + timedelta(seconds=10),
    duration_ms=10_080,
    billed_seconds=60,
    storage_rate=Decimal("0.005"),
    sources={"started_at": "api", "duration_ms": "api"},
    file_format="mp3",
    kind="call",
    synced_at=START,
    provider_data={"recording_id": "rec-upgrade-0001"},
)
body = bytes.fromhex(
    "524946462c00000057415645666d74201000000001000100401f0000803e0000020010006461746108000000000010000000f0ff"
)
name = f"{account.pk}/2026/11/upgraded.wav"
(audio / name).parent.mkdir(parents=True, exist_ok=True)
(audio / name).write_bytes(body)
Recording.objects.filter(pk=archived.pk).update(
    audio=name,
    audio_sha256=hashlib.sha256(body).hexdigest(),
    audio_bytes=len(body),
    container="wav",
    archived_at=START + timedelta(hours=1),
    archive_flag=ArchiveFlag.CUT_BY_VOBIZ,
    needs_attention=Attention.CUT_BY_VOBIZ,
)
Waveform.objects.create(recording=archived, channels=1, points=b"\x00\x10")
Transcription.objects.create(
    recording=archived, status="completed", text="Where is my parcel?", trust=Trust.SIGNED, received_at=START
)
refused = recording(2, "18002095577")
Recording.objects.filter(pk=refused.pk).update(
    archive_error="no audio: neither MP3 nor WAV",
    archive_tries=3,
    archive_next_at=START + timedelta(days=20),
)
recording(3, "+14155550132", status=RecordingStatus.FAILED, error="Vobiz has no trace of it.")
asked = recording(
    4,
    "9607712345",
    status=RecordingStatus.REQUESTED,
    origin=Origin.PORTAL,
    recording_id=None,
    requested_at=START,
    requested_by=user,
    callback_key="k" * 32,
    callback_base="http://127.0.0.1:8000",
    time_limit=900,
    channels="stereo",
    transcribe=True,
    needs_attention=Attention.MAY_BE_RECORDING,
)
Transcription.objects.create(recording=asked)
recording(5, "sip:lobby@pbx.example", status=RecordingStatus.ACTIVE)
for at, (kind, outcome, payload) in enumerate(
    (
        (EventKind.RECORDING, EventOutcome.APPLIED, {"recording_id": "rec-upgrade-0001"}),
        (
            EventKind.TRANSCRIPTION,
            EventOutcome.APPLIED,
            {"transcription_text": "lost until now", "call_uuid": "call-upgrade-0002"},
        ),
        (EventKind.OTHER, EventOutcome.REFUSED, {"x": "y"}),
    )
):
    CallbackEvent.objects.create(
        account=account,
        kind=kind,
        outcome=outcome,
        payload=payload,
        key_digest="d" * 64,
        content_digest=f"{at:064}",
        trust=Trust.REFUSED if outcome == "refused" else Trust.SIGNED,
        scheme="v3",
        nonces=[str(at)],
        received_at=START,
        door="account",
        recording=archived if at == 0 else None,
    )
SpentNonce.objects.create(key_digest="d" * 64, nonce="0", content_digest="0" * 64)
SyncRun.objects.create(
    account=account,
    started_at=START,
    ended_at=START,
    lease_until=START,
    state=SyncState.COMPLETE,
    complete=True,
)
AccessEvent.objects.record(user, AccessAction.PLAY, recording=archived)
Worker.objects.create(name="upgraded:1", started_at=START, heard_at=START)
