"""The state that the parts of one reconcile run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from recordings.clock import Clock
from recordings.mirror import ACCOUNT_ERRORS
from recordings.models import Account
from recordings.provider import explain
from recordings.shared_cache import count_up
from recordings.vobiz.errors import VobizError

BATCH_SIZE = 200  # recordings asked about, and events applied, in one go
UNSIGNED_READS = 60  # a minute, asked because of callbacks that anyone may have sent


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """The result of one run: events and read-backs settled, those still open, and the first error in words."""

    settled: int
    open: int
    error: str | None = None


@dataclass(slots=True)
class ReconcileContext:
    """The account of one run, its clock and its counts. `may_go_on` is asked before each request."""

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
        """Return the current moment by the run's clock."""
        return self.clock.now()

    def may_ask_for_unsigned(self) -> bool:
        """Return whether one more request may be sent because of an unsigned callback, and count it.

        Anyone may send those, so they have a budget that nothing else shares; what is left is due as before.
        """
        if not self.may_go_on():
            return False
        key = f"unsigned-reads:{self.account.pk}:{int(self.began.timestamp()) // 60}"
        return count_up(key, seconds=120) <= UNSIGNED_READS

    def note(self, error: VobizError) -> str:
        """Keep what went wrong, in words; raised again where asking on would end the same way."""
        if isinstance(error, ACCOUNT_ERRORS):
            raise error
        self.errors.append(explain(error, self.account))
        return self.errors[-1]
