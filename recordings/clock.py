"""Time: the names of the time zones, and the clock of one long-running job."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import available_timezones


@cache
def zone_names() -> frozenset[str]:
    """Return the IANA names of all time zones. `available_timezones` reads some 600 files at each call."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class Clock:
    """The moment at which a job began, advanced by the monotonic clock.

    A sync or a download may take an hour, so one fixed `now` would date its last row an hour too early. Tests give
    the first moment and need no other clock.
    """

    began: datetime
    started: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """Return the current moment by this clock."""
        return self.began + timedelta(seconds=time.monotonic() - self.started)
