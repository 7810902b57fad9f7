"""A database for one test run in the PostgreSQL on 127.0.0.1:5432, if it lets us in without a password.

throwaway_database.py create      makes one and prints its URL; exit 1, and why on stderr, where it cannot
throwaway_database.py drop URL    drops it, and the test databases that were made beside it
"""

from __future__ import annotations

import getpass
import secrets
import sys
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

HOST, PORT = "127.0.0.1", 5432


def connect(user: str) -> psycopg.Connection:
    """Connect to the maintenance database in autocommit, which creating and dropping databases needs."""
    return psycopg.connect(
        host=HOST, port=PORT, user=user, dbname="postgres", password="", connect_timeout=5, autocommit=True
    )


def create() -> str:
    """Create an empty database and return its URL; psycopg.Error if no known user may create one."""
    refused: psycopg.Error | None = None
    for user in dict.fromkeys(("postgres", getpass.getuser())):
        name = f"vobiz_portal_{secrets.token_hex(6)}"
        try:
            with connect(user) as connection:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except psycopg.Error as error:
            refused = error
        else:
            return f"postgres://{user}@{HOST}:{PORT}/{name}"
    raise refused or psycopg.Error("no user to try")


def drop(url: str) -> None:
    """Drop the database of `url` and every test database named after it (test_NAME, test_NAME_gw0 …)."""
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    with connect(parts.username or "postgres") as connection:
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE position(%s in datname) > 0", [name]
        )
        for (database,) in found.fetchall():
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))


def main(arguments: list[str]) -> int:
    """Run one of the two commands; 0 done, 1 PostgreSQL said no, 2 usage."""
    try:
        match arguments:
            case ["create"]:
                sys.stdout.write(f"{create()}\n")
            case ["drop", url]:
                drop(url)
            case _:
                sys.stderr.write(f"{__doc__}\n")
                return 2
    except psycopg.Error as error:
        sys.stderr.write(f"PostgreSQL on {HOST}:{PORT}: {str(error).strip()}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
