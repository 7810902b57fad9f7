"""A large library on PostgreSQL in seconds: the database itself multiplies a small one."""

from __future__ import annotations

from typing import Any

from django.db import connection, models

from recordings.models import AccessEvent, Call, CallbackEvent, Recording, SyncRun, Transcription

TIMES = 19  # copies that are made of each row
STEP = 10_000_000  # from the primary key of a row to that of its first copy


def _later(column: str) -> str:
    return f"{column} - n * interval '37 minutes'"


def _other(column: str) -> str:
    """A number that differs from copy to copy, unless it is of one of our own lines."""
    tail = "lpad(((id * 7919 + n * 104729) %% 100000000)::text, 8, '0')"
    return f"CASE WHEN {column} LIKE '%%4512%%' THEN {column} ELSE left({column}, 4) || {tail} END"


CHANGED: dict[type[models.Model], dict[str, str]] = {
    Call: {
        "call_uuid": "call_uuid || '-' || n", "happened_at": _later("happened_at"), "started_at": _later("started_at"),
        "from_digits": _other("from_digits"), "to_digits": _other("to_digits"),
    },
    Recording: {
        "call_id": f"call_id + n * {STEP}", "recording_id": "recording_id || '-' || n",
        **{name: _later(name) for name in ("happened_at", "added_at", "started_at", "ended_at")},
    },
    Transcription: {"recording_id": f"recording_id + n * {STEP}", "received_at": _later("received_at")},
    CallbackEvent: {
        "recording_id": f"recording_id + n * {STEP}", "content_digest": "md5(id || '.' || n) || md5(n || '.' || id)",
        "received_at": _later("received_at"),
    },
    SyncRun: {name: _later(name) for name in ("started_at", "ended_at", "lease_until")},
    AccessEvent: {
        "at": _later("at"), "recording_pk": f"recording_pk + n * {STEP}", "recording_id": "recording_id || '-' || n",
        "user_pk": "1 + (id + n) %% 50",
    },
}  # fmt: skip


def multiply() -> None:
    """Copy every row TIMES times, as if each had happened earlier, and gather PostgreSQL's statistics."""
    with connection.cursor() as cursor:
        for model, changed in CHANGED.items():
            values: dict[str, Any] = {
                str(field.column): str(field.column)
                for field in model._meta.concrete_fields
                if not field.generated
            }
            values |= {"id": f"id + n * {STEP}", **changed}
            table = model._meta.db_table
            copied = f"SELECT {', '.join(values.values())} FROM {table}, generate_series(1, %s) AS n"  # noqa: S608
            cursor.execute(f"INSERT INTO {table} ({', '.join(values)}) {copied}", [TIMES])
        tables = ", ".join(model._meta.db_table for model in CHANGED)
        cursor.execute(f"ANALYZE {tables}")
