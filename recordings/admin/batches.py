"""A selection, however large, a few hundred rows at a time."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

BATCH = 500  # rows written at once


def in_batches(rows: QuerySet[Any], *, without: tuple[str, ...]) -> Iterator[list[Any]]:
    """Lists of BATCH rows, `without` their heaviest columns. Which they are is read first: writing changes it."""
    keys = list(rows.values_list("pk", flat=True))
    for start in range(0, len(keys), BATCH):
        yield list(rows.model._default_manager.filter(pk__in=keys[start : start + BATCH]).defer(*without))


def in_order(rows: QuerySet[Any], *, loaded: QuerySet[Any], at_once: int, most: int) -> Iterator[list[Any]]:
    """Lists of rows as `loaded` has them, in the order of the first `most` of `rows`; those deleted since are left out.

    Between two lists nothing is being read: SQLite refuses to write (`database is locked`) on a connection that still
    reads what another has changed.
    """
    keys = array("q", rows.values_list("pk", flat=True)[:most].iterator(chunk_size=BATCH))
    for start in range(0, len(keys), at_once):
        wanted = keys[start : start + at_once]
        found = loaded.in_bulk(wanted.tolist())
        yield [found[key] for key in wanted if key in found]
