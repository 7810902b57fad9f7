"""Every bench, one after another: the tables of docs/performance.md.

    .venv/bin/python -m bench [--rows 1000000] [--server postgres://…]

`--server`: a PostgreSQL on which databases may be created; each bench gets an empty one, which is dropped afterwards.
Without it only SQLite is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from bench.portal import options


def main() -> None:
    """Run them and print their tables as they come."""
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="recordings in the library (1000000)")
    parser.add_argument("--synced", type=int, default=50_000, help="recordings of a first sync (50000)")
    parser.add_argument("--server", default="", help="a PostgreSQL on which databases may be created")
    given = parser.parse_args()
    for server in ("", given.server) if given.server else ("",):
        engine = "PostgreSQL" if server else "SQLite"
        run(f"Callbacks, {engine}", "callbacks", server=server)
        run(f"Syncs, {engine}", "sync", "--rows", str(given.synced), server=server)
        with tempfile.TemporaryDirectory() as folder, empty_database(server) as database:
            library = ("--rows", str(given.rows), "--library", folder)
            run(f"Lists, {engine}", "lists", *library, database=database)
            run(f"Worker, {engine}", "worker", *library, database=database)
    run("Archive, SQLite", "archive")
    run("Playback, SQLite", "playback")


def run(title: str, bench: str, *arguments: str, server: str = "", database: str = "") -> None:
    """Run one bench under a heading, on a database of its own where it is given a server."""
    print(f"\n## {title}\n", flush=True)
    if server:
        with empty_database(server) as own:
            _run(bench, *arguments, "--database", own)
    else:
        _run(bench, *arguments, *(("--database", database) if database else ()))


def _run(bench: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", f"bench.{bench}", *arguments], check=True)  # noqa: S603 - a bench of ours


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """Create a database, yield its URL, drop it; of no server yield nothing."""
    if not server:
        yield ""
        return
    name = f"vobiz_bench_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    main()
