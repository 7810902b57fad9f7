"""What a server sends of a recording: a part of a local file, or a stream from elsewhere."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator
from itertools import chain
from typing import BinaryIO

from django.db import connection
from django.utils.translation import gettext as _

BLOCK = 256 * 1024  # bytes read from a file at once
# Each of these has a thread until its last byte has gone into the server's buffer; callbacks need some too.
STREAMS_AT_ONCE = 4
_streams = threading.BoundedSemaphore(STREAMS_AT_ONCE)


class TooManyStreamsError(Exception):
    """As many streams as may run at once are running."""


class FileSlice:
    """The bytes from `start` to `stop` of a file, as a file of its own that can be read and sought in.

    waitress sends such a file from its main loop, a piece whenever the listener takes one, so that a listener, however
    slow, occupies no thread. `read` gives at most BLOCK bytes, whatever is asked for.
    """

    def __init__(self, file: BinaryIO, start: int, stop: int) -> None:
        self._file = file
        self._descriptor = file.fileno()
        self._start = start
        self._length = stop - start
        self._at = 0

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(BLOCK):
            yield block

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; raise OSError where the file has become shorter, or the server would wait for more."""
        left = self._length - self._at
        wanted = min(left, BLOCK if size < 0 else size, BLOCK)
        if wanted <= 0:
            return b""
        block = os.pread(self._descriptor, wanted, self._start + self._at)
        if not block:
            raise OSError(_("The file ends before the part that is being sent."))
        self._at += len(block)
        return block

    def seekable(self) -> bool:
        """Return True, which makes waitress send it from its main loop."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move within the slice; return the new position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = min(self._length, max(0, base + offset))
        return self._at

    def tell(self) -> int:
        """Return the position within the slice."""
        return self._at

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._descriptor = -1  # the number may soon be another file's
        self._file.close()


class Stream:
    """Bytes from elsewhere, of which only those after `skip` and no more than `take` are given on.

    It holds one of the few places for streams until it is closed, which a server does when the answer is over.
    """

    def __init__(self) -> None:
        if not _streams.acquire(blocking=False):
            raise TooManyStreamsError
        self._held = True
        self._closers: list[Callable[[], object]] = []
        self._pieces: Iterator[bytes] = iter(())
        self._head: list[bytes] = []
        self._skip = 0
        self._take: int | None = None

    def begin(self, pieces: Iterator[bytes], close: Callable[[], object]) -> None:
        """Set the bytes, and what to call when they are no longer needed."""
        self._pieces = pieces
        self._closers.append(close)

    def peek(self, size: int) -> bytes:
        """Return the first `size` bytes, or all there are, without consuming them."""
        while sum(map(len, self._head)) < size and (piece := next(self._pieces, None)) is not None:
            self._head.append(piece)
        return b"".join(self._head)[:size]

    def cut(self, *, skip: int, take: int | None) -> None:
        """Limit the stream to `take` bytes (None: all) after the first `skip`."""
        self._skip, self._take = skip, take

    def __iter__(self) -> Iterator[bytes]:
        if not connection.in_atomic_block:
            connection.close()  # it may take minutes, and needs the database no more
        skip, take = self._skip, self._take
        for piece in chain(self._head, self._pieces):
            rest = piece[skip:]
            skip = max(0, skip - len(piece))
            if take is not None:
                rest = rest[:take]
                take -= len(rest)
            if rest:
                yield rest
            if take == 0:
                break

    def close(self) -> None:
        """Close the source and release the slot; safe to call twice."""
        try:
            for close in self._closers:
                close()
        finally:
            self._closers = []
            if self._held:
                self._held = False
                _streams.release()
