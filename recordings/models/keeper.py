"""Keeping leases while the work on their rows goes on: one thread for all that this process holds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connection

from recordings.models.lease import RENEWED_EVERY

logger = logging.getLogger(__name__)


class Hold:
    """One lease that is being kept. `lost`: it ran out and another has the row, so the work is to stop."""

    def __init__(self, renew: Callable[[], bool]) -> None:
        self._renew = renew
        self.lost = False

    def renew(self) -> None:
        """Once more; where the database is away, the next time decides."""
        try:
            self.lost = not self._renew()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("A lease could not be renewed: %s", type(error).__name__)
            connection.close()


class Keeper:
    """Renews every hold each `every`. Its thread lives for as long as something is held."""

    def __init__(self, every: timedelta = RENEWED_EVERY) -> None:
        self._every = every.total_seconds()
        self._changed = threading.Condition()
        self._holds: list[Hold] = []
        self._thread: threading.Thread | None = None

    @contextmanager
    def keep(self, renew: Callable[[], bool]) -> Iterator[Hold]:
        """Have `renew` called again and again until the block ends; it answers False where the lease is lost."""
        hold = Hold(renew)
        with self._changed:
            self._holds.append(hold)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
                self._thread.start()
        try:
            yield hold
        finally:
            self._let_go(hold)

    def _let_go(self, hold: Hold) -> None:
        with self._changed:
            self._holds.remove(hold)
            idle = None
            if not self._holds:
                idle, self._thread = self._thread, None
                self._changed.notify_all()
        if idle is not None:
            idle.join()  # its database connection must not outlive the work

    def _run(self) -> None:
        me = threading.current_thread()
        try:
            while True:
                with self._changed:
                    if self._changed.wait_for(lambda: self._thread is not me, timeout=self._every):
                        return
                    holds = list(self._holds)
                for hold in holds:
                    hold.renew()
        finally:
            connection.close()


KEEPER = Keeper()
