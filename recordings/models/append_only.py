"""The access log can only grow: the database itself refuses what would change or shorten it.

Django has no such rule, so triggers make it: every UPDATE of an access event is refused, and every DELETE of one
younger than YOUNG days, by the database's own clock. SQLite's migrations remake tables and silently drop their
triggers, so these are made after every `migrate`, again and again to the same end.
"""

from __future__ import annotations

from typing import Any

from django.db import connections

from recordings.models.access_event import AccessEvent

YOUNG = 365  # days; the least that ACCESS_RETENTION_DAYS may be
TABLE = AccessEvent._meta.db_table
WORDS = f"access events are only ever added, and kept for {YOUNG} days at least"
NO_UPDATE, NO_DELETE = f"{TABLE}_no_update", f"{TABLE}_no_delete"

SQLITE = (
    f"DROP TRIGGER IF EXISTS {NO_UPDATE}",
    f"CREATE TRIGGER {NO_UPDATE} BEFORE UPDATE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{WORDS}'); END",
    f"DROP TRIGGER IF EXISTS {NO_DELETE}",
    (
        f"CREATE TRIGGER {NO_DELETE} BEFORE DELETE ON {TABLE} WHEN OLD.at > datetime('now', '-{YOUNG} days') "
        f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
    ),
)
POSTGRESQL = (
    (
        f"CREATE OR REPLACE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    ),
    (
        f"CREATE OR REPLACE TRIGGER {NO_UPDATE} BEFORE UPDATE ON {TABLE} "
        f"FOR EACH ROW EXECUTE FUNCTION {TABLE}_refuse()"
    ),
    (
        f"CREATE OR REPLACE TRIGGER {NO_DELETE} BEFORE DELETE ON {TABLE} FOR EACH ROW "
        f"WHEN (OLD.at > now() - interval '{YOUNG} days') EXECUTE FUNCTION {TABLE}_refuse()"
    ),
)


def make_append_only(using: str) -> None:
    """Make both triggers, where the table is there already."""
    connection: Any = connections[using]
    if TABLE not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        for statement in POSTGRESQL if connection.vendor == "postgresql" else SQLITE:
            cursor.execute(statement)


def after_migrate(*, using: str, **_kwargs: object) -> None:
    """What Django calls after every `migrate`."""
    make_append_only(using)
