"""Leases of rows: which worker has a row, and until when, by the database's clock, against races between workers.

A lease is taken in a short transaction that commits before Vobiz or storage is asked. No row lock is held and no
transaction is open while the work goes on: a worker that dies leaves a lease that runs out by itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self

from django.db import connection, models, transaction
from django.db.models import ExpressionWrapper, Q, Value
from django.db.models.functions import Now

from recordings.models.visibility import VisibleQuerySet

LEASE_DURATION = timedelta(seconds=30)
RENEWED_EVERY = timedelta(seconds=10)
# Without a renewal for so long, a holder stops by itself: what it has in hand then ends before another may begin it.
HELD_FOR = LEASE_DURATION - timedelta(seconds=5)


def end_of_lease() -> ExpressionWrapper[Any]:
    """Return LEASE_DURATION from now, by the database's clock."""
    return ExpressionWrapper(Now() + Value(LEASE_DURATION), output_field=models.DateTimeField())


class LeasedQuerySet(VisibleQuerySet):
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
                taken = self.whole_table().filter(pk__in=pks)
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
