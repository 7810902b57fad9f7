"""Empty the tables that a test filled, and put back what migrations wrote.

Django's own command truncates every table and creates content types and permissions anew: two seconds on PostgreSQL
with all our indexes, where most tests fill five tables.
"""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS, connections, transaction

from recordings.models.access_event import NO_DELETE, TABLE, make_append_only

# What migrations fill, in the order in which rows refer to each other
SEEDED = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
_seeds: dict[str, list[tuple[Any, ...]]] = {}
_tables: list[str] = []


class Command(BaseCommand):
    help = __doc__
    stealth_options = ("reset_sequences", "allow_cascade", "inhibit_post_migrate")  # what Django's tests pass

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--no-input", action="store_false", dest="interactive")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS)

    def handle(self, *, database: str, **_options: object) -> None:
        empty(connections[database])


def remember(connection: Any) -> None:
    """Read what migrations wrote into a new database; what an interrupted run left in a kept one goes."""
    _tables[:] = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with connection.cursor() as cursor:
        _seeds.update({table: rows(cursor, table) for table in SEEDED})
    empty(connection)


def empty(connection: Any) -> None:
    """Delete all rows in one transaction, in any order, as foreign keys are checked at its end."""
    filled = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in _tables if table not in _seeds
    )
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(filled)
        for (table,) in cursor.fetchall():
            if table == TABLE:  # append-only
                of_table = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {NO_DELETE}{of_table}")
            cursor.execute(f"DELETE FROM {table}")
            if table == TABLE:
                make_append_only(connection.alias)
        if any(rows(cursor, table) != seeds for table, seeds in _seeds.items()):
            restore(cursor)


def restore(cursor: Any) -> None:
    """Write the remembered rows again, with their primary keys."""
    for table in reversed(SEEDED):
        cursor.execute(f"DELETE FROM {table}")
    for table in SEEDED:
        values = ", ".join(["%s"] * len(_seeds[table][0]))
        cursor.executemany(f"INSERT INTO {table} VALUES ({values})", _seeds[table])


def rows(cursor: Any, table: str) -> list[tuple[Any, ...]]:
    """Return all rows of a small table, by primary key."""
    cursor.execute(f"SELECT * FROM {table} ORDER BY id")
    return list(cursor.fetchall())
