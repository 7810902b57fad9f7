"""A database of version 0.1 goes on under this version: `migrate` brings it up to date, and its rows are used."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

ROOT = Path(__file__).parents[2]
FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def old_database(tmp_path: Path) -> Iterator[str]:
    """The address of a database as version 0.1 left it, on the engine that the tests run on."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        path = tmp_path / "old.sqlite3"
        with sqlite3.connect(path) as old:
            old.executescript(gzip.decompress((FIXTURES / "sqlite-0.1.sql.gz").read_bytes()).decode())
        old.close()
        yield f"sqlite:///{path}"
        return
    server = {"host": database["HOST"], "port": database["PORT"] or 5432, "user": database["USER"]}
    name = f"upgrade_{os.getpid()}"
    password = {"password": database["PASSWORD"]} if database["PASSWORD"] else {}
    with psycopg.connect(dbname="postgres", autocommit=True, **server, **password) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            with psycopg.connect(dbname=name, **server, **password) as connection:
                dump = gzip.decompress((FIXTURES / "postgresql-0.1.sql.gz").read_bytes())
                connection.execute(dump)
            secret = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
            yield f"postgres://{server['user']}{secret}@{server['host']}:{server['port']}/{name}"
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def manage(database: str, *arguments: str) -> str:
    environment = os.environ | {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(database: str, model: str) -> list[dict[str, Any]]:
    return [row["fields"] for row in json.loads(manage(database, "dumpdata", model))]


@pytest.mark.engine
def test_a_database_of_the_first_version_is_migrated_and_used(old_database: str) -> None:
    manage(old_database, "migrate", "--verbosity", "0")
    plan = manage(old_database, "showmigrations", "recordings", "--plan")
    assert "[ ]" not in plan
    assert "recordings.0001_release" in plan
    recordings = {row["recording_id"]: row for row in rows(old_database, "recordings.recording")}
    assert set(recordings) == {
        None,
        "rec-upgrade-0001",
        "rec-upgrade-0002",
        "rec-upgrade-0003",
        "rec-upgrade-0005",
    }
    assert recordings["rec-upgrade-0001"]["storage_rate"] == "0.00500000"
    texts = [row["text"] for row in rows(old_database, "recordings.transcription")]
    assert sorted(filter(None, texts)) == ["Where is my parcel?"]
    groups = {row["name"] for row in rows(old_database, "auth.group")}
    assert {"Viewer", "Listener", "Operator", "Auditor", "Account admin"} <= groups
    closed = json.loads(manage(old_database, "prune_history", "--json"))
    assert closed == {"events": 0, "accesses": 0}
