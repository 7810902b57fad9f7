"""How a callback waits for the database: it must be answered within three seconds, with 503 if need be."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError, connection

from recordings.database_waits import waits_at_most

SQLITE_WAIT = 1.2  # seconds for each lock: one when the address is looked up, one when the delivery is stored
POSTGRESQL_WAIT = 1.8  # seconds for all statements together, after the check that the database answers
INDEXED_BYTES = (
    250_000  # of a transcript, for which PostgreSQL may take a second longer: it indexes each word
)

_WRITER = threading.Lock()


@contextmanager
def short_waits(body_bytes: int) -> Iterator[None]:
    """Have this thread's connection wait as a callback can: SQLite for locks, PostgreSQL for answers."""
    if connection.vendor != "sqlite":
        deadline = time.monotonic() + POSTGRESQL_WAIT + body_bytes / INDEXED_BYTES
        with waits_at_most(lambda: max(0.0, deadline - time.monotonic())):
            yield
        return
    given = connection.settings_dict
    options = {**given["OPTIONS"], "timeout": SQLITE_WAIT}
    connection.settings_dict = {**given, "OPTIONS": options}  # for opening it, which waits too
    try:
        if connection.connection is not None:
            _set_timeout(SQLITE_WAIT)
        yield
    finally:
        connection.settings_dict = given
        if connection.connection is not None:  # it may be kept for the next request
            with suppress(DatabaseError):  # the answer is made already
                _set_timeout(given["OPTIONS"].get("timeout", 5))


@contextmanager
def one_writer() -> Iterator[None]:
    """Let the callbacks of this process write one after another on SQLite, which has one writer at a time.

    SQLite's busy handler sleeps and tries again, longer each time, so that of eight callbacks at once the unlucky one
    waits for a second; a lock wakes the next one at once. Who waits SQLITE_WAIT in vain goes on, and SQLite decides.
    """
    queued = connection.vendor == "sqlite" and _WRITER.acquire(timeout=SQLITE_WAIT)
    try:
        yield
    finally:
        if queued:
            _WRITER.release()


def _set_timeout(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
