"""A bound on what strangers can write into the log: so many lines an hour about what was refused, the others counted.

The rows of refused callbacks have a budget too (`recordings/callbacks/deliveries.py`); their lines have none of their
own, nor have those of pages that anybody may ask for.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

logger = logging.getLogger(__name__)

LINES_AN_HOUR = 100  # of each subject, in each process
HOUR = 3_600.0  # seconds
MENTIONED = {1, *(10**power for power in range(2, 16))}  # numbers of lines left out that have a line
CALLBACKS, PAGES = "callbacks that were not accepted", "requests that were refused"
# Loggers whose warnings tell of what anybody may send
OF_STRANGERS = {
    "waitress": PAGES,
    "waitress.queue": "requests that waited",
    "recordings.signin": "logins that were refused",
}
NOT_STORED = "recordings.webhooks.exceptions"


@dataclass(slots=True)
class _Count:
    since: float
    lines: int = 0

    @property
    def left_out(self) -> int:
        return max(0, self.lines - LINES_AN_HOUR)


class RefusalBudget(logging.Filter):
    """Let each subject have LINES_AN_HOUR; count the others, and say how many they were.

    A line of a subject names it by `extra={"budget": …}`: few names, and never one that a stranger chooses.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._counts: dict[str, _Count] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written."""
        now, subject = time.monotonic(), subject_of(record)
        self._close(now)
        if subject is None:
            return True
        with self._lock:
            count = self._counts.setdefault(subject, _Count(now))
            count.lines += 1
            left_out = count.left_out
        if left_out in MENTIONED:
            logger.warning(
                "Over %d lines about %s within an hour: %d left out so far", LINES_AN_HOUR, subject, left_out
            )
        return left_out == 0

    def _close(self, now: float) -> None:
        """Begin anew where an hour is over, and say of each subject how many lines were left out in it."""
        with self._lock:
            over = {name: count for name, count in self._counts.items() if now - count.since >= HOUR}
            for name in over:
                del self._counts[name]
        for name, count in over.items():
            if count.left_out:
                logger.warning("In the hour before, %d lines about %s were left out", count.left_out, name)


def subject_of(record: logging.LogRecord) -> str | None:
    """Return what a line is about if strangers can cause as many as they like; None for every other line."""
    named: str | None = getattr(record, "budget", None)
    if named is not None:
        return named
    if record.name == "django.request":
        status = getattr(record, "status_code", 0)
        path = getattr(getattr(record, "request", None), "path_info", "")
        is_refused = 400 <= status < 500 or status == 503
        return (CALLBACKS if path.startswith("/callbacks/") else PAGES) if is_refused else None
    if record.name.startswith("django.security"):
        return PAGES
    if record.name == NOT_STORED:
        return CALLBACKS
    return OF_STRANGERS.get(record.name) if record.levelno == logging.WARNING else None
