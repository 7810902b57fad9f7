"""What a database holds besides its rows."""

from __future__ import annotations

import re
from typing import Any

OURS = "recordings_%"
# Of a column that became NULL: `= ''` and `= '' AND IS NOT NULL` refuse the same rows.
SAME_IN_EFFECT = {"call_unknown_is_null"}
DEFINITIONS = {
    # In their order: of two indexes that would do, SQLite takes the one that was created last.
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE tbl_name LIKE %s AND type IN ('index', 'trigger')"
    " AND sql IS NOT NULL ORDER BY tbl_name, type, sql LIKE 'CREATE UNIQUE %%', rowid",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE %s UNION ALL"
    " SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid::regclass::text LIKE %s UNION ALL"
    " SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid::regclass::text LIKE %s AND NOT tgisinternal"
    " ORDER BY 1, 2",
}

CASTS = re.compile(
    r"::[a-z ]+(\[\])?|[()\[\]]"
)  # PostgreSQL writes them otherwise in a database that was restored


def structure(connection: Any) -> dict[str, list[list[str]]]:
    """Of the portal's tables: columns, in whatever order, indexes, constraints and triggers, each with what it says.

    Without the names that SQLite makes from a place: `fk_0`.
    """
    found: dict[str, list[list[str]]] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith("recordings_"):
                columns = connection.introspection.get_table_description(cursor, table)
                found[table] = sorted(
                    [column.name, str(column.type_code), str(column.null_ok), str(column.default)]
                    for column in columns
                )
                constraints = connection.introspection.get_constraints(cursor, table)
                found[f"{table}: constraints"] = sorted(
                    [
                        "" if name.startswith("fk_") else name,
                        str(one["columns"]),
                        str(one["unique"]),
                        str(one["foreign_key"]),
                        str(one["check"]),
                    ]
                    for name, one in constraints.items()
                    if not name.startswith("__")
                )
        sql = DEFINITIONS[connection.vendor]
        cursor.execute(sql, [OURS] * sql.count("%s"))
        found["definitions"] = [
            [str(name), CASTS.sub("", text)] for name, text in cursor.fetchall() if name not in SAME_IN_EFFECT
        ]
    return found
