"""An old database for each test; and the same after `migrate`, which runs once for all who only want what it leaves."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.upgrade.databases import a_database, manage


@pytest.fixture
def old_database(tmp_path: Path) -> Iterator[str]:
    """The address of a database as version 0.1 left it."""
    with a_database(tmp_path, "old") as address:
        yield address


@pytest.fixture(scope="session")
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The one that `migrated_database` copies: nobody else opens it. On SQLite all workers of the suite share it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" not in os.environ or connection.vendor != "sqlite":
        with a_database(folder, "migrated") as address:
            manage(address, "migrate", "--verbosity", "0")
            yield address
        return
    folder = folder.parent
    made = folder / "migrated.made"
    with (folder / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.exists():
            address = made.read_text()
        else:
            with a_database(folder, "migrated") as address:  # which SQLite leaves where it is
                manage(address, "migrate", "--verbosity", "0")
            made.write_text(address)
    yield address


@pytest.fixture
def migrated_database(migrated_once: str, tmp_path: Path) -> Iterator[str]:
    """The address of a database of version 0.1 after this version's `migrate`."""
    with a_database(tmp_path, "copy", of=migrated_once) as address:
        yield address
