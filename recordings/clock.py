"""Time: names of the time zones, the clock of one long-running job, and times that a fast clock wrote."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from django.db.models import Q
from django.db.models.functions import Now

CLOCK_LEEWAY = timedelta(minutes=1)
NO_REGIONS = {"Etc", "SystemV", "posix", "right"}


@cache
def zone_names() -> frozenset[str]:
    """Return the IANA names of all time zones. `available_timezones` reads some 600 files at each call."""
    return frozenset(available_timezones())


@cache
def usual_zone_names() -> tuple[str, ...]:
    """Return UTC and the zones of a region, sorted. Old names without a region are left out."""
    regional = (name for name in zone_names() if "/" in name)
    return ("UTC", *sorted(name for name in regional if name.split("/")[0] not in NO_REGIONS))


@lru_cache(maxsize=2)
def zone_offsets(on: date) -> tuple[tuple[str, str], ...]:
    """Return each usual zone with its offset at noon of a day: `Asia/Kolkata`, `UTC+05:30`."""
    noons = (
        (name, datetime(on.year, on.month, on.day, 12, tzinfo=ZoneInfo(name))) for name in usual_zone_names()
    )
    return tuple((name, f"UTC{noon.isoformat()[-len('+05:30') :]}") for name, noon in noons)


def find_zone(text: str) -> str | None:
    """Return the zone that `text` names, in any case: `Asia/Kolkata`, `kolkata`, `New York`. None: not one zone."""
    typed = re.sub(r"\s*\(?UTC[+-]\d\d:\d\d\)?$", "", text.strip()).replace(" ", "_").casefold()
    found = {name for name in zone_names() if name.casefold() == typed}
    found = found or {name for name in usual_zone_names() if name.rpartition("/")[2].casefold() == typed}
    return found.pop() if len(found) == 1 else None


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


def written_by_fast_clock(column: str, now: datetime, *, furthest: timedelta = timedelta(0)) -> Q:
    """Return the condition that a time is further in the future than any right clock puts it.

    `furthest`: how far ahead the portal may set it. By the database's clock and by `now`, so that a machine whose own
    clock is wrong finds nothing: what it has just done would seem long ago to it, and be done again at once.
    """
    latest = furthest + CLOCK_LEEWAY
    return Q(**{f"{column}__gt": Now() + latest}) & Q(**{f"{column}__gt": now + latest})
