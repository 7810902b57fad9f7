"""The limit on concurrent exports: each holds a thread of the server until its client has read it.

Two, beside the four streams of recordings/playback, leave callbacks and pages the rest of the README's eight.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

AT_ONCE = 2
_slots = threading.BoundedSemaphore(AT_ONCE)


class TooManyExportsError(Exception):
    """All export slots are taken."""


class ExportSlot:
    """A slot for one export: acquired without waiting (else TooManyExportsError), released when its body is closed."""

    def __init__(self) -> None:
        if not _slots.acquire(blocking=False):
            raise TooManyExportsError
        self._is_held = True
        self._pieces: Iterator[bytes] = iter(())

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def of(self, pieces: Iterator[bytes]) -> ExportSlot:
        """Set the bytes of the body and return the slot."""
        self._pieces = pieces
        return self

    def close(self) -> None:
        """Close the body and release the slot; safe to call twice."""
        try:
            getattr(self._pieces, "close", lambda: None)()
        finally:
            if self._is_held:
                self._is_held = False
                _slots.release()

    def __del__(self) -> None:
        """Release the slot of a body that the server never read."""
        if hasattr(self, "_is_held"):
            self.close()
