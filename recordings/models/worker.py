"""Who does the background work, and when each was last heard of."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

SILENT_AFTER = timedelta(seconds=60)


class WorkerQuerySet(models.QuerySet["Worker"]):
    """Workers, many at a time."""

    def alive(self, now: datetime) -> WorkerQuerySet:
        """Those that were heard of a moment ago and have not said that they stop."""
        return self.filter(Q(stopped_at=None), heard_at__gt=now - SILENT_AFTER)


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

    def is_alive(self, now: datetime) -> bool:
        """It was heard of a moment ago, and has not said that it stops."""
        return self.stopped_at is None and self.heard_at > now - SILENT_AFTER
