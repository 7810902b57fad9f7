"""One settling of one account: what its parts share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from recordings.clock import Clock
from recordings.mirror import ACCOUNT_ERRORS
from recordings.models import Account
from recordings.provider import explain
from recordings.vobiz.errors import VobizError

AT_ONCE = 200  # recordings asked about, and events applied, in one go


@dataclass(frozen=True, slots=True)
class Settled:
    """How many events and read-backs were settled, how many are still open, and what went wrong in words."""

    settled: int
    open: int
    error: str | None = None


@dataclass(slots=True)
class Errand:
    """Whose things are settled, since when, and what came of it. `may_go_on` is asked between two recordings."""

    account: Account
    clock: Clock
    may_go_on: Callable[[], bool] = lambda: True
    settled: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def began(self) -> datetime:
        """What came after this is settled the next time."""
        return self.clock.began

    def now(self) -> datetime:
        """The moment of asking."""
        return self.clock.now()

    def note(self, error: VobizError) -> str:
        """Keep what went wrong, in words; raised again where asking on would end the same way."""
        if isinstance(error, ACCOUNT_ERRORS):
            raise error
        self.errors.append(explain(error, self.account))
        return self.errors[-1]
