"""Where our copies of the audio are kept: a folder by default, S3-compatible object storage by ARCHIVE_STORAGE.

`recordings.storage.archive()` is Django's `STORAGES["archive"]`. A file in it has a name of ours, appears whole or
not at all, is never overwritten, and has no public address: playing and downloading go through the portal.
Everything here raises StorageError (AudioMissing where the archive answers and has no such file).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from django.core.files.storage import storages

from recordings.storage.errors import AudioMissing, StorageError, of_os
from recordings.storage.incoming import Incoming, sweep
from recordings.storage.incoming import incoming as _incoming
from recordings.storage.naming import checked_name, is_name, new_name
from recordings.storage.space import Space

__all__ = [
    "Archive",
    "AudioMissing",
    "Incoming",
    "Space",
    "StorageError",
    "archive",
    "checked_name",
    "delete",
    "free_space",
    "incoming",
    "is_name",
    "is_public",
    "keep",
    "label",
    "local_file",
    "names",
    "new_name",
    "of_os",
    "open_audio",
    "read_range",
    "size",
    "sweep_leftovers",
    "working_space",
    "written_at",
]


COPIED_AT_ONCE = 1024 * 1024  # bytes


class Archive(Protocol):
    """What every storage of the archive can do."""

    @property
    def incoming_folder(self) -> Path: ...
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
    def free_space(self) -> Space | None: ...
    def working_space(self) -> Space: ...


def archive() -> Archive:
    """Return the storage that the settings name."""
    return cast("Archive", storages["archive"])


def incoming() -> AbstractContextManager[Incoming]:
    """A new file on its way in, gone after the `with` unless `keep` took it."""
    return _incoming(archive().incoming_folder)


def keep(part: Incoming, name: str) -> None:
    """Make the written file the archive's `name` (of `new_name`), all at once and for good."""
    archive().keep(part.path, name)


def open_audio(name: str) -> BinaryIO:
    """Open the file for reading, seekable; the caller closes it."""
    return archive().open_audio(name)


@contextmanager
def local_file(name: str) -> Iterator[BinaryIO]:
    """Open an archived file with a descriptor: of object storage a local copy, deleted afterwards."""
    with open_audio(name) as file:
        if _has_descriptor(file):
            yield file
            return
        with incoming() as part:
            copy = cast("BinaryIO", part.file)
            try:
                while block := file.read(COPIED_AT_ONCE):
                    copy.write(block)
            except OSError as error:
                raise of_os(error) from error
            yield copy


def _has_descriptor(file: BinaryIO) -> bool:
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


def free_space() -> Space | None:
    """Return the free space; None for object storage, which does not report it."""
    return archive().free_space()


def working_space() -> Space:
    """Return the free space of the staging folder; for a folder archive, the same file system."""
    return archive().working_space()


def sweep_leftovers() -> int:
    """Remove staging files of killed processes and return how many."""
    return sweep(archive().incoming_folder)
