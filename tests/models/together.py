"""Doing things at the same time, each on a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

Result = TypeVar("Result")


def together(*calls: Callable[[], Result]) -> list[Result]:
    """Begin all of `calls` at one moment; their results, or the first one's exception."""
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[], Result]) -> Result:
        ready.wait(timeout=60)
        return closing_connection(call)

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, call) for call in calls]]


def closing_connection(call: Callable[[], Result]) -> Result:
    """What `call` returns, in a thread: its database connection would outlive it and block the test database's end."""
    try:
        return call()
    finally:
        connection.close()
