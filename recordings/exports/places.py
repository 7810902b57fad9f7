"""How many exports may leave at once: each holds a thread of the server for as long as its reader takes.

Two, beside the four streams of recordings/playback, leave callbacks and pages the rest of the README's eight.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

AT_ONCE = 2
_places = threading.BoundedSemaphore(AT_ONCE)


class TooMany(Exception):
    """As many exports as may leave at once are leaving."""


class Place:
    """Room for one export, taken at once or refused (TooMany), and given back when its body is closed."""

    def __init__(self) -> None:
        if not _places.acquire(blocking=False):
            raise TooMany
        self._is_held = True
        self._pieces: Iterator[bytes] = iter(())

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def of(self, pieces: Iterator[bytes]) -> Place:
        """The body: these bytes."""
        self._pieces = pieces
        return self

    def close(self) -> None:
        """Read no more; more than once does no harm."""
        try:
            getattr(self._pieces, "close", lambda: None)()
        finally:
            if self._is_held:
                self._is_held = False
                _places.release()

    def __del__(self) -> None:
        """A body that nobody asked for is closed too."""
        if hasattr(self, "_is_held"):
            self.close()
