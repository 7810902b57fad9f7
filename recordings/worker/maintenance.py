"""Keeping things tidy: after other workers and after tasks; and at night, what has grown old and what is kept."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from recordings import history, tasks
from recordings.models import Account, SyncRun, Worker
from recordings.worker.queue import TaskQueue, open_queue
from recordings.worker.schedule import night_of

logger = logging.getLogger(__name__)

KEPT_WORKERS = timedelta(days=1)
ANALYSED_EVERY = timedelta(hours=1)
KEPT_RUNS = timedelta(days=7)  # incremental syncs that found nothing new


class Chores:
    """After the dead, by every worker; twice would do no harm."""

    def __init__(self) -> None:
        self._queues: list[TaskQueue] = []
        self._next_analysis = 0.0

    def __call__(self) -> None:
        """Say that this worker looks at what is due, and clean up."""
        now = timezone.now()
        Worker.objects.filter(name=tasks.HOLDER).update(swept_at=Now())
        self._queues = self._queues or [open_queue(kind, tasks.HOLDER) for kind in settings.QUEUES]
        alive = list(Worker.objects.alive().order_by("started_at", "pk").values_list("name", flat=True))
        for queue in self._queues:
            queue.clean(alive=alive, now=now)
        Worker.objects.stale(KEPT_WORKERS).delete()
        if time.monotonic() >= self._next_analysis:
            self._next_analysis = time.monotonic() + ANALYSED_EVERY.total_seconds()
            _analyse()


def _analyse() -> None:
    """SQLite counts its indexes only when told to, and without that reads a whole account to find what is due."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 400")
            cursor.execute("ANALYZE")


def by_night() -> None:
    """Once a night, by the worker that has been there for longest: prune, and read a part of the archive again."""
    now = timezone.now()
    oldest = Worker.objects.alive().order_by("started_at", "pk").first()
    if oldest is None or oldest.name != tasks.HOLDER or not _is_night(now):
        return
    Worker.objects.filter(name=tasks.HOLDER).update(nightly_at=now)
    pruned = history.prune(now)
    logger.info("Pruned %d callback events and %d access events.", pruned.events, pruned.accesses)
    SyncRun.objects.routine_unchanged().filter(started_at__lt=now - KEPT_RUNS).delete()
    verified = tasks.verify_slice(now)
    found = (verified.looked_at, verified.total("missing"), verified.total("altered"), verified.unread)
    logger.info("Read %d archived files again: %d missing, %d altered, %d unread.", *found)
    if verified.stopped:
        logger.error("The archive was not read to the end: %s", verified.stopped)


def _is_night(now: datetime) -> bool:
    """The nightly chores were done by nobody since the last night began."""
    account = Account.objects.active().first() or Account.objects.first()
    zone = account.zone if account is not None else UTC  # what is kept grows old without any account, too
    return not Worker.objects.filter(nightly_at__gte=night_of(now, zone)).exists()
