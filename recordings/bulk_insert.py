"""Rows written by the fastest way of each database: COPY on PostgreSQL, `executemany` on SQLite.

`bulk_create` compiles a statement for each batch: of a recording's columns SQLite's limit of 999 variables allows 17
rows in one. Here values are prepared by the same methods of the fields, and nothing is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.db import DatabaseError, connections, models, router

# Of these fields a plain str, int or bool is what the driver takes.
_PLAIN_FIELDS = frozenset({
    "BigAutoField", "BigIntegerField", "BooleanField", "CharField", "ForeignKey", "IntegerField", "OneToOneField",
    "PositiveBigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField", "SmallIntegerField", "TextField",
})  # fmt: skip
_PLAIN_TYPES = frozenset({str, int, bool})
COPIED_ROWS = 10  # from how many rows on COPY is faster


def insert_rows(rows: Sequence[models.Model], *, ignore_conflicts: bool = False) -> None:
    """Insert rows of one model, with their primary keys where the first has one. No signal is sent.

    `ignore_conflicts`: leave out what a unique constraint refuses. Otherwise raise IntegrityError, as `save` does.
    """
    if not rows:
        return
    model = type(rows[0])
    connection: Any = connections[router.db_for_write(model)]
    into, prepare = _columns(model, connection.alias, keyed=rows[0].pk is not None)
    values = [[prepared(row) for prepared in prepare] for row in rows]
    marks = f"({', '.join(['%s'] * len(prepare))})"
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgresql and not ignore_conflicts and len(rows) >= COPIED_ROWS:
            with connection.wrap_database_errors, cursor.copy(f"COPY {into} FROM STDIN") as copy:
                for one in values:
                    copy.write_row(one)
        elif is_postgresql:  # COPY stops at the first conflict, and for a few rows it only adds a round trip
            end = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
            sql = f"INSERT INTO {into} VALUES {', '.join([marks] * len(values))}{end}"
            cursor.execute(sql, [value for one in values for value in one])
        else:
            verb = "INSERT OR IGNORE INTO" if ignore_conflicts else "INSERT INTO"
            sql = f"{verb} {into} VALUES {marks}"
            cursor.execute(sql, values[0]) if len(values) == 1 else cursor.executemany(sql, values)


def update_row(row: models.Model, columns: Sequence[str]) -> None:
    """Write these columns of one row that the caller has locked, as `save(update_fields=…)` does. No signal is sent.

    Plain values only, no expressions. Raises DatabaseError where there is no such row.
    """
    connection: Any = connections[router.db_for_write(type(row))]
    fields: list[Any] = [row._meta.get_field(name) for name in columns]
    quote = connection.ops.quote_name
    said = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    table, key = quote(row._meta.db_table), quote(str(row._meta.pk.column))
    values = [_preparation(field, connection, add=False)(row) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {said} WHERE {key} = %s", [*values, row.pk])
        if not cursor.rowcount:
            raise DatabaseError(f"no row {row.pk} of {table}")


@cache
def _columns(
    model: type[models.Model], alias: str, *, keyed: bool
) -> tuple[str, list[Callable[[models.Model], Any]]]:
    """Return the table with its columns, quoted, and for each column what gives a row's value of it."""
    connection: Any = connections[alias]
    fields = [
        one for one in model._meta.concrete_fields if not one.generated and (keyed or not one.primary_key)
    ]
    quote = connection.ops.quote_name
    into = f"{quote(model._meta.db_table)} ({', '.join(quote(str(field.column)) for field in fields)})"
    return into, [_preparation(field, connection) for field in fields]


def _preparation(field: Any, connection: Any, *, add: bool = True) -> Callable[[models.Model], Any]:
    """Return a function that gives a row's value of the field as the database driver takes it."""
    is_plain = field.get_internal_type() in _PLAIN_FIELDS
    sets_itself = type(field).pre_save is not models.Field.pre_save
    if isinstance(field, models.DateField):
        sets_itself = field.auto_now or (field.auto_now_add and add)
    name = field.attname

    def prepared(row: models.Model) -> Any:
        value = field.pre_save(row, add=add) if sets_itself else row.__dict__[name]
        if value is None or (is_plain and type(value) in _PLAIN_TYPES):
            return value
        return field.get_db_prep_save(value, connection)

    return prepared
