"""Databases as version 0.1 left them, and what their owner does with them from the shell."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

ROOT = Path(__file__).parents[2]
FIXTURES = Path(__file__).parent / "fixtures"


@contextmanager
def a_database(folder: Path, name: str, *, of: str = "") -> Iterator[str]:
    """The address of a database on the engine that the tests run on: as version 0.1 left it, or a copy of `of`."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        path = folder / f"{name}.sqlite3"
        if of:
            shutil.copyfile(of.removeprefix("sqlite:///"), path)
        else:
            with sqlite3.connect(path) as old:
                old.executescript(gzip.decompress((FIXTURES / "sqlite-0.1.sql.gz").read_bytes()).decode())
            old.close()
        yield f"sqlite:///{path}"
        return
    server = {"host": database["HOST"], "port": database["PORT"] or 5432, "user": database["USER"]}
    password = {"password": database["PASSWORD"]} if database["PASSWORD"] else {}
    secret = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    name = f"upgrade_{name}_{os.getpid()}"
    with psycopg.connect(dbname="postgres", autocommit=True, **server, **password) as admin:
        admin.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {of.rpartition('/')[2]}" if of else ""))
        try:
            if not of:
                with psycopg.connect(dbname=name, **server, **password) as connection:
                    connection.execute(gzip.decompress((FIXTURES / "postgresql-0.1.sql.gz").read_bytes()))
            yield f"postgres://{server['user']}{secret}@{server['host']}:{server['port']}/{name}"
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def manage(database: str, *arguments: str) -> str:
    environment = os.environ | {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(database: str, model: str) -> list[dict[str, Any]]:
    return tables(database, model)[model]


def tables(database: str, *models: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of each model, all read by one process: to start it takes longer than to read."""
    found: dict[str, list[dict[str, Any]]] = {model: [] for model in models}
    for row in json.loads(manage(database, "dumpdata", *models)):
        found[row["model"]].append(row["fields"])
    return found


def execute(database: str, statement: str) -> None:
    if database.startswith("sqlite:///"):
        connection: Any = sqlite3.connect(database.removeprefix("sqlite:///"))
    else:
        connection = psycopg.connect(database)
    with connection:
        connection.execute(statement)
    connection.close()
