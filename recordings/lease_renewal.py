"""A background thread that renews the leases of this process while the work on their rows goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connection, transaction

from recordings.models.lease import HELD_FOR, RENEWED_EVERY

logger = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(seconds=2)  # for a row that another has locked: all other leases wait meanwhile


class Lease:
    """One lease that is being renewed; it holds for `lasts` after the last renewal was sent."""

    def __init__(
        self,
        renew: Callable[[], bool],
        *,
        lasts: timedelta = HELD_FOR,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._renew = renew
        self._lasts = lasts.total_seconds()
        self._clock = clock
        self._ends = clock() + self._lasts
        self._lost = False

    @property
    def lost(self) -> bool:
        """Whether another has the row, or may have it by now, so that the work must stop. It stays lost."""
        self._lost = self._lost or self._clock() >= self._ends
        return self._lost

    def renew(self) -> None:
        """Renew once. Where the database is away, or another has locked the row, the next renewal decides."""
        sent = (
            self._clock()
        )  # the lease begins when the database hears of it, maybe long before its answer is here
        try:
            with _not_waiting_for_long():
                renewed = self._renew()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("A lease could not be renewed: %s", type(error).__name__)
            connection.close()
            return
        if renewed:
            self._ends = sent + self._lasts
        else:
            self._lost = True


@contextmanager
def _not_waiting_for_long() -> Iterator[None]:
    """Limit how long a statement waits for a row lock to LONGEST_WAIT. SQLite locks no single row."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {LONGEST_WAIT // timedelta(milliseconds=1)}")
        yield


class LeaseRenewer:
    """Renews every lease each `every`. Its thread lives for as long as something is held."""

    def __init__(self, every: timedelta = RENEWED_EVERY, *, lasts: timedelta = HELD_FOR) -> None:
        self._every = every.total_seconds()
        self._lasts = lasts
        self._changed = threading.Condition()
        self._leases: list[Lease] = []
        self._thread: threading.Thread | None = None

    @contextmanager
    def renewing(self, renew: Callable[[], bool]) -> Iterator[Lease]:
        """Call `renew` at intervals until the block ends. It returns False where the lease is lost."""
        lease = Lease(renew, lasts=self._lasts)
        with self._changed:
            self._leases.append(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="lease-renewer", daemon=True)
                self._thread.start()
        try:
            yield lease
        finally:
            self._let_go(lease)

    def _let_go(self, lease: Lease) -> None:
        with self._changed:
            self._leases.remove(lease)
            idle = None
            if not self._leases:
                idle, self._thread = self._thread, None
                self._changed.notify_all()
        if idle is not None:
            idle.join()  # its database connection must not outlive the work

    def _run(self) -> None:
        me = threading.current_thread()
        turn = time.monotonic()
        try:
            while True:
                turn = max(turn + self._every, time.monotonic())  # not later for a turn that took long
                with self._changed:
                    wait = turn - time.monotonic()
                    if self._changed.wait_for(lambda: self._thread is not me, timeout=wait):
                        return
                    leases = list(self._leases)
                for lease in leases:
                    lease.renew()
        finally:
            connection.close()


LEASE_RENEWER = LeaseRenewer()
