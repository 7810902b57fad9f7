"""Requests that wait for a thread of the web server: callbacks overtake pages."""

from __future__ import annotations

from collections import deque
from typing import Any

from recordings.webhooks.middleware import CALLBACK_PREFIX

IN_A_ROW = 4  # callbacks, before one other request has its turn: a flood of them must not stop the pages


class CallbacksFirst:
    """The queue of waitress' dispatcher. Forty who guess passwords must not stand before Vobiz, which waits 3 s."""

    def __init__(self) -> None:
        self._callbacks: deque[Any] = deque()
        self._others: deque[Any] = deque()
        self._row = 0

    def __len__(self) -> int:
        return len(self._callbacks) + len(self._others)

    def append(self, channel: Any) -> None:
        """Add a connection on which a whole request has arrived, or something that is none and has no path."""
        is_callback = getattr(channel.requests[0], "path", "").startswith(CALLBACK_PREFIX)
        (self._callbacks if is_callback else self._others).append(channel)

    def popleft(self) -> Any:
        """Return the connection that is served next. Raises IndexError where none waits."""
        if self._callbacks and (self._row < IN_A_ROW or not self._others):
            self._row += 1
            return self._callbacks.popleft()
        self._row = 0
        return self._others.popleft()
