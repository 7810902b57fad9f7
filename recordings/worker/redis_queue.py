"""Tasks that wait in Redis (django-tasks-rq)."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any

import django_rq
from django_tasks_rq import Job
from rq import SimpleWorker
from rq.exceptions import NoSuchJobError
from rq.timeouts import BaseDeathPenalty

from recordings.worker.queue import FINISHED_RETENTION

logging.getLogger("rq").setLevel(logging.WARNING)
logging.getLogger("django_tasks").setLevel(logging.WARNING)


class NoDeathPenalty(BaseDeathPenalty):
    """A task ends when it is done: its requests have deadlines of their own, and threads get no signals."""

    def setup_death_penalty(self) -> None:
        """Do nothing."""

    def cancel_death_penalty(self) -> None:
        """Do nothing."""


class ThreadWorker(SimpleWorker):
    """Carries tasks out in a thread of a process that listens to signals itself."""

    death_penalty_class = NoDeathPenalty


class RedisQueue:
    """The tasks of one kind. Redis itself forgets a worker that says nothing for some minutes."""

    def __init__(self, kind: str, worker: str) -> None:
        self._queue: Any = django_rq.get_queue(kind, job_class=Job)
        self._name = f"{worker}/{kind}"
        self._worker: Any = None

    def run_one(self) -> bool:
        """Carry out the task that waits longest; what it raises is kept with it."""
        connection = self._queue.connection
        found = type(self._queue).dequeue_any(
            [self._queue], None, connection, job_class=Job, death_penalty_class=NoDeathPenalty
        )
        if found is None:
            return False
        if self._worker is None:
            self._worker = ThreadWorker(
                [self._queue], name=self._name, connection=connection, job_class=Job, prepare_for_work=False
            )
        self._worker.execute_job(*found)
        return True

    def clean(self, *, alive: Collection[str], now: datetime) -> None:
        """Remove what a dead worker had in hand, and after a day what failed."""
        self._queue.started_job_registry.cleanup()
        failed = self._queue.failed_job_registry
        for job_id in failed.get_job_ids():
            try:
                job = Job.fetch(job_id, connection=self._queue.connection)
            except NoSuchJobError:
                failed.remove(job_id)
                continue
            ended = job.ended_at or job.enqueued_at
            if ended is not None and ended < now - FINISHED_RETENTION:
                failed.remove(job_id, delete_job=True)
