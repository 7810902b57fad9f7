"""Files on their way into the archive: written, looked at, then kept or thrown away; never seen by a reader."""

from __future__ import annotations

import fcntl
import io
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from recordings.storage.errors import of_os

PART = ".part"
LEFT_OVER = timedelta(hours=1)
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file being written: unbuffered, so that a full disk is said by the write that met it."""

    path: Path
    file: io.FileIO


@contextmanager
def incoming(folder: Path) -> Iterator[Incoming]:
    """A new file, `<random>.part`, of mode 0600. Whatever happens, it is not there afterwards, unless it was kept."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = _new_part(folder)
    except OSError as error:
        raise of_os(error) from error
    try:
        yield part
    finally:
        with suppress(OSError):  # a full disk may say so once more
            part.file.close()
        with suppress(FileNotFoundError):
            part.path.unlink()


def sweep(folder: Path) -> int:
    """Remove what killed processes left; how many files. What is still written to is locked by who writes it."""
    removed = 0
    for path in folder.glob(f"*{PART}"):
        with suppress(OSError), _reading(path) as held:  # gone: another worker sweeps too
            if _is_abandoned(held):
                path.unlink()
                removed += 1
    return removed


def _new_part(folder: Path) -> Incoming:
    """A new file, locked for as long as it is open: the system lets go of the lock when its process dies."""
    while True:
        path = folder / f"{uuid.uuid4().hex}{PART}"
        file = io.FileIO(os.open(path, _NEW, 0o600), "r+")
        with suppress(OSError):  # a file system without locks: then its age must do
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return Incoming(path, file)
        file.close()  # swept between its making and its locking


def _is_abandoned(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return os.fstat(held).st_mtime < time.time() - LEFT_OVER.total_seconds()
    return True


@contextmanager
def _reading(path: Path) -> Iterator[int]:
    held = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield held
    finally:
        os.close(held)
