"""Things that happen in between: another process's doing, at a moment no test could choose from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def before_statement(beginning: str, happens: Callable[[], object], *, nth: int = 1) -> Iterator[None]:
    """Have `happens` called once, just before this connection's `nth` statement that begins so."""
    seen = 0

    def wrapper(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal seen
        if sql.startswith(beginning):
            seen += 1
            if seen == nth:
                happens()
        return execute(sql, *rest)

    with connection.execute_wrapper(wrapper):
        yield
