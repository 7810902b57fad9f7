"""The interface of a task queue, as a worker uses it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from recordings.tasks import mail_password_link

FINISHED_RETENTION = timedelta(days=1)
# Nobody took it: what a wake-up would have said, the rows have said since.
WAITING_RETENTION = timedelta(days=1)
# Tasks that are the work itself: no row says what they say. They wait as long as nobody takes them, and one that a
# dead worker had in hand is carried out again.
DURABLE_TASKS = (mail_password_link.module_path,)


class TaskQueue(Protocol):
    """The tasks of one kind."""

    def __init__(self, kind: str, worker: str) -> None: ...

    def run_one(self) -> bool:
        """Carry out the task that waits longest; False where none does."""

    def clean(self, *, alive: Collection[str], now: datetime) -> None:
        """Remove what no longer says anything: wake-ups that a dead worker had in hand, and old ones."""


def open_queue(kind: str, worker: str) -> TaskQueue:
    """Return the queue that TASKS_BACKEND names."""
    queue: TaskQueue = import_string(settings.WORKER_QUEUE)(kind, worker)
    return queue
