"""Primary keys as an address or a form brings them: anybody who is logged in may send anything in their place."""

from __future__ import annotations

from typing import TypeGuard

LONGEST_KEY = 18  # digits: any such number fits into the column


def is_key(value: str | None) -> TypeGuard[str]:
    """Return whether this may be a row's primary key: digits, and no more of them than the databases take."""
    return value is not None and value.isascii() and value.isdigit() and len(value) <= LONGEST_KEY
