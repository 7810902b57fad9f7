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

from recordings.storage.errors import AccessDeniedError, AudioMissingError, StorageError, from_os_error
from recordings.storage.naming import checked_name, is_name, new_name
from recordings.storage.space import Space
from recordings.storage.staging import StagingFile, sweep
from recordings.storage.staging import staging_file as _staging_file

__all__ = [
    "AccessDeniedError",
    "Archive",
    "AudioMissingError",
    "Space",
    "StagingFile",
    "StorageError",
    "archive",
    "check_reachable",
    "checked_name",
    "delete",
    "free_space",
    "from_os_error",
    "is_name",
    "is_public",
    "keep",
    "label",
    "local_file",
    "names",
    "new_name",
    "open_audio",
    "read_range",
    "size",
    "staging_file",
    "sweep_leftovers",
    "working_space",
    "written_at",
]


COPY_BLOCK = 1024 * 1024  # bytes


class Archive(Protocol):
    """The interface of the archive's storages; ArchiveFolder and ArchiveBucket implement it."""

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


def keep(staged: StagingFile, name: str) -> None:
    """Store the written file in the archive as `name` (of `new_name`), whole or not at all."""
    archive().keep(staged.path, name)


def open_audio(name: str) -> BinaryIO:
    """Open the file for reading, seekable; the caller closes it."""
    return archive().open_audio(name)


@contextmanager
def local_file(name: str) -> Iterator[BinaryIO]:
    """Open an archived file that has a file descriptor; of object storage, a copy that is deleted afterwards."""
    with open_audio(name) as file:
        if _has_descriptor(file):
            yield file
            return
        with staging_file() as staged:
            copy = cast("BinaryIO", staged.file)
            try:
                while block := file.read(COPY_BLOCK):
                    copy.write(block)
            except OSError as error:
                raise from_os_error(error) from error
            yield copy


def _has_descriptor(file: BinaryIO) -> bool:
    """Return whether a child process can be given the file."""
    try:
        file.fileno()
    except OSError:
        return False
    return True


def read_range(name: str, start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes from `start` to before `stop` in blocks; of object storage only those are fetched.

    Errors come with the first block.
    """
    return archive().read_range(name, start, stop)


def size(name: str) -> int:
    """Return the size in bytes."""
    return archive().size(name)


def delete(name: str) -> None:
    """Delete a file that no row refers to; no error if it is not there."""
    archive().delete(name)


def names() -> Iterator[str]:
    """Yield the name of every audio file, in no order."""
    return archive().names()


def written_at(name: str) -> datetime:
    """Return when the file was stored in the archive."""
    return archive().written_at(name)


def label() -> str:
    """Return where the archive is, for people: `file:///var/lib/portal/archive`, `s3://bucket (https://…)`."""
    return archive().label


def is_public(name: str) -> bool:
    """Return whether others can read the file: anybody (bucket) or other users of the machine (folder)."""
    return archive().is_public(name)


def check_reachable() -> None:
    """Raise StorageError where the archive does not answer or cannot be written to; writes nothing."""
    archive().check_reachable()


def free_space() -> Space | None:
    """Return the free space; None for object storage, which does not report it."""
    return archive().free_space()


def working_space() -> Space:
    """Return the free space of the staging folder; for a folder archive, the same file system."""
    return archive().working_space()


def sweep_leftovers() -> int:
    """Delete the staging files of killed processes and return how many."""
    return sweep(archive().staging_folder)
