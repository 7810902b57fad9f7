"""The steps of one job, of which none keeps the others from their turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from django.db import close_old_connections

Step = tuple[str, Callable[[], object]]

logger = logging.getLogger(__name__)


def run_each(steps: Iterable[Step]) -> None:
    """Carry out each named step, also where one before it failed; at the end raise what went wrong."""
    failed: list[Exception] = []
    for name, step in steps:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - raised below
            logger.warning("Step failed: %s (%s)", name, type(error).__name__)
            failed.append(error)
            close_old_connections()
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise ExceptionGroup("several steps failed", failed)
