"""Inspect archived copies again, from the archive and never from Vobiz.

Two kinds are due: a copy without its waveform, because its worker was killed between keeping it and drawing it; and a
copy that an older version of the reader judged, after an upgrade. The reader runs in a process of its own, so a file
that brings it down does so once.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime
from functools import partial

from django.db import IntegrityError

from recordings import storage
from recordings.archive.fetching import flag_of
from recordings.audio import READER_VERSION, Audio, Peaks, formats, inspect
from recordings.choices import ArchiveFlag
from recordings.lease import LEASE_RENEWER
from recordings.models import Recording, Waveform

logger = logging.getLogger(__name__)

WITHIN = 15.0  # seconds at a time: whatever is due to be archived comes between
UNDRAWABLE = Peaks(1, b"")


def keep_waveform(recording: Recording, audio: Audio) -> None:
    """Store the waveform of the archived copy; an empty one if it has none, so that it is not due again."""
    peaks = audio.peaks or UNDRAWABLE
    try:
        Waveform.objects.update_or_create(
            recording=recording, defaults={"channels": peaks.channels, "points": peaks.points}
        )
    except IntegrityError:  # another stored it this moment, or the row became part of another
        logger.info("Recording %s got its waveform from another.", recording.pk)


def inspect_again(now: datetime, *, limit: int, by: str, stop: threading.Event | None = None) -> int:
    """Inspect due copies, at most `limit` and for WITHIN seconds; return their number. Unreadable ones stay due."""
    seen: list[int] = []
    done, deadline = 0, time.monotonic() + WITHIN
    while len(seen) < limit and time.monotonic() < deadline and not (stop is not None and stop.is_set()):
        taken = _lease(now, seen, by)
        if not taken:
            break
        seen += taken
        recording = Recording.objects.filter(pk=taken[0]).first()
        if recording is None:  # it has just become part of another row
            continue
        try:
            with LEASE_RENEWER.renewing(partial(recording.renew, by)):
                _inspect(recording, by, now)
            done += 1
        except storage.StorageError as error:
            logger.warning("Recording %s could not be inspected: %s", recording.pk, error)
        finally:
            recording.release(by)
    return done


def _lease(now: datetime, seen: list[int], by: str) -> list[int]:
    rows = Recording.objects.exclude(pk__in=seen)
    return rows.without_waveform(now).lease(by, limit=1) or rows.to_inspect_again(READER_VERSION).lease(
        by, limit=1
    )


def _inspect(recording: Recording, by: str, now: datetime) -> None:
    try:
        with storage.local_file(recording.audio or "") as file:
            finding = inspect(file)
    except storage.AudioMissingError:  # verify_archive says so; what is fetched anew is drawn anew
        keep_waveform(recording, Audio(formats.UNKNOWN))
        Recording.objects.filter(pk=recording.pk).update(reader_version=READER_VERSION)
        return
    audio = finding.audio or Audio(formats.UNKNOWN, reason=finding.reason)
    if audio.reason is not None:
        logger.info("Recording %s has no waveform: %s", recording.pk, audio.reason)
    keep_waveform(recording, audio)
    if not recording.mark_inspected(by, audio, _flag_now(recording, audio), now=now):
        logger.info("Recording %s got another copy meanwhile.", recording.pk)


def _flag_now(recording: Recording, audio: Audio) -> ArchiveFlag | None:
    """Return the copy's flag by the current reader. A broken-off download may decode whole and still be short."""
    flag = flag_of(audio, recording.duration_ms)
    is_short = (audio.duration_ms or 0) < (recording.duration_ms or 0)
    if flag == ArchiveFlag.LENGTH_DIFFERS and is_short and recording.archive_flag == ArchiveFlag.CUT_BY_VOBIZ:
        return ArchiveFlag.CUT_BY_VOBIZ
    return flag
