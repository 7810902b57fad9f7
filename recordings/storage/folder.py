"""The archive in a folder of this machine."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from django.core.files.base import File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext as _

from recordings.storage.archive_names import checked_name, is_name
from recordings.storage.errors import StorageError, os_errors
from recordings.storage.space import Space, space_of
from recordings.storage.staging import make_folders, staging_file

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
        """Where the archive is, for people."""
        return self.location.absolute().as_uri()

    @property
    def staging_folder(self) -> Path:
        """The folder of staging files: in the same file system, so that `keep` is a rename."""
        return self.location / "incoming"

    def keep(self, path: Path, name: str) -> None:
        """Move the file at `path` to `name`, by a rename: readers see all of it or nothing."""
        target = self._path(name)
        with os_errors():
            made = make_folders(target.parent)
            _sync(path)  # contents before the name: after a loss of power a name never stands for a torn file
            path.rename(target)
            for folder in [target.parent, *made]:
                _sync(folder)

    def read_range(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to before `stop` in blocks."""
        with self.open_audio(name) as file, os_errors():
            file.seek(start)
            left = stop - start
            while left > 0 and (block := file.read(min(BLOCK, left))):
                left -= len(block)
                yield block

    def open_audio(self, name: str) -> BinaryIO:
        """Open for reading, seekable."""
        with os_errors():
            return io.FileIO(os.open(self._path(name), _READ), "r")

    def size(self, name: str) -> int:
        """Return the size in bytes."""
        with os_errors():
            return self._path(name).stat(follow_symlinks=False).st_size

    def exists(self, name: str) -> bool:
        """Return whether there is such a file."""
        return self._path(name).is_file()

    def delete(self, name: str) -> None:
        """Delete the file; no error if it is not there."""
        with os_errors():
            self._path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Yield the name of every audio file; other files are skipped."""
        for path in self.location.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            name = path.relative_to(self.location).as_posix()
            if is_name(name):
                yield name

    def written_at(self, name: str) -> datetime:
        """Return when the file was last written to."""
        with os_errors():
            return datetime.fromtimestamp(self._path(name).stat(follow_symlinks=False).st_mtime, UTC)

    def is_public(self, name: str) -> bool:
        """Return whether other users of this machine can read the file: it and every folder above it admit them."""
        path = self._path(name)
        with os_errors():
            readable = path.stat(follow_symlinks=False).st_mode & stat.S_IROTH
            return bool(readable) and all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)

    def check_reachable(self) -> None:
        """Raise StorageError where the folder cannot be written to, or cannot be made."""
        folder = self.location
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StorageError(_("The archive's folder cannot be written to."))

    def free_space(self) -> Space | None:
        """Return the space of its file system."""
        return self.working_space()

    def working_space(self) -> Space:
        """Return the space of the staging folder's file system, which is the same."""
        with os_errors():
            return space_of(self.location)

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        """Open for Django's `Storage.open`, for reading only."""
        if mode != "rb":
            raise ValueError("Archived files are read-only.")
        return File(self.open_audio(name), name)

    def _save(self, name: str, content: File[bytes]) -> str:
        """Store for Django's `Storage.save`, by way of a staging file."""
        with staging_file(self.staging_folder) as staged:
            with os_errors():
                for chunk in content.chunks():
                    staged.file.write(chunk)
            self.keep(staged.path, name)
        return name

    def _path(self, name: str) -> Path:
        """Return the path of a name; ValueError for one that is not ours, before the disk is touched."""
        return self.location / checked_name(name)


def _sync(path: Path) -> None:
    """Flush a file's contents, or a folder's entries, to the disk."""
    descriptor = os.open(path, _READ)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
