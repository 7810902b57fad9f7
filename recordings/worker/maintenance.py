"""Maintenance: dead workers and old tasks; at night, old rows and a check of the archive."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from functools import partial

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from recordings import playback, pruning, tasks
from recordings.callbacks.rereading import reread_events
from recordings.future_times import correct_future_times
from recordings.models import Account, Alert, AlertMessage, Call, SyncRun, Worker
from recordings.worker.due_syncs import night_of
from recordings.worker.queue import TaskQueue, open_queue
from recordings.worker.statistics import analyse
from recordings.worker.steps import run_each

logger = logging.getLogger(__name__)

WORKER_RETENTION = timedelta(days=1)
ANALYSE_EVERY = timedelta(hours=1)
NUMBERS_AT_ONCE = (
    2_000  # calls whose numbers are normalised again in one sweep, after an upgrade or a new region
)
EVENTS_AT_ONCE = 200  # callback events that are read again in one sweep, after an upgrade
ROUTINE_RUN_RETENTION = timedelta(days=7)  # incremental syncs that found nothing new


class Maintenance:
    """The maintenance that every worker does. Two at once do no harm."""

    def __init__(self) -> None:
        self._queues: dict[str, TaskQueue] = {}
        self._next_analysis = 0.0

    def __call__(self) -> None:
        """Record the sweep of this worker, and clean up. A step that fails keeps no other from its turn."""
        now = timezone.now()
        Worker.objects.filter(name=tasks.WORKER_ID).update(swept_at=Now())
        alive = list(Worker.objects.alive().order_by("started_at", "pk").values_list("name", flat=True))
        queues = [
            (f"clean the queue {kind}", partial(self._clean, kind, alive, now)) for kind in settings.QUEUES
        ]
        run_each(
            [
                *queues,
                ("delete stale workers", lambda: Worker.objects.stale(WORKER_RETENTION).delete()),
                ("normalise numbers", lambda: Call.objects.normalize_due_numbers(limit=NUMBERS_AT_ONCE)),
                ("read callbacks again", partial(reread_events, limit=EVENTS_AT_ONCE)),
                ("correct future times", partial(correct_future_times, now)),
                ("gather statistics", self._analyse_if_due),
            ]
        )

    def _clean(self, kind: str, alive: list[str], now: datetime) -> None:
        if kind not in self._queues:
            self._queues[kind] = open_queue(kind, tasks.WORKER_ID)
        self._queues[kind].clean(alive=alive, now=now)

    def _analyse_if_due(self) -> None:
        if time.monotonic() >= self._next_analysis:
            self._next_analysis = time.monotonic() + ANALYSE_EVERY.total_seconds()
            analyse()


def nightly_maintenance() -> None:
    """Prune old rows and verify a part of the archive, once a night, in the oldest live worker only."""
    now = timezone.now()
    oldest = Worker.objects.alive().order_by("started_at", "pk").first()
    if oldest is None or oldest.name != tasks.WORKER_ID or not _is_night(now):
        return
    Worker.objects.filter(name=tasks.WORKER_ID).update(nightly_at=now)
    routine = SyncRun.objects.routine_unchanged().filter(started_at__lt=now - ROUTINE_RUN_RETENTION)
    run_each(
        [
            ("prune old rows", partial(_prune, now)),
            ("delete routine syncs", routine.delete),
            ("delete old alerts", partial(Alert.objects.delete_old, now)),
            ("delete old alert messages", partial(AlertMessage.objects.delete_old, now)),
            ("delete old copies", playback.delete_old_copies),
            ("verify a part of the archive", partial(_verify, now)),
        ]
    )


def _prune(now: datetime) -> None:
    pruned = pruning.prune(now)
    logger.info("Pruned %d callback events and %d access events.", pruned.events, pruned.accesses)


def _verify(now: datetime) -> None:
    verified = tasks.verify_nightly_share(now)
    found = (verified.looked_at, verified.total("missing"), verified.total("altered"), verified.unread)
    logger.info("Read %d archived files again: %d missing, %d altered, %d unread.", *found)
    if verified.stopped:
        logger.error("The archive was not read to the end: %s", verified.stopped)


def _is_night(now: datetime) -> bool:
    """Return whether nobody has done the nightly maintenance since the last night began."""
    account = Account.objects.active().first() or Account.objects.first()
    zone = account.zone if account is not None else UTC  # what is kept grows old without any account, too
    return not Worker.objects.filter(nightly_at__gte=night_of(now, zone)).exists()
