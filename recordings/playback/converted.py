"""Converted copies: what no browser plays, or finds moments in, as MP3 or Opus.

A copy is made once, when it is first asked for, by the same kind of child process that inspects files. It is kept in
VAR_DIR, deleted when it is old or when all of them take too much room, and never counts as archived. Of audio that is
not archived yet the whole file is fetched from Vobiz first, and thrown away afterwards.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _

from recordings import storage
from recordings.audio import GZIP, GZIP_LAYERS, NotConvertedError, Reason, convert, formats
from recordings.models import Recording
from recordings.playback.streaming import TooManyStreamsError

MAX_AGE = timedelta(days=7)  # since somebody last listened to it
# in which a copy of what is still at Vobiz is used again: that may have been incomplete
FRESH = timedelta(hours=1)
MAX_BYTES = 2 * 1000**3  # of all copies on this machine
BLOCK = 1024 * 1024
AT_ONCE = 2  # conversions side by side: each takes a core
_places = threading.BoundedSemaphore(AT_ONCE)


class ConversionError(Exception):
    """The audio cannot be converted; the message says why."""


def plays_as_it_is(recording: Recording) -> bool:
    """Return whether every browser plays the archived file, and finds each moment where the portal does."""
    if recording.audio_regular is False:
        return False
    return formats.plays_everywhere(recording.container, recording.audio_codec)


def browser_type(recording: Recording) -> str:
    """Return the type that a browser must know to play the archived file; empty where none plays it well."""
    if not recording.audio_regular:
        return ""
    return formats.browser_type(recording.container, recording.audio_codec)


def converted_copy(recording: Recording, kind: str) -> Path:
    """Return the copy of an archived recording as `mp3` or `opus`, made now if need be.

    Raises ConversionError, TooManyStreamsError, or StorageError.
    """
    path = _folder() / f"{recording.audio_sha256}.{kind}"
    return _made(path, kind, _touched, lambda: storage.local_file(str(recording.audio)))


def converted_from_vobiz(recording: Recording, kind: str, download: Callable[[BinaryIO], object]) -> Path:
    """Return the copy of what only Vobiz has, as `converted_copy`; `download` writes the whole file, and may raise."""
    name = hashlib.sha256(f"{recording.account_id} {recording.recording_id}".encode()).hexdigest()
    return _made(_folder() / f"vobiz-{name}.{kind}", kind, _is_fresh, lambda: _downloaded(download))


@contextmanager
def _downloaded(download: Callable[[BinaryIO], object]) -> Iterator[BinaryIO]:
    with ExitStack() as held:
        file: BinaryIO = held.enter_context(tempfile.TemporaryFile(dir=_folder()))
        download(file)
        for _layer in range(GZIP_LAYERS):
            file.seek(0)
            if file.read(len(GZIP)) != GZIP:
                break
            file.seek(0)
            unpacked = held.enter_context(tempfile.TemporaryFile(dir=_folder()))
            _unpack(file, unpacked)
            file = unpacked
        yield file


def _unpack(packed: BinaryIO, into: BinaryIO) -> None:
    size = 0
    try:
        with gzip.GzipFile(fileobj=packed) as content:
            while block := content.read(BLOCK):
                size += len(block)
                if size > MAX_BYTES:
                    raise ConversionError(_why(Reason.TOO_LONG))
                into.write(block)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ConversionError(_why(Reason.UNREADABLE)) from error
    into.flush()


def _made(
    path: Path,
    kind: str,
    is_there: Callable[[Path], bool],
    original: Callable[[], AbstractContextManager[BinaryIO]],
) -> Path:
    if not is_there(path):
        with _one_place(), _alone(path):
            if not is_there(path):  # another made it meanwhile
                _make(original, kind, path)
                delete_old_copies(keep=path)
    return path


def delete_old_copies(*, keep: Path | None = None) -> int:
    """Delete old copies, then the oldest until the rest fit in MAX_BYTES; return how many."""
    now, deleted, room = time.time(), 0, MAX_BYTES
    for age, size, path in sorted(_copies(now)):
        room -= size
        if path != keep and (age > MAX_AGE.total_seconds() or room < 0):
            with suppress(OSError):
                path.unlink()
                deleted += 1
    return deleted


def _copies(now: float) -> Iterator[tuple[float, int, Path]]:
    for path in _folder().iterdir():
        with suppress(FileNotFoundError):  # deleted by another this moment
            facts = path.stat()
            yield now - facts.st_mtime, facts.st_size, path


def _folder() -> Path:
    folder = Path(settings.VAR_DIR) / "converted"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _touched(path: Path) -> bool:
    """Mark it as used now; return whether it exists."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _is_fresh(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < FRESH.total_seconds()
    except FileNotFoundError:
        return False


@contextmanager
def _one_place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise TooManyStreamsError
    try:
        yield
    finally:
        _places.release()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait while another process or thread makes the same copy."""
    lock = path.with_suffix(path.suffix + ".lock")
    with lock.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _make(original: Callable[[], AbstractContextManager[BinaryIO]], kind: str, path: Path) -> None:
    if not storage.archive().working_space().enough:
        raise ConversionError(_("There is no room on the disk for a copy that your browser can play."))
    with original() as file:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix="new-")
        made = Path(name)
        try:
            with os.fdopen(descriptor, "w+b") as into:
                convert(file, into, kind)
            made.replace(path)
        except NotConvertedError as error:
            raise ConversionError(_why(error.reason)) from error
        finally:
            made.unlink(missing_ok=True)


def _why(reason: Reason) -> str:
    if reason == Reason.DOCUMENT:
        return _("What Vobiz gave is no audio, so it is not played.")
    if reason == Reason.UNREADABLE:
        return _("The portal cannot read this file's format, so it cannot play it.")
    if reason in (Reason.OUT_OF_TIME, Reason.TOO_LONG):
        return _("The file is too long to be converted for your browser.")
    return _("The portal could not convert this file for your browser.")
