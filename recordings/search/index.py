"""The search indexes in the database: made, checked and rebuilt.

| | SQLite | PostgreSQL |
|---|---|---|
| digits of both numbers, SIP names | FTS5 table, trigram tokenizer | GIN with `gin_trgm_ops` (`pg_trgm`) |
| conference names | FTS5 table, trigram tokenizer | GIN with `gin_trgm_ops` |
| words of transcripts | FTS5 table over `transcription.tokens` | GIN over a generated `tsvector` column |

Triggers keep the FTS5 tables in step with their rows; PostgreSQL's indexes keep themselves. SQLite's migrations remake
tables and silently drop their triggers, so `after_migrate` makes them again, and rebuilds an index whose triggers were
missing. Django cannot describe any of this in a model's Meta, because each exists on one of the two databases only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError
from django.db import ProgrammingError, connections, transaction
from django.utils.translation import gettext as _

from recordings.models import Call, Recording, Transcription

CALLS, RECORDINGS, TRANSCRIPTIONS = (model._meta.db_table for model in (Call, Recording, Transcription))
NUMBERS, CONFERENCES, WORDS = (
    "recordings_search_numbers",
    "recordings_search_conferences",
    "recordings_search_words",
)
VECTOR = "search_vector"  # PostgreSQL's generated column of the transcriptions
TO_VECTOR = "recordings_tokens_to_tsvector"
# Words keep letters with their marks (FTS5's default splits Hindi at vowel signs) and are cut by our own tokenizer.
WORD_TOKENIZER = "unicode61 remove_diacritics 0 categories 'L* N* Co M*'"
EXTENSION = "CREATE EXTENSION IF NOT EXISTS pg_trgm"


@dataclass(frozen=True, slots=True)
class FullTextTable:
    """An FTS5 table that follows `source`: `columns` maps its columns to SQL over one row, named `{row}`."""

    name: str
    source: str
    columns: dict[str, str]
    tokenizer: str

    @property
    def create(self) -> str:
        """Return the statement that creates the empty table."""
        return (
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {self.name} USING fts5("
            f'{", ".join(self.columns)}, tokenize="{self.tokenizer}")'
        )

    @property
    def triggers(self) -> dict[str, str]:
        """Return the triggers by name: insert, update of what is indexed, delete."""
        return {
            f"{self.name}_insert": f"AFTER INSERT ON {self.source} WHEN {self._present('NEW')} "
            f"BEGIN {self._insert('NEW')}; END",
            # By delete and insert: a row that had nothing to index has no entry to update.
            f"{self.name}_update": f"AFTER UPDATE OF {', '.join(self._read)} ON {self.source} "
            f"WHEN {' OR '.join(f'OLD.{column} IS NOT NEW.{column}' for column in self._read)} "
            f"BEGIN DELETE FROM {self.name} WHERE rowid = OLD.id; {self._insert('NEW', where=True)}; END",
            f"{self.name}_delete": f"AFTER DELETE ON {self.source} "
            f"BEGIN DELETE FROM {self.name} WHERE rowid = OLD.id; END",
        }

    def fill(self, after: int, upto: int) -> str:
        """Return the statement that indexes the source's rows with `after` < id ≤ `upto`."""
        return (
            f"INSERT INTO {self.name}(rowid, {', '.join(self.columns)}) SELECT {self._values(self.source)} "
            f"FROM {self.source} WHERE id > {after} AND id <= {upto} AND ({self._present(self.source)})"
        )

    @property
    def _read(self) -> tuple[str, ...]:
        return SOURCE_COLUMNS[self.name]

    def _values(self, row: str) -> str:
        return ", ".join([f"{row}.id", *(sql.format(row=row) for sql in self.columns.values())])

    def _present(self, row: str) -> str:
        return " OR ".join(f"{row}.{column} IS NOT NULL" for column in self._read)

    def _insert(self, row: str, *, where: bool = False) -> str:
        condition = f" WHERE {self._present(row)}" if where else ""
        return (
            f"INSERT INTO {self.name}(rowid, {', '.join(self.columns)}) SELECT {self._values(row)}{condition}"
        )


# A number with a letter in it is a SIP address or a name: indexed as text beside its digits.
_NAME = "CASE WHEN {{row}}.{column} GLOB '*[A-Za-z]*' THEN {{row}}.{column} END"
SOURCE_COLUMNS = {
    NUMBERS: ("from_digits", "to_digits", "from_number", "to_number"),
    CONFERENCES: ("conference_name",),
    WORDS: ("tokens",),
}
FULL_TEXT_TABLES = (
    FullTextTable(
        NUMBERS,
        CALLS,
        {
            "from_digits": "{row}.from_digits",
            "to_digits": "{row}.to_digits",
            "from_name": _NAME.format(column="from_number"),
            "to_name": _NAME.format(column="to_number"),
        },
        "trigram",
    ),
    FullTextTable(CONFERENCES, RECORDINGS, {"conference_name": "{row}.conference_name"}, "trigram"),
    FullTextTable(WORDS, TRANSCRIPTIONS, {"tokens": "{row}.tokens"}, WORD_TOKENIZER),
)
POSTGRESQL = (
    # Tokens are words already, so PostgreSQL's parser, which splits them again by its own rules, is passed by.
    f"""CREATE OR REPLACE FUNCTION {TO_VECTOR}(tokens text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT coalesce(string_agg(quote_literal(token) || ':' || least(position, 16383), ' '), '')::tsvector
        FROM unnest(string_to_array(tokens, ' ')) WITH ORDINALITY AS t(token, position)
    $$""",
    (
        f"ALTER TABLE {TRANSCRIPTIONS} ADD COLUMN IF NOT EXISTS {VECTOR} tsvector "
        f"GENERATED ALWAYS AS ({TO_VECTOR}(tokens)) STORED"
    ),
    f"CREATE INDEX IF NOT EXISTS {WORDS} ON {TRANSCRIPTIONS} USING gin ({VECTOR})",
    f"CREATE INDEX IF NOT EXISTS {NUMBERS}_from ON {CALLS} USING gin (from_digits gin_trgm_ops)",
    f"CREATE INDEX IF NOT EXISTS {NUMBERS}_to ON {CALLS} USING gin (to_digits gin_trgm_ops)",
    (
        f"CREATE INDEX IF NOT EXISTS {NUMBERS}_from_name ON {CALLS} USING gin (lower(from_number) gin_trgm_ops) "
        "WHERE from_number ~ '[A-Za-z]'"
    ),
    (
        f"CREATE INDEX IF NOT EXISTS {NUMBERS}_to_name ON {CALLS} USING gin (lower(to_number) gin_trgm_ops) "
        "WHERE to_number ~ '[A-Za-z]'"
    ),
    (
        f"CREATE INDEX IF NOT EXISTS {CONFERENCES} ON {RECORDINGS} USING gin (lower(conference_name) gin_trgm_ops) "
        "WHERE conference_name IS NOT NULL"
    ),
    # Django makes such an index for a unique column alone.
    f"CREATE INDEX IF NOT EXISTS {NUMBERS}_uuid ON {CALLS} (call_uuid varchar_pattern_ops)",
)
ROWS_AT_ONCE = 20_000


def after_migrate(*, using: str, **_kwargs: object) -> None:
    """Make what is missing; called by Django after every `migrate`."""
    connection: Any = connections[using]
    existing = set(connection.introspection.table_names())
    if not {CALLS, RECORDINGS, TRANSCRIPTIONS} <= existing or not _has_tokens(connection):
        return
    if connection.vendor == "postgresql":
        _make_on_postgresql(connection)
        return
    for table in FULL_TEXT_TABLES:
        if _make_on_sqlite(connection, table):
            for _done, _total in fill(table, using=using):
                pass


def rebuild(*, using: str = "default") -> Iterator[tuple[str, int, int]]:
    """Rebuild every index from its rows. Yields the index's name, the rows done and the rows in all."""
    connection: Any = connections[using]
    if connection.vendor == "postgresql":
        names = (
            WORDS,
            f"{NUMBERS}_from",
            f"{NUMBERS}_to",
            f"{NUMBERS}_from_name",
            f"{NUMBERS}_to_name",
            CONFERENCES,
        )
        _make_on_postgresql(connection)
        for done, name in enumerate(names, 1):
            with connection.cursor() as cursor:
                cursor.execute(f"REINDEX INDEX CONCURRENTLY {name}")
            yield name, done, len(names)
        return
    for table in FULL_TEXT_TABLES:
        _make_on_sqlite(connection, table)
        for done, total in fill(table, using=using):
            yield table.name, done, total


def fill(table: FullTextTable, *, using: str) -> Iterator[tuple[int, int]]:
    """Empty an FTS5 table and index every row anew, in transactions of ROWS_AT_ONCE. Yields rows done and in all."""
    connection: Any = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table.name}")
        cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table.source}")
        last = cursor.fetchone()[0]
        for after in range(0, last, ROWS_AT_ONCE):
            with transaction.atomic(using=using):
                upto = min(after + ROWS_AT_ONCE, last)
                # What was written since by a trigger is indexed already.
                cursor.execute(f"DELETE FROM {table.name} WHERE rowid > {after} AND rowid <= {upto}")
                cursor.execute(table.fill(after, upto))
            yield upto, last


def _has_tokens(connection: Any) -> bool:
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, TRANSCRIPTIONS)
    return "tokens" in {column.name for column in columns}


def _make_on_sqlite(connection: Any, table: FullTextTable) -> bool:
    """Create the table and its triggers where missing. Return whether any was, so that the rows must be indexed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE name LIKE %s", [f"{table.name}%"])
        existing = {name for (name,) in cursor.fetchall()}
        missing = [name for name in (table.name, *table.triggers) if name not in existing]
        if missing:
            cursor.execute(table.create)
            for name, body in table.triggers.items():
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
                cursor.execute(f"CREATE TRIGGER {name} {body}")
    return bool(missing)


def _make_on_postgresql(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        if cursor.fetchone() is None:
            try:
                with transaction.atomic(using=connection.alias):
                    cursor.execute(EXTENSION)
            except ProgrammingError as error:
                raise CommandError(
                    _(
                        "Search needs PostgreSQL's extension pg_trgm, and this user may not create it. Run this as "
                        "the database's owner, then run migrate again: %s;"
                    )
                    % EXTENSION
                ) from error
        for statement in POSTGRESQL:
            cursor.execute(statement)
