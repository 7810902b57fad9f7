"""The interface of a task queue, as a worker uses it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

FINISHED_RETENTION = timedelta(days=1)
WAITING_RETENTION = timedelta(days=1)  # nobody took it: what it would have said, the rows have said since


class TaskQueue(Protocol):
    """The tasks of one kind."""

    def __init__(self, kind: str, worker: str) -> None: ...

    def run_one(self) -> bool:
        """Carry out the task that waits longest; False where none does."""

    def clean(self, *, alive: Collection[str], now: datetime) -> None:
        """Remove what no longer says anything: tasks that a dead worker had in hand, and old ones."""


def open_queue(kind: str, worker: str) -> TaskQueue:
    """Return the queue that TASKS_BACKEND names."""
    queue: TaskQueue = import_string(settings.WORKER_QUEUE)(kind, worker)
    return queue
