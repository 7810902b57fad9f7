"""A selection, however large, a few hundred rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

BATCH = 500  # rows written at once


def in_batches(rows: QuerySet[Any], *, without: str) -> Iterator[list[Any]]:
    """Lists of BATCH rows, `without` their heaviest column. Which they are is read first: writing changes it."""
    keys = list(rows.values_list("pk", flat=True))
    for start in range(0, len(keys), BATCH):
        yield list(rows.model._default_manager.filter(pk__in=keys[start : start + BATCH]).defer(without))
