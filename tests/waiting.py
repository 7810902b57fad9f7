"""Waiting for something another thread or process will do, without sleeping blindly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(look: Callable[[], Found], *, within: float = 120.0, every: float = 0.05) -> Found:
    """What `look` returns as soon as it is true; AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    pause = threading.Event()
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true within {within} s: {look}; last saw {found!r}")
        pause.wait(every)
