"""How long a request waits for PostgreSQL: one that is frozen takes statements and never answers them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse

HEALTH_WAIT = 1.0  # seconds for the check of a kept connection, before anything else of a request
STATEMENT_WAIT = 15.0  # seconds for each statement of a page
MONITOR_WAIT = 3.0  # seconds for each statement of what is answered before the pages, as to monitors
PROBE_INTERVAL = 3.0  # seconds for which one request tries whether a silent database answers again

_wait_seconds: ContextVar[Callable[[], float] | None] = ContextVar("_wait_seconds", default=None)


@contextmanager
def waits_at_most(seconds: Callable[[], float]) -> Iterator[None]:
    """Have each statement of this context end with OperationalError after as many seconds as `seconds` returns then."""
    token = _wait_seconds.set(seconds)
    try:
        yield
    finally:
        _wait_seconds.reset(token)


def limit_waits(*, connection: Any, **_kwargs: object) -> None:
    """Have a new PostgreSQL connection heed `waits_at_most`; a receiver of `connection_created`.

    And compile no statement: that takes 100 ms, and every statement of a page stops at a few thousand rows. By SET, for
    PgBouncer may refuse to pass options on.
    """
    if connection.vendor == "postgresql":
        raw = connection.connection
        raw.wait = partial(_wait, raw)
        with connection.cursor() as cursor:
            cursor.execute("SET jit = off")


def _wait(raw: Any, gen: Any, *args: Any, timeout: float | None = None) -> Any:
    """Wait as psycopg does, but no longer than the context says; a connection that owes an answer is closed."""
    seconds = _wait_seconds.get()
    if seconds is not None:
        timeout = seconds() if timeout is None else min(timeout, seconds())
    try:
        return type(raw).wait(raw, gen, *args, timeout=timeout)
    except Exception:
        if raw.info.transaction_status.name == "ACTIVE":
            raw.close()
        raise


class _Check:
    """Whether PostgreSQL answers, as far as this process knows."""

    def __init__(self) -> None:
        self._silent_until = 0.0  # on the clock of `time.monotonic()`; 0: the database answers

    def run(self) -> None:
        """Raise OperationalError where the database does not answer."""
        began = time.monotonic()
        if began < self._silent_until:
            raise OperationalError("the database is silent")
        if self._silent_until:  # this request tries; the others need not wait too
            self._silent_until = began + PROBE_INTERVAL
        try:
            with waits_at_most(lambda: HEALTH_WAIT):
                connection.close_if_health_check_failed()
            if time.monotonic() - began < HEALTH_WAIT:  # else it would keep its next client waiting too
                connection.ensure_connection()
        finally:
            is_silent = time.monotonic() - began >= HEALTH_WAIT
            self._silent_until = time.monotonic() + HEALTH_WAIT if is_silent else 0.0
        if is_silent:
            raise OperationalError("the database did not answer in time")


_check = _Check()


@contextmanager
def answers_in_time(seconds: float) -> Iterator[None]:
    """Check that PostgreSQL answers, and give each statement of this context so many seconds.

    Raises OperationalError while it is silent: at once where another request has found so. Nothing may ask the database
    for a request outside this context: the thread would wait for as long as the database is silent.
    """
    if connection.vendor != "postgresql":
        yield
        return
    _check.run()
    with waits_at_most(lambda: seconds):
        yield


class DatabaseWaitsMiddleware:
    """Answer at once while PostgreSQL is silent, so that requests that wait for it take no threads from callbacks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with answers_in_time(STATEMENT_WAIT):
            return self.get_response(request)
