"""Recordings whose audio is in the archive, without asking Vobiz for it."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import datetime
from typing import Any

from django.utils import timezone

from recordings import storage
from recordings.archive import Outcome, Result
from recordings.archive.copying import archive_leased
from recordings.audio import READER_VERSION, formats, inspect
from recordings.clock import Clock
from recordings.models import Account, Recording, Waveform
from recordings.vobiz.client import VobizClient
from tests.admin.rows import a_recording
from vobiz_portal.sandbox.audio import FRAME_MS, MP3_FRAME_BYTES, clip, lines


def speech(*, seconds: float = 2.0, channels: int = 1) -> bytes:
    """MP3 of about that length, in whole frames; in stereo the caller is left and the callee right."""
    body = b"".join(clip(line.name, "mp3", channels, line.speaker) for line in lines())
    frames = max(1, round(seconds * 1_000 / FRAME_MS))
    wanted = frames * MP3_FRAME_BYTES
    return (body * (wanted // len(body) + 1))[:wanted]


def an_archived(
    account: Account, audio: bytes | None = None, *, container: str = "mp3", **columns: Any
) -> Recording:
    """A completed recording and its file in the archive that the settings name."""
    audio = speech() if audio is None else audio
    name = storage.new_name(formats.extension_of(container))
    with storage.staging_file() as part:
        part.file.write(audio)
        part.file.flush()
        storage.archive().keep(part.path, name)
    values: dict[str, Any] = {
        "audio": name, "audio_sha256": hashlib.sha256(audio).hexdigest(), "audio_bytes": len(audio),
        "container": container, "archived_at": timezone.now(), "audio_channels": 1,
        "reader_version": READER_VERSION,
    }  # fmt: skip
    recording = a_recording(account, **{**values, **columns})
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(audio)
        found = inspect(file).audio
    if found is not None and found.peaks is not None:
        peaks = found.peaks
        Waveform.objects.create(recording=recording, channels=peaks.channels, points=peaks.points)
    return recording


def archive_one(
    recording: Recording, *, by: str, now: datetime, client: VobizClient | None = None
) -> Outcome:
    """Archive one recording now, whenever its next attempt is due."""
    if not Recording.objects.filter(pk=recording.pk).lease(by, limit=1):
        return Outcome(Result.TAKEN)
    return archive_leased(recording.pk, by=by, clock=Clock(now), client=client)
