"""What time it is for a piece of work that was given its moment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Clock:
    """The moment the work was given, moving on with real time: a download may take half an hour."""

    began: datetime
    started: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """By this clock."""
        return self.began + timedelta(seconds=time.monotonic() - self.started)
