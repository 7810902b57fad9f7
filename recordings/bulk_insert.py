"""New rows by the fastest way of each database: COPY on PostgreSQL, `executemany` on SQLite.

`bulk_create` compiles a statement for each batch: of a recording's columns SQLite's limit of 999 variables allows 17
rows in one. Here values are prepared by the same methods of the fields, and nothing is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections, models, router

# Of these fields a plain str, int or bool is what the driver takes.
_PLAIN_FIELDS = frozenset({
    "BigAutoField", "BigIntegerField", "BooleanField", "CharField", "ForeignKey", "IntegerField", "OneToOneField",
    "PositiveBigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField", "SmallIntegerField", "TextField",
})  # fmt: skip
_PLAIN_TYPES = frozenset({str, int, bool})


def insert_rows(rows: Sequence[models.Model], *, ignore_conflicts: bool = False) -> None:
    """Insert rows of one model, with their primary keys where the first has one. No signal is sent.

    `ignore_conflicts`: leave out what a unique constraint refuses. Otherwise raise IntegrityError, as `save` does.
    """
    if not rows:
        return
    model = type(rows[0])
    connection: Any = connections[router.db_for_write(model)]
    keyed = rows[0].pk is not None
    fields = [
        one for one in model._meta.concrete_fields if not one.generated and (keyed or not one.primary_key)
    ]
    quote = connection.ops.quote_name
    into = f"{quote(model._meta.db_table)} ({', '.join(quote(str(field.column)) for field in fields)})"
    prepare = [_preparation(field, connection) for field in fields]
    values = [[prepared(row) for prepared in prepare] for row in rows]
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            verb = "INSERT OR IGNORE INTO" if ignore_conflicts else "INSERT INTO"
            cursor.executemany(f"{verb} {into} VALUES ({', '.join(['%s'] * len(fields))})", values)
        elif ignore_conflicts:  # COPY stops at the first conflict
            row = f"({', '.join(['%s'] * len(fields))})"
            sql = f"INSERT INTO {into} VALUES {', '.join([row] * len(values))} ON CONFLICT DO NOTHING"
            cursor.execute(sql, [value for one in values for value in one])
        else:
            with connection.wrap_database_errors, cursor.copy(f"COPY {into} FROM STDIN") as copy:
                for one in values:
                    copy.write_row(one)


def _preparation(field: Any, connection: Any) -> Callable[[models.Model], Any]:
    """Return a function that gives a row's value of the field as the database driver takes it."""
    is_plain = field.get_internal_type() in _PLAIN_FIELDS
    sets_itself = type(field).pre_save is not models.Field.pre_save
    if isinstance(field, models.DateField):
        sets_itself = field.auto_now or field.auto_now_add
    name = field.attname

    def prepared(row: models.Model) -> Any:
        value = field.pre_save(row, add=True) if sets_itself else row.__dict__[name]
        if value is None or (is_plain and type(value) in _PLAIN_TYPES):
            return value
        return field.get_db_prep_save(value, connection)

    return prepared
