"""Tasks that wait in our own database (django-tasks-db), found by polling."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Collection
from datetime import datetime

from django.core.management import call_command
from django_tasks import DEFAULT_TASK_BACKEND_ALIAS
from django_tasks.base import TaskResultStatus
from django_tasks_db.management.commands.db_worker import Worker as StockWorker
from django_tasks_db.models import DBTaskResult

from recordings.worker.queue import DURABLE_TASKS, FINISHED_RETENTION, WAITING_RETENTION

LOOK_EVERY = 0.9  # seconds: a little less than a thread's pause between two looks
MOST_TOLD = 1_000  # tasks that one look counts

logging.getLogger("django_tasks_db").setLevel(logging.WARNING)  # it says twice a task that it begins and ends
logging.getLogger("django_tasks").setLevel(logging.WARNING)


class _Waiting:
    """How many tasks of each kind wait, read once a second for all threads of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._read_at = -LOOK_EVERY

    def take(self, kind: str) -> bool:
        """Return whether a task of this kind waits that no other thread was told of."""
        with self._lock:
            if time.monotonic() - self._read_at >= LOOK_EVERY:
                ready = DBTaskResult.objects.ready().order_by()
                self._counts = Counter(ready.values_list("queue_name", flat=True)[:MOST_TOLD])
                self._read_at = time.monotonic()
            waits = self._counts[kind] > 0
            self._counts[kind] -= waits
            return waits

    def read_anew(self) -> None:
        """Have the next look read the rows: a task was carried out, and others may wait."""
        with self._lock:
            self._read_at = -LOOK_EVERY


_WAITING = _Waiting()


class DatabaseQueue:
    """The tasks of one kind. A killed worker leaves its task *running* for ever, so that is cleaned up."""

    def __init__(self, kind: str, worker: str) -> None:
        self._kind = kind
        self._worker = worker

    def run_one(self) -> bool:
        """Carry out the task that waits longest; what it raises is kept on its row."""
        if not _WAITING.take(self._kind):
            return False
        # The command `db_worker` cannot be called here: it sets signal handlers, which a thread may not (ADR 0008).
        StockWorker(
            queue_names=[self._kind],
            interval=0,
            batch=True,
            backend_name=DEFAULT_TASK_BACKEND_ALIAS,
            startup_delay=False,
            max_tasks=1,
            worker_id=self._worker,
            excluded_queue_names=[],
        ).run()
        _WAITING.read_anew()
        return True

    def clean(self, *, alive: Collection[str], now: datetime) -> None:
        """Delete the rows of dead workers (of foreign ones only when old), and finished ones after a day.

        A durable task of a dead worker waits again.
        """
        rows = DBTaskResult.objects.filter(queue_name=self._kind)
        running = rows.running().values_list("pk", "worker_ids", "started_at")
        dead = [pk for pk, by, began in running if _is_orphaned(by, began, alive=alive, now=now)]
        left = rows.filter(pk__in=dead).running()
        left.filter(task_path__in=DURABLE_TASKS).update(status=TaskResultStatus.READY, started_at=None)
        left.delete()
        old = rows.ready().filter(enqueued_at__lt=now - WAITING_RETENTION)
        old.exclude(task_path__in=DURABLE_TASKS).delete()
        call_command(
            "prune_db_task_results", queue_name=self._kind, min_age_days=FINISHED_RETENTION.days, verbosity=0
        )


def _is_orphaned(by: list[str], began: datetime | None, *, alive: Collection[str], now: datetime) -> bool:
    ours = bool(by) and ":" in by[-1]
    return by[-1] not in alive if ours else began is None or began < now - FINISHED_RETENTION
