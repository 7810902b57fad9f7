"""The archive's storage: a folder by default, S3-compatible object storage by ARCHIVE_STORAGE.

`recordings.storage.archive()` is Django's `STORAGES["archive"]`. A file in it has a name of ours, appears whole or
not at all, is never overwritten, and has no public address: playing and downloading go through the portal.
Everything here raises StorageError (AudioMissingError where the archive answers and has no such file).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from django.core.files.storage import storages

from recordings.storage.archive_names import new_name
from recordings.storage.errors import AccessDeniedError, AudioMissingError, StorageError, os_errors
from recordings.storage.space import Space
from recordings.storage.staging import StagingFile, sweep
from recordings.storage.staging import staging_file as _staging_file

__all__ = [
    "AccessDeniedError",
    "AudioMissingError",
    "Space",
    "StorageError",
    "archive",
    "local_file",
    "new_name",
    "os_errors",
    "staging_file",
    "sweep_leftovers",
]


COPY_BLOCK = 1024 * 1024  # bytes


class Archive(Protocol):
    """The interface of the archive's storages; ArchiveFolder and ArchiveBucket implement it.

    `keep` stores the written file whole or not at all. The bytes of `read_range` end before `stop`; its errors come
    with the first block. `free_space` is None for object storage, which does not report it; `working_space` is that of
    the staging folder.
    """

    @property
    def staging_folder(self) -> Path: ...
    @property
    def label(self) -> str: ...
    def keep(self, path: Path, name: str) -> None: ...
    def open_audio(self, name: str) -> BinaryIO: ...
    def read_range(self, name: str, start: int, stop: int) -> Iterator[bytes]: ...
    def size(self, name: str) -> int: ...
    def exists(self, name: str) -> bool: ...
    def delete(self, name: str) -> None: ...
    def names(self) -> Iterator[str]: ...
    def written_at(self, name: str) -> datetime: ...
    def is_public(self, name: str) -> bool: ...
    def check_reachable(self) -> None: ...
    def free_space(self) -> Space | None: ...
    def working_space(self) -> Space: ...


def archive() -> Archive:
    """Return the storage that the settings name."""
    return cast("Archive", storages["archive"])


def staging_file() -> AbstractContextManager[StagingFile]:
    """Create a file to write audio into; delete it at the end of the `with` unless `keep` took it."""
    return _staging_file(archive().staging_folder)


@contextmanager
def local_file(name: str) -> Iterator[BinaryIO]:
    """Open an archived file that has a file descriptor; of object storage, a copy that is deleted afterwards."""
    with archive().open_audio(name) as file:
        if _has_descriptor(file):
            yield file
            return
        with staging_file() as staged:
            copy = cast("BinaryIO", staged.file)
            with os_errors():
                while block := file.read(COPY_BLOCK):
                    copy.write(block)
            yield copy


def _has_descriptor(file: BinaryIO) -> bool:
    """Return whether a child process can be given the file."""
    try:
        file.fileno()
    except OSError:
        return False
    return True


def sweep_leftovers() -> int:
    """Delete the staging files of killed processes and return how many."""
    return sweep(archive().staging_folder)
