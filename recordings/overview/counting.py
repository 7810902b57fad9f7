"""Counts that stop at MOST, and rows grouped by their cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser, User

MOST = 1_000

Viewer = User | AnonymousUser


@dataclass(frozen=True, slots=True)
class Counted:
    """A count that stops at MOST; `more`: there are more than that."""

    n: int = 0
    more: bool = False

    def __str__(self) -> str:
        return f"{self.n}+" if self.more else str(self.n)

    def __bool__(self) -> bool:
        return self.n > 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Rows with one cause: count, first moment, the newest row and its message."""

    count: Counted
    since: datetime
    newest: datetime
    newest_pk: int
    words: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one account: count, and the earliest moment."""

    count: Counted
    first_at: datetime


def counted(rows: Any) -> Counted:
    """Count by reading at most MOST + 1 rows."""
    return counted_as(rows[: MOST + 1].count())


def counted_as(n: int) -> Counted:
    """Return the Counted for `n` rows read out of at most MOST + 1."""
    return Counted(min(n, MOST), n > MOST)


def read_rows(rows: Any, *, every_account: bool = False, whose: str = "account") -> list[Any]:
    """Return the first MOST + 1 rows; the first column, called `whose`, is the account.

    With `every_account`, read on for the accounts that those rows hide: one query more for each account of many rows.
    """
    found = part = list(rows[: MOST + 1])
    while every_account and len(part) > MOST:
        part = list(rows.exclude(**{f"{whose}__in": {row[0] for row in found}})[: MOST + 1])
        found = found + part
    return found


def groups(rows: Collection[tuple[int, datetime]]) -> dict[int, Group]:
    """Group rows of (account, when) by account. If not all rows were read, each count is *more*."""
    by_account: Mapping[int, list[datetime]] = defaultdict(list)
    for account, at in rows:
        by_account[account].append(at)
    return {
        account: Group(Counted(min(len(those), MOST), len(rows) > MOST), min(those))
        for account, those in by_account.items()
    }


def total(parts: Iterable[Counted]) -> Counted:
    """Return the sum of counts, which stops at MOST."""
    those = list(parts)
    n = sum(one.n for one in those)
    return Counted(min(n, MOST), n > MOST or any(one.more for one in those))


def troubles(rows: Iterable[tuple[Any, datetime, int, str | None]]) -> dict[Any, Trouble]:
    """Group rows of (cause, when, primary key, words) by cause. If not all rows were read, each count is *more*."""
    by_cause: Mapping[Any, list[tuple[datetime, int, str | None]]] = defaultdict(list)
    total = 0
    for cause, at, pk, words in rows:
        by_cause[cause].append((at, pk, words))
        total += 1
    found = {}
    for cause, those in by_cause.items():
        at, pk, words = max(those, key=lambda row: row[:2])
        count = Counted(len(those), total > MOST)
        found[cause] = Trouble(count, min(those, key=lambda row: row[:2])[0], at, pk, words or "")
    return found
