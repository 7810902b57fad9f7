"""Whether this portal can do its work: database, migrations, storage and worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from recordings import storage
from recordings.choices import ProblemCode
from recordings.database_waits import MONITOR_WAIT, answers_in_time
from recordings.overview import problems
from recordings.storage import StorageError

HOLDS = 5.0  # seconds for which one answer serves everybody: strangers may ask, too
STORAGE_TIMEOUT = 3.0  # seconds
TURN_TIMEOUT = 2.0  # seconds for which a request waits for the look of another: callbacks may need its thread
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
        self._asks = "database"  # what the look that goes on waits for
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readiness")
        self._storage: Future[None] | None = None

    def failed(self) -> list[str]:
        """Return the names of what is not ready; empty where everything is.

        Where the look of another request takes long, return the name of what that one waits for.
        """
        if not self._lock.acquire(timeout=TURN_TIMEOUT):
            return [self._asks]
        try:
            if time.monotonic() - self._asked_at > HOLDS:
                self._failed = self._look()
                self._asked_at = time.monotonic()
            return self._failed
        finally:
            self._lock.release()

    def _look(self) -> list[str]:
        self._asks = "database"
        try:
            with answers_in_time(MONITOR_WAIT):
                if _lacks_migrations():
                    return ["migrations"]
                found = {NAMES[one.code] for one in problems() if one.account is None and one.code in NAMES}
        except (DatabaseError, InterfaceError):
            connection.close()
            return ["database"]
        self._asks = "storage"
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
