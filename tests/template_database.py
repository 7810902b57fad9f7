"""One migrated database for all workers of a run: the first worker's is copied by the others.

Migrations take five seconds of CPU time, nearly all of it to make the models' states anew, whatever the engine.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock that one worker holds at a time."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Template:
    """The copy. `folder` is one that all workers of the run share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file, self.mark = folder / "template.sqlite3", folder / "template.made"
        self.database = f"test_{connection.settings_dict['NAME']}_template"  # of PostgreSQL
        self._lock = locked(folder / "template.lock")
        self.is_ours = False

    def begin(self) -> None:
        """See to it that the test database will be made from the copy, or hold the others back until there is one."""
        self._lock.__enter__()
        self.is_ours = not self.mark.exists()
        if not self.is_ours:
            self._lock.__exit__(None, None, None)
            if connection.vendor == "postgresql":
                connection.settings_dict["TEST"]["TEMPLATE"] = self.database
            else:
                connection_created.connect(self._fill)

    def _fill(self, connection: Any, **_sent: object) -> None:
        """Copy it into the new database, at the first connection."""
        if connection.settings_dict["NAME"] != connection.settings_dict["TEST"]["NAME"]:
            return
        connection_created.disconnect(self._fill)
        with closing(sqlite3.connect(self.file)) as source:
            source.backup(connection.connection)

    def end(self) -> None:
        """Make the copy of the database that was migrated now, if there was none."""
        if not self.is_ours:
            return
        if connection.vendor == "postgresql":
            migrated = connection.settings_dict["NAME"]
            connection.close()  # nobody may be connected to what is copied
            self._execute(f'DROP DATABASE IF EXISTS "{self.database}"')
            self._execute(f'CREATE DATABASE "{self.database}" TEMPLATE "{migrated}"')
        else:
            with closing(sqlite3.connect(self.file)) as target:
                connection.connection.backup(target)
        self.mark.touch()
        self._lock.__exit__(None, None, None)

    def drop(self) -> None:
        """Take the copy away; who comes later makes another."""
        if self.is_ours and connection.vendor == "postgresql":
            with locked(self.folder / "template.lock"):
                self.mark.unlink()
                self._execute(f'DROP DATABASE IF EXISTS "{self.database}"')

    def _execute(self, statement: str) -> None:
        with connection._nodb_cursor() as cursor:
            cursor.execute(statement)
