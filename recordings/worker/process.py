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

from recordings import tasks
from recordings.models import Worker
from recordings.models.lease_renewal import LEASE_RENEWER
from recordings.worker.chores import Chores, by_night
from recordings.worker.queue import open_queue
from recordings.worker.rounds import SettleRound, archive_round, sync_round

logger = logging.getLogger(__name__)

POLL = 1.0  # seconds between two looks into the queue
LONGEST_WAIT = 30.0  # seconds, where the database or the queue is away
STOPS_WITHIN = timedelta(seconds=60)
# How many of each side by side: one that takes long keeps none of another kind, nor all of its own, from its turn.
HANDS = {"settle": 3, "sync": 2, "archive": 1}


class Hand(threading.Thread):
    """One thread: it empties one queue, and each SWEEP_SECONDS looks itself at what is due."""

    def __init__(self, kind: str, name: str, look: Callable[[], None], *, has_queue: bool = True) -> None:
        super().__init__(name=name, daemon=True)
        self._kind = kind
        self._look = look
        self._has_queue = has_queue
        self._troubles = 0
        self._queue_away_until = 0.0

    def run(self) -> None:
        """Until the process is to end."""
        queue = open_queue(self._kind, tasks.HOLDER) if self._has_queue else None
        next_look = 0.0
        while not tasks.STOPPING.is_set():
            close_old_connections()
            worked = queue is not None and self._guarded(queue.run_one, what="queue")
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + settings.SWEEP_SECONDS
                self._guarded(self._look, what="look")
            if not worked:
                tasks.STOPPING.wait(min(POLL, settings.SWEEP_SECONDS, max(0.0, next_look - time.monotonic())))
        connection.close()

    def _guarded(self, do: Callable[[], object], *, what: str) -> bool:
        """Do it; whatever goes wrong is said, and the thread goes on: after a while, ever longer."""
        if what == "queue" and time.monotonic() < self._queue_away_until:
            return False
        try:
            done = bool(do())
        except tasks.Stopped:
            return False
        except Exception as error:
            self._troubles += 1
            wait = min(LONGEST_WAIT, 2.0 ** min(self._troubles, 6) / 2)
            if isinstance(error, DatabaseError | InterfaceError):
                logger.warning("%s: the database is away (%s)", self.name, type(error).__name__)
            elif what == "queue":
                logger.warning("%s: the queue is away (%s)", self.name, type(error).__name__)
            else:
                logger.exception("%s: this look was cut short", self.name)
            connection.close()
            if what == "queue":
                self._queue_away_until = time.monotonic() + wait  # what is due is looked at all the same
            else:
                tasks.STOPPING.wait(wait)
            return False
        self._troubles = 0
        return done


class WorkerProcess:
    """All background work of one process, until `stop`."""

    def __init__(self) -> None:
        settle = SettleRound()
        looks: dict[str, Callable[[], None]] = {
            "settle": settle, "sync": sync_round, "archive": archive_round,
        }  # fmt: skip
        self._hands = [
            Hand(kind, f"{kind}-{number}", looks[kind])
            for kind, count in HANDS.items()
            for number in range(1, count + 1)
        ]
        for name, look in (("chores", Chores()), ("night", by_night)):
            self._hands.append(Hand(name, name, look, has_queue=False))

    def run(self) -> None:
        """Work until `stop` is called, then finish what is in hand, as far as it ends in time."""
        _heartbeat()
        logger.info("Worker %s: every %s s it looks at what is due.", tasks.HOLDER, settings.SWEEP_SECONDS)
        with LEASE_RENEWER.renewing(_heartbeat):
            for hand in self._hands:
                hand.start()
            while not tasks.STOPPING.wait(POLL):  # a signal may reach another thread, which wakes nobody
                pass
            deadline = time.monotonic() + STOPS_WITHIN.total_seconds()
            for hand in self._hands:
                hand.join(max(0.0, deadline - time.monotonic()))
        left = [hand.name for hand in self._hands if hand.is_alive()]
        if left:
            logger.warning("Left unfinished, for another worker: %s", ", ".join(left))
        Worker.objects.filter(name=tasks.HOLDER).update(stopped_at=timezone.now())
        connection.close()

    def stop(self) -> None:
        """Finish what is in hand, and begin nothing more."""
        tasks.STOPPING.set()


def _heartbeat() -> bool:
    """This process is alive."""
    Worker.objects.heartbeat(tasks.HOLDER)
    return True
