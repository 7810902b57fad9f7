"""Tasks that wait in Redis (django-tasks-rq).

Whoever can write to Redis must not be able to run code here: jobs are JSON (RQ's default is pickle), and only the
tasks of the portal's queues run, with django-tasks-rq's callbacks and without webhooks.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Any

import django_rq
from django_tasks_rq import Job
from rq import SimpleWorker
from rq.exceptions import AbandonedJobError, DeserializationError, InvalidJobOperation, NoSuchJobError
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty

from recordings.worker.queue import DURABLE_TASKS, FINISHED_RETENTION

logger = logging.getLogger(__name__)
logging.getLogger("rq").setLevel(logging.WARNING)
logging.getLogger("django_tasks").setLevel(logging.WARNING)


TASKS_MODULE = "recordings.tasks."
CALLBACKS = {
    "success_callback_name": b"django_tasks_rq.backend.success_callback",
    "failure_callback_name": b"django_tasks_rq.backend.failed_callback",
    "stopped_callback_name": b"",
}


class ForeignJobError(ValueError):
    """A job in Redis that the portal did not write; names the column that says so."""


class PortalJob(Job):
    """A job that runs a task of ours and nothing else."""

    def restore(self, raw_data: Any) -> Any:
        """Read the job; raise ValueError for one that names other code, or is not JSON."""
        given = {key.decode(errors="replace"): value for key, value in raw_data.items()}
        for name, allowed in CALLBACKS.items():
            if given.get(name, b"") not in (b"", allowed):
                raise ForeignJobError(name)
        if given.get("webhooks"):
            raise ForeignJobError("webhooks")
        restored = super().restore(raw_data)
        try:
            is_ours = str(self.func_name).startswith(TASKS_MODULE)
        except DeserializationError as error:
            raise ForeignJobError("data") from error
        if not is_ours:
            raise ForeignJobError("data")
        return restored


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
        self._queue: Any = django_rq.get_queue(kind, job_class=PortalJob)
        self._name = f"{worker}/{kind}"
        self._worker: Any = None

    def run_one(self) -> bool:
        """Carry out the task that waits longest; what it raises is kept with it. A foreign job is dropped."""
        connection = self._queue.connection
        try:
            found = type(self._queue).dequeue_any(
                [self._queue], None, connection, job_class=PortalJob, serializer=JSONSerializer,
                death_penalty_class=NoDeathPenalty,
            )  # fmt: skip
        except ValueError as error:  # pickled by an older version, or not written by the portal
            logger.warning("A job in Redis was dropped: %s", type(error).__name__)
            return True
        if found is None:
            return False
        if self._worker is None:
            self._worker = ThreadWorker(
                [self._queue], name=self._name, connection=connection, job_class=PortalJob,
                serializer=JSONSerializer, prepare_for_work=False,
            )  # fmt: skip
        self._worker.execute_job(*found)
        return True

    def clean(self, *, alive: Collection[str], now: datetime) -> None:
        """Enqueue the deferred tasks that are due. Remove what a dead worker had in hand, and after a day what failed.

        A durable task of a dead worker waits again.
        """
        self._enqueue_due()
        # Not the queue's own registry: it sets a signal for the callback, which a thread may not.
        started = StartedJobRegistry(
            queue=self._queue, job_class=PortalJob, death_penalty_class=NoDeathPenalty
        )
        self._drop_foreign(started)
        started.cleanup()
        failed = self._queue.failed_job_registry
        for job_id in failed.get_job_ids():
            try:
                job = PortalJob.fetch(job_id, connection=self._queue.connection, serializer=JSONSerializer)
            except (NoSuchJobError, ValueError):
                failed.remove(job_id)
                continue
            if job.func_name in DURABLE_TASKS and _was_abandoned(job):
                with suppress(InvalidJobOperation):  # another worker has just done it
                    failed.requeue(job)
                continue
            ended = job.ended_at or job.enqueued_at
            if ended is not None and ended < now - FINISHED_RETENTION:
                failed.remove(job_id, delete_job=True)

    def _enqueue_due(self) -> None:
        """Enqueue what was to run later, and by now is due; of several workers one does it."""
        deferred = self._queue.scheduled_job_registry
        for job_id in deferred.get_jobs_to_enqueue():
            if not self._queue.connection.zrem(deferred.key, job_id):
                continue  # another worker has just done it
            try:
                job = PortalJob.fetch(job_id, connection=self._queue.connection, serializer=JSONSerializer)
            except (NoSuchJobError, ValueError) as error:
                logger.warning("A deferred job in Redis was dropped: %s", type(error).__name__)
                continue
            self._queue.enqueue_job(job)

    def _drop_foreign(self, started: StartedJobRegistry) -> None:
        """Take out of the jobs in hand what the portal did not write: RQ cannot clean a list that holds such a job."""
        connection = self._queue.connection
        for entry in connection.zrange(started.key, 0, -1):
            try:
                job_id = started.parse_job_id(entry)
                PortalJob.fetch(job_id, connection=connection, serializer=JSONSerializer)
            except NoSuchJobError:
                continue  # RQ leaves it out
            except ValueError as error:
                logger.warning("A started job in Redis was dropped: %s", type(error).__name__)
                connection.zrem(started.key, entry)


def _was_abandoned(job: Any) -> bool:
    """Return whether a failed job failed because its worker died."""
    result = job.latest_result()
    return result is not None and AbandonedJobError.__name__ in (result.exc_string or "")
