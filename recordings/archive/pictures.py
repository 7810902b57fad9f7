"""The pictures of what is archived. Made after the copy is kept: a decoder must never stand between us and the audio.

So a worker that is killed in between leaves a copy without its picture, which is due until there is one. Then it is
drawn in a process of its own: should the file be what brought the decoder and the worker down, it does so once.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.db import IntegrityError

from recordings import storage
from recordings.audio import peaks
from recordings.audio.peaks import Peaks, Undecodable, peaks_of
from recordings.models import Recording, Waveform
from recordings.models.lease_renewal import LEASE_RENEWER

logger = logging.getLogger(__name__)

ALONE_AT_MOST = 600  # seconds for one file
UNDRAWABLE = Peaks(1, b"")
BLOCK = 1024 * 1024


def draw(recording: Recording, file: BinaryIO) -> None:
    """Keep the picture of `recording`'s copy, which `file` holds; an empty one where it cannot be decoded."""
    try:
        found = peaks_of(file)
    except Undecodable as error:
        logger.info("Recording %s has no waveform: %s", recording.pk, error)
        found = UNDRAWABLE
    _keep(recording, found)


def draw_missing(now: datetime, *, limit: int, by: str, stop: threading.Event | None = None) -> int:
    """Draw what a crash left without its picture, at most `limit`; how many. What cannot be read waits."""
    looked_at: list[int] = []
    drawn = 0
    while len(looked_at) < limit and not (stop is not None and stop.is_set()):
        taken = Recording.objects.without_waveform(now).exclude(pk__in=looked_at).lease(by, limit=1)
        if not taken:
            break
        looked_at += taken
        recording = Recording.objects.filter(pk=taken[0]).first()
        if recording is None:  # it has just become part of another row
            continue
        try:
            with LEASE_RENEWER.renewing(partial(recording.renew, by)):
                _keep(recording, _drawn_alone(recording))
            drawn += 1
        except storage.StorageError as error:
            logger.warning("Recording %s could not be drawn: %s", recording.pk, error)
        finally:
            recording.release(by)
    return drawn


def _keep(recording: Recording, found: Peaks) -> None:
    try:
        Waveform.objects.update_or_create(
            recording=recording, defaults={"channels": found.channels, "points": found.points}
        )
    except IntegrityError:  # another drew it this moment, or the row became part of another
        logger.info("Recording %s was drawn by another.", recording.pk)


def _drawn_alone(recording: Recording) -> Peaks:
    """In another process, from the archive."""
    with ExitStack() as held:
        try:
            file: BinaryIO = held.enter_context(storage.open_audio(recording.audio or ""))
            if not _is_of_this_machine(file):
                file = _copied(file, cast("BinaryIO", held.enter_context(storage.incoming()).file))
        except storage.AudioMissing:  # verify_archive says so; what is fetched anew is drawn anew
            return UNDRAWABLE
        try:
            done = subprocess.run(  # noqa: S603 - our own module; the audio is its standard input
                [sys.executable, "-m", peaks.__name__],
                stdin=file,
                capture_output=True,
                cwd=Path(settings.BASE_DIR),
                timeout=ALONE_AT_MOST,
                check=True,
            )
        except subprocess.SubprocessError as error:
            logger.warning("Recording %s has no waveform: %s", recording.pk, error)
            return UNDRAWABLE
    return Peaks(done.stdout[0], done.stdout[1:]) if done.stdout else UNDRAWABLE


def _is_of_this_machine(file: BinaryIO) -> bool:
    try:
        file.fileno()
    except OSError:
        return False
    return True


def _copied(file: BinaryIO, into: BinaryIO) -> BinaryIO:
    try:
        while block := file.read(BLOCK):
            into.write(block)
        into.seek(0)
    except OSError as error:
        raise storage.of_os(error) from error
    return into
