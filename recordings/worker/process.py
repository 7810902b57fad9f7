"""One worker: its threads, its heartbeat, and its end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.utils import timezone

from recordings import alerts, tasks
from recordings.lease import LEASE_RENEWER
from recordings.models import Worker
from recordings.worker.jobs import AlertJob, ReconcileJob, run_due_archiving, run_due_syncs
from recordings.worker.maintenance import Maintenance, nightly_maintenance
from recordings.worker.queue import open_queue

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # seconds between two looks into the queue
MAX_BACKOFF = 30.0  # seconds, where the database or the queue is away
SHUTDOWN_TIMEOUT = timedelta(seconds=60)
# How many of each side by side: one that takes long keeps none of another kind, nor all of its own, from its turn.
WORKER_THREADS = {"settle": 3, "sync": 2, "archive": 1}


class WorkerThread(threading.Thread):
    """A thread that empties one queue, and every SWEEP_SECONDS runs its job on what is due."""

    def __init__(self, kind: str, name: str, job: Callable[[], None], *, has_queue: bool = True) -> None:
        super().__init__(name=name, daemon=True)
        self._kind = kind
        self._job = job
        self._has_queue = has_queue
        self._failures = 0
        self._queue_retry_at = 0.0

    def run(self) -> None:
        """Run the scheduler's loop until the process is to end."""
        queue = open_queue(self._kind, tasks.WORKER_ID) if self._has_queue else None
        next_look = 0.0
        while not tasks.STOPPING.is_set():
            close_old_connections()
            # The queue only wakes a thread early. The rows say what is due, so the job runs every SWEEP_SECONDS also
            # while the queue is full, empty or away, and a lost queue entry costs a delay and no work.
            worked = queue is not None and self._guarded(queue.run_one, what="queue")
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + settings.SWEEP_SECONDS
                self._guarded(self._job, what="job")
            if not worked:
                tasks.STOPPING.wait(
                    min(POLL_SECONDS, settings.SWEEP_SECONDS, max(0.0, next_look - time.monotonic()))
                )
        connection.close()

    def _guarded(self, do: Callable[[], object], *, what: str) -> bool:
        """Do it; log whatever goes wrong and go on, after an exponential backoff."""
        if what == "queue" and time.monotonic() < self._queue_retry_at:
            return False
        try:
            done = bool(do())
        except tasks.ShutdownInterrupt:
            return False
        except Exception as error:
            self._failures += 1
            wait = min(MAX_BACKOFF, 2.0 ** min(self._failures, 6) / 2)
            if isinstance(error, DatabaseError | InterfaceError):
                logger.warning("%s: the database is away (%s)", self.name, type(error).__name__)
            elif what == "queue":
                logger.warning("%s: the queue is away (%s)", self.name, type(error).__name__)
            else:
                logger.exception("%s: this look was cut short", self.name)
            connection.close()
            if what == "queue":
                self._queue_retry_at = time.monotonic() + wait  # what is due is looked at all the same
            else:
                tasks.STOPPING.wait(wait)
            return False
        self._failures = 0
        return done


class WorkerProcess:
    """All background work of one process, until `stop`."""

    def __init__(self) -> None:
        looks: dict[str, Callable[[], None]] = {
            "settle": ReconcileJob(), "sync": run_due_syncs, "archive": run_due_archiving,
        }  # fmt: skip
        self._threads = [
            WorkerThread(kind, f"{kind}-{number}", looks[kind])
            for kind, count in WORKER_THREADS.items()
            for number in range(1, count + 1)
        ]
        for name, job in (
            ("maintenance", Maintenance()),
            ("night", nightly_maintenance),
            ("alerts", AlertJob()),
            ("events", tasks.send_events),
        ):
            self._threads.append(WorkerThread(name, name, job, has_queue=False))

    def run(self) -> None:
        """Work until `stop` is called, then finish what is in hand, as far as it ends in time."""
        alerts.record_gap(timezone.now())
        _heartbeat()
        logger.info("Worker %s: every %s s it looks at what is due.", tasks.WORKER_ID, settings.SWEEP_SECONDS)
        with LEASE_RENEWER.renewing(_heartbeat):
            for thread in self._threads:
                thread.start()
            # Not one long wait: a signal may be delivered to another thread, which does not wake this one.
            while not tasks.STOPPING.wait(POLL_SECONDS):
                pass
            deadline = time.monotonic() + SHUTDOWN_TIMEOUT.total_seconds()
            for thread in self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        left = [thread.name for thread in self._threads if thread.is_alive()]
        if left:
            logger.warning("Left unfinished, for another worker: %s", ", ".join(left))
        Worker.objects.filter(name=tasks.WORKER_ID).update(stopped_at=timezone.now())
        connection.close()

    def stop(self) -> None:
        """Finish what is in hand, and begin nothing more."""
        tasks.STOPPING.set()


def _heartbeat() -> bool:
    Worker.objects.heartbeat(tasks.WORKER_ID)
    return True
