"""Whether this portal can do its work: database, migrations, storage and worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from recordings import storage
from recordings.choices import ProblemCode
from recordings.overview import problems
from recordings.storage import StorageError

HOLDS = 5.0  # seconds for which one answer serves everybody: strangers may ask, too
STORAGE_TIMEOUT = 3.0  # seconds
# What fails with a problem of the whole portal
NAMES = {
    ProblemCode.NO_WORKER: "worker", ProblemCode.ARCHIVE_STOPPED: "storage", ProblemCode.DISK_FILLING: "storage",
}  # fmt: skip


class Readiness:
    """The names of what failed, looked up at most every HOLDS seconds, by one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._failed: list[str] = []
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readiness")
        self._storage: Future[None] | None = None

    def failed(self) -> list[str]:
        """Return the names of what is not ready; empty where everything is."""
        with self._lock:
            if time.monotonic() - self._asked_at > HOLDS:
                self._failed = self._look()
                self._asked_at = time.monotonic()
            return self._failed

    def _look(self) -> list[str]:
        try:
            if _lacks_migrations():
                return ["migrations"]
            found = {NAMES[one.code] for one in problems() if one.account is None and one.code in NAMES}
        except DatabaseError:
            connection.close()
            return ["database"]
        if not self._storage_answers():
            found.add("storage")
        return sorted(found)

    def _storage_answers(self) -> bool:
        """Ask in a thread, because object storage that is away may take long to say so."""
        if self._storage is None or self._storage.done():
            self._storage = self._pool.submit(storage.archive().check_reachable)
        try:
            self._storage.result(timeout=STORAGE_TIMEOUT)
        except (StorageError, FutureTimeoutError):
            return False
        return True


def _lacks_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


failed: Callable[[], list[str]] = Readiness().failed
