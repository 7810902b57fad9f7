"""The archive in a folder of this machine."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from django.core.files.base import File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from recordings.storage.errors import of_os
from recordings.storage.incoming import incoming
from recordings.storage.naming import checked_name, is_name
from recordings.storage.space import Space, space_of

BLOCK = 256 * 1024  # bytes
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@deconstructible
class ArchiveFolder(Storage):
    """Files of mode 0600 in folders of mode 0700. It has no `url`: nothing in it is ever public.

    A file appears under its name only when all of it is on the disk, and then survives a loss of power.
    """

    def __init__(self, location: str | os.PathLike[str]) -> None:
        self.location = Path(location)

    @property
    def label(self) -> str:
        """For people."""
        return self.location.absolute().as_uri()

    @property
    def incoming_folder(self) -> Path:
        """In the same file system, so that keeping a file is a rename."""
        return self.location / "incoming"

    def keep(self, path: Path, name: str) -> None:
        """Make the written file at `path` the archive's `name`, all at once."""
        target = self._path(name)
        try:
            made = self._make_folders(target.parent)
            _sync(path)
            path.rename(target)
            for folder in [target.parent, *made]:
                _sync(folder)
        except OSError as error:
            raise of_os(error) from error

    def read_range(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `stop`, in blocks."""
        with self.open_audio(name) as file:
            try:
                file.seek(start)
                left = stop - start
                while left > 0 and (block := file.read(min(BLOCK, left))):
                    left -= len(block)
                    yield block
            except OSError as error:
                raise of_os(error) from error

    def open_audio(self, name: str) -> BinaryIO:
        """For reading, seekable."""
        try:
            return io.FileIO(os.open(self._path(name), _READ), "r")
        except OSError as error:
            raise of_os(error) from error

    def size(self, name: str) -> int:
        """In bytes."""
        try:
            return self._path(name).stat(follow_symlinks=False).st_size
        except OSError as error:
            raise of_os(error) from error

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return self._path(name).is_file()

    def delete(self, name: str) -> None:
        """Remove it, if it is there."""
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise of_os(error) from error

    def names(self) -> Iterator[str]:
        """Every audio file there is."""
        for path in self.location.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            name = path.relative_to(self.location).as_posix()
            if is_name(name):
                yield name

    def written_at(self, name: str) -> datetime:
        """When it was last written to."""
        try:
            return datetime.fromtimestamp(self._path(name).stat(follow_symlinks=False).st_mtime, UTC)
        except OSError as error:
            raise of_os(error) from error

    def is_public(self, name: str) -> bool:
        """Whether another user of this machine gets as far as to the file: each folder above it must keep them out."""
        path = self._path(name)
        try:
            readable = path.stat(follow_symlinks=False).st_mode & stat.S_IROTH
            return bool(readable) and all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
        except OSError as error:
            raise of_os(error) from error

    def free_space(self) -> Space | None:
        """Of the file system it lies in."""
        return self.working_space()

    def working_space(self) -> Space:
        """Where files are written on their way in: the same file system."""
        try:
            return space_of(self.location)
        except OSError as error:
            raise of_os(error) from error

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if mode != "rb":
            raise ValueError("What is archived is only read.")
        return File(self.open_audio(name), name)

    def _save(self, name: str, content: File[bytes]) -> str:
        with incoming(self.incoming_folder) as part:
            try:
                for chunk in content.chunks():
                    part.file.write(chunk)
            except OSError as error:
                raise of_os(error) from error
            self.keep(part.path, name)
        return name

    def _path(self, name: str) -> Path:
        return self.location / checked_name(name)

    def _make_folders(self, folder: Path) -> list[Path]:
        """Make `folder`, of mode 0700 with those above it; the folders that have a new entry for it."""
        changed = []
        while not folder.is_dir():
            changed.append(folder)
            folder = folder.parent
        for missing in reversed(changed):
            with suppress(FileExistsError):  # made by another thread this very moment
                missing.mkdir(mode=0o700)
        return [missing.parent for missing in changed]


def _sync(path: Path) -> None:
    """Have it on the disk itself, contents of a file or entries of a folder."""
    held = os.open(path, _READ)
    try:
        os.fsync(held)
    finally:
        os.close(held)
