"""Staging files: audio is written to one, inspected, and then moved into the archive or deleted.

No reader ever sees a staging file: the archive's names begin with two hexadecimal digits, theirs end in `.part`.
"""

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

from recordings.storage.errors import os_errors

PART = ".part"
ABANDONED_AFTER = timedelta(hours=1)  # where the file system has no locks
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class StagingFile:
    """A file being written: unbuffered, so that the write that meets a full disk raises."""

    path: Path
    file: io.FileIO


def make_folders(folder: Path) -> list[Path]:
    """Create `folder` and each missing parent with mode 0700; return the folders that got a new entry.

    `mkdir(parents=True)` makes the parents with the mode of any folder, whatever `mode` says.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        with suppress(FileExistsError):  # made by another thread this very moment
            one.mkdir(mode=0o700)
    return [one.parent for one in missing]


@contextmanager
def staging_file(folder: Path) -> Iterator[StagingFile]:
    """Create `<random>.part` of mode 0600 in `folder`; delete it at the end of the `with` unless it was moved."""
    with os_errors():
        make_folders(folder)
        staged = _new_file(folder)
    try:
        yield staged
    finally:
        with suppress(OSError):  # closing may report a full disk once more
            staged.file.close()
        with suppress(FileNotFoundError):
            staged.path.unlink()


def sweep(folder: Path) -> int:
    """Delete the files of killed processes; return how many. A living process holds the lock of its file."""
    removed = 0
    for path in folder.glob(f"*{PART}"):
        with suppress(OSError), io.FileIO(os.open(path, _OLD)) as file:  # another worker sweeps too
            if _is_abandoned(file.fileno()):
                path.unlink()
                removed += 1
    return removed


def _new_file(folder: Path) -> StagingFile:
    """Create a file, locked for as long as it is open: the system releases the lock when its process dies."""
    while True:
        path = folder / f"{uuid.uuid4().hex}{PART}"
        file = io.FileIO(os.open(path, _NEW, 0o600), "r+")
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        # A sweep between open and flock takes the file for abandoned and unlinks it: then start again.
        if os.fstat(file.fileno()).st_nlink:
            return StagingFile(path, file)
        file.close()


def _is_abandoned(descriptor: int) -> bool:
    """Return whether no process holds the file's lock, or, without locks, whether it is old."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return os.fstat(descriptor).st_mtime < time.time() - ABANDONED_AFTER.total_seconds()
    return True
