"""A file as the decoder sees it: a part of a descriptor, behind some bytes of ours where its header must be mended."""

from __future__ import annotations

import os
from dataclasses import dataclass


class Source:
    """Readable and seekable; it does not move the descriptor's own position. It has no name to derive a format from."""

    def __init__(
        self, descriptor: int, *, start: int = 0, end: int | None = None, header: bytes = b""
    ) -> None:
        self._descriptor = descriptor
        self._start = start
        self._header = header
        there = os.fstat(descriptor).st_size
        self.size = max(0, min(there, there if end is None else end) - start) + len(header)
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, empty at the end."""
        block = self.read_at(self._at, self.size - self._at if size < 0 else size)
        self._at += len(block)
        return block

    def read_at(self, at: int, size: int) -> bytes:
        """Return up to `size` bytes from `at`."""
        if at < len(self._header):
            return self._header[at : at + size]
        size = max(0, min(size, self.size - at))
        return os.pread(self._descriptor, size, self._start + at - len(self._header))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}.get(whence)
        if base is None or base + offset < 0:
            raise ValueError(whence)
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return where it is."""
        return self._at


@dataclass(frozen=True, slots=True)
class Way:
    """A way to read a file. `is_mended`: not as it is, which a browser would try. `more`: files joined to the first."""

    source: Source
    demuxer: str | None = None
    is_mended: bool = True
    more: tuple[Source, ...] = ()
