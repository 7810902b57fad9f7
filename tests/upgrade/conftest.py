"""An old database for each test; and the same after `migrate`, which runs once for all who only want what it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upgrade.databases import a_database, manage


@pytest.fixture
def old_database(tmp_path: Path) -> Iterator[str]:
    """The address of a database as version 0.1 left it."""
    with a_database(tmp_path, "old") as address:
        yield address


@pytest.fixture(scope="session")
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The one that `migrated_database` copies: nobody else opens it."""
    with a_database(tmp_path_factory.mktemp("upgrade"), "migrated") as address:
        manage(address, "migrate", "--verbosity", "0")
        yield address


@pytest.fixture
def migrated_database(migrated_once: str, tmp_path: Path) -> Iterator[str]:
    """The address of a database of version 0.1 after this version's `migrate`."""
    with a_database(tmp_path, "copy", of=migrated_once) as address:
        yield address
