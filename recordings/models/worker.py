"""The background workers and their heartbeats, by the database's clock, so that machines need not agree."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

STALE_AFTER = timedelta(seconds=60)
# A recent heartbeat, and not stopped
ALIVE = Q(stopped_at=None, heard_at__gt=Now() - Value(STALE_AFTER))


class WorkerQuerySet(models.QuerySet["Worker"]):
    """A queryset of workers."""

    def alive(self) -> WorkerQuerySet:
        """Return the workers with a recent heartbeat that have not stopped."""
        return self.filter(ALIVE)

    def stale(self, time: timedelta) -> WorkerQuerySet:
        """Return the workers whose last heartbeat is older than `time`."""
        return self.filter(heard_at__lt=Now() - Value(time))

    def heartbeat(self, name: str) -> None:
        """Record a heartbeat; create the worker's row where there is none."""
        self.update_or_create(
            name=name, defaults={"heard_at": Now()}, create_defaults={"heard_at": Now(), "started_at": Now()}
        )


class Worker(models.Model):
    """One `manage.py worker`. `name` is its machine, process and a random part: what it writes into leases."""

    name = models.CharField(max_length=100, unique=True)
    started_at = models.DateTimeField()
    heard_at = models.DateTimeField(db_index=True)
    swept_at = models.DateTimeField(null=True)
    nightly_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
