"""Leases of rows: which worker has a row, and until when, by the database's clock, against races between workers.

A lease is taken in a short transaction that commits before Vobiz or storage is asked. No row lock is held and no
transaction is open while the work goes on: a worker that dies leaves a lease that runs out by itself. While a worker
lives, a background thread renews the leases of its process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

from django.db import DatabaseError, InterfaceError, connection, models, transaction
from django.db.models import Q, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

logger = logging.getLogger(__name__)

LEASE_DURATION = timedelta(seconds=30)
RENEWED_EVERY = timedelta(seconds=10)
# Without a renewal for so long, a holder stops by itself: what it has in hand then ends before another may begin it.
HELD_FOR = LEASE_DURATION - timedelta(seconds=5)
LONGEST_WAIT = timedelta(seconds=2)  # for a row that another has locked: all other leases wait meanwhile


def end_of_lease() -> CombinedExpression:
    """Return LEASE_DURATION from now, by the database's clock."""
    return Now() + Value(LEASE_DURATION)


class LeasedQuerySet(models.QuerySet[Any]):
    """A queryset of rows that workers lease."""

    def free(self) -> Self:
        """Return the rows without a lease, or whose lease ran out."""
        return self.filter(Q(leased_until=None) | Q(leased_until__lte=Now()))

    def lease(self, by: str, *, limit: int) -> list[Any]:
        """Lease at most `limit` of these rows to `by`, in their order; return their primary keys."""
        with transaction.atomic():
            rows = self.free()
            if connection.features.has_select_for_update_skip_locked:
                rows = rows.select_for_update(skip_locked=True, of=("self",))
            pks = list(rows.values_list("pk", flat=True)[:limit])
            if pks:
                taken = type(self)(model=self.model, using=self.db).filter(pk__in=pks)
                taken.update(leased_by=by, leased_until=end_of_lease())
        return pks


class Leased(models.Model):
    """A row that one worker at a time works on: the columns of its lease."""

    leased_by = models.CharField(max_length=100, null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True

    def renew(self, by: str) -> bool:
        """Renew the lease. False: it ran out and another has taken the row, so stop the work."""
        return bool(self._held(by).update(leased_until=end_of_lease()))

    def release(self, by: str, **done: object) -> bool:
        """End the lease and set the columns `done`. False: another has the row, so nothing was set."""
        return bool(self._held(by).update(leased_by=None, leased_until=None, **done))

    def _held(self, by: str) -> models.QuerySet[Any]:
        # by its holder alone: a lease that ran out and that nobody took is still the holder's
        return type(self)._default_manager.filter(pk=self.pk, leased_by=by)


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
        # the lease begins when the database hears of it, maybe long before its answer is here
        sent = self._clock()
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
