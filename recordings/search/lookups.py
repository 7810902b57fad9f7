"""Database lookups that use the search indexes: one spelling in Python, one in each database's SQL.

    Recording.objects.filter(call__pk__has_digits=Digits("387423", side="from"))
    Recording.objects.filter(pk__has_words=Words(("lost parcel", "refund")))

Each is one `IN (SELECT …)` over one index, so the planner never meets an OR across tables.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from django.db import connections
from django.db.models import BigAutoField, CharField, F, ForeignKey, Lookup

from recordings.search.index import CALLS, CONFERENCES, NUMBERS, RECORDINGS, TRANSCRIPTIONS, VECTOR, WORDS

Side = Literal["from", "to"]
SIDES: tuple[Side, ...] = ("from", "to")
SHORTEST = 3  # characters: what a trigram index can find


@dataclass(frozen=True, slots=True)
class Digits:
    """ASCII digits anywhere in the E.164 digits of a call's numbers; of one side, or of either.

    `by_row` as for Words.
    """

    digits: str
    side: Side | None = None
    by_row: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """Text anywhere in a SIP address or name of a call (side as for Digits), or in a conference name; any case."""

    text: str
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """Phrases, all of which a transcript holds; each is tokens separated by one space, the last maybe a prefix."""

    phrases: tuple[tuple[str, ...], ...]
    prefix: bool = False
    """Whether the last token of the last phrase may be the beginning of a word."""
    by_row: bool = False
    """Look each row up, for the newest of many hits, where the rows have an order; else every hit is gathered first."""

    @property
    def fts5(self) -> str:
        """Return the query in FTS5's language. Tokens hold no quote, so quoting them is enough."""
        phrases = [f'"{" ".join(phrase)}"' for phrase in self.phrases]
        return " ".join(phrases) + (" *" if self.prefix else "")

    @property
    def tsquery(self) -> str:
        """Return the query in PostgreSQL's language, for a cast that passes its parser by."""
        phrases = [" <-> ".join(f"'{token}'" for token in phrase) for phrase in self.phrases]
        phrases[-1] += ":*" if self.prefix else ""
        return " & ".join(f"({phrase})" for phrase in phrases)


class _IndexLookup(Lookup[Any]):
    """`lhs IN (SELECT …)`; the right side is one of the dataclasses above and needs no adapting."""

    prepare_rhs = False
    sqlite: ClassVar[str]  # every hit, for one parameter

    def get_db_prep_lookup(self, value: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the value as it is: each database's method reads it."""
        return "%s", (value,)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Compile for SQLite, whose index is an FTS5 table."""
        lhs, params = self.process_lhs(compiler, connection)
        query = compiler.query
        is_ordered = query.order_by or (query.default_ordering and query.get_meta().ordering)
        if getattr(self.rhs, "by_row", False) and is_ordered:
            sql, found = self.sqlite_by_row()
            return f"EXISTS ({sql.format(lhs=lhs)})", (*params, *found)
        return f"{lhs} IN ({self.sqlite})", (*params, self.match())

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Compile for PostgreSQL."""
        lhs, params = self.process_lhs(compiler, connection)
        sql, found = self.postgresql()
        return f"{lhs} IN ({sql})", [*params, *found]

    def match(self) -> str:
        """Return what FTS5 is asked to match."""
        raise NotImplementedError

    def sqlite_by_row(self) -> tuple[str, list[Any]]:
        """Return a subquery for SQLite that has a row where `{lhs}` is a hit, with its parameters."""
        raise NotImplementedError

    def postgresql(self) -> tuple[str, list[Any]]:
        """Return the subquery for PostgreSQL with its parameters."""
        raise NotImplementedError


class HasDigits(_IndexLookup):
    """Primary keys of calls with these digits."""

    lookup_name = "has_digits"
    sqlite = f"SELECT rowid FROM {NUMBERS} WHERE {NUMBERS} MATCH %s"

    def match(self) -> str:
        """Return an FTS5 phrase over the digits of one side or both."""
        return f'{{{_columns("digits", self.rhs.side)}}}: "{self.rhs.digits}"'

    def sqlite_by_row(self) -> tuple[str, list[Any]]:
        """Compare the call's own columns: FTS5 would read its long lists of common digits anew for each row."""
        sides = [self.rhs.side] if self.rhs.side else SIDES
        either = " OR ".join(f"instr(compared.{side}_digits, %s)" for side in sides)
        # by a name of its own, for the row itself may be one of the calls
        sql = f"SELECT 1 FROM {CALLS} compared WHERE compared.id = {{lhs}} AND ({either})"
        return sql, [self.rhs.digits] * len(sides)

    def postgresql(self) -> tuple[str, list[Any]]:
        """Return calls by either trigram index; `by_row` so that the planner may look each row up instead."""
        sides = [self.rhs.side] if self.rhs.side else SIDES
        params = [f"%{self.rhs.digits}%"] * len(sides)
        if self.rhs.by_row:
            either = " LIKE %s OR ".join(f"{side}_digits" for side in sides)
            return f"SELECT id FROM {CALLS} WHERE {either} LIKE %s", params
        by_side = [f"SELECT id FROM {CALLS} WHERE {side}_digits LIKE %s" for side in sides]
        return " UNION ".join(by_side), params


class HasName(_IndexLookup):
    """Primary keys of calls with this text in a SIP address or name."""

    lookup_name = "has_name"
    sqlite = HasDigits.sqlite

    def match(self) -> str:
        """Return an FTS5 phrase over the names of one side or both."""
        return f"{{{_columns('name', self.rhs.side)}}}: {_quoted(self.rhs.text)}"

    def postgresql(self) -> tuple[str, list[Any]]:
        """Return calls by either trigram index of names."""
        sides = [self.rhs.side] if self.rhs.side else SIDES
        by_side = [
            f"SELECT id FROM {CALLS} WHERE lower({side}_number) LIKE %s AND {side}_number ~ '[A-Za-z]'"
            for side in sides
        ]
        return " UNION ".join(by_side), [_like(self.rhs.text)] * len(sides)


class InConference(_IndexLookup):
    """Primary keys of recordings whose conference name holds this text."""

    lookup_name = "in_conference"
    sqlite = f"SELECT rowid FROM {CONFERENCES} WHERE {CONFERENCES} MATCH %s"

    def match(self) -> str:
        """Return an FTS5 phrase."""
        return _quoted(self.rhs.text)

    def postgresql(self) -> tuple[str, list[Any]]:
        """Return recordings by the trigram index of conference names."""
        condition = "conference_name IS NOT NULL AND lower(conference_name) LIKE %s"
        return f"SELECT id FROM {RECORDINGS} WHERE {condition}", [_like(self.rhs.text)]


class HasWords(_IndexLookup):
    """Primary keys of recordings whose transcript holds these words."""

    lookup_name = "has_words"
    sqlite = (
        f"SELECT t.recording_id FROM {WORDS} w JOIN {TRANSCRIPTIONS} t ON t.id = w.rowid "
        f"WHERE w.{WORDS} MATCH %s"
    )

    def match(self) -> str:
        """Return the FTS5 query."""
        query: str = self.rhs.fts5
        return query

    def sqlite_by_row(self) -> tuple[str, list[Any]]:
        """Look the row's transcript up in the index."""
        sql = (
            f"SELECT 1 FROM {TRANSCRIPTIONS} t JOIN {WORDS} w ON w.rowid = t.id "
            f"WHERE t.recording_id = {{lhs}} AND w.{WORDS} MATCH %s"
        )
        return sql, [self.match()]

    def postgresql(self) -> tuple[str, list[Any]]:
        """Return recordings by the index over the vectors."""
        return f"SELECT recording_id FROM {TRANSCRIPTIONS} WHERE {VECTOR} @@ %s::tsquery", [self.rhs.tsquery]


class Begins(Lookup[Any]):
    """Text that begins so, by an index: Django's `startswith` compares letter by letter on SQLite."""

    lookup_name = "begins"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Compile as a range, which SQLite's binary collation orders by."""
        lhs, params = self.process_lhs(compiler, connection)
        return f"({lhs} >= %s AND {lhs} < %s)", (*params, self.rhs, *params, self.rhs + chr(0x10FFFF))

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Compile as LIKE, which an index with pattern operators serves whatever the collation."""
        lhs, params = self.process_lhs(compiler, connection)
        return f"{lhs} LIKE %s", [*params, _escaped(self.rhs) + "%"]


class Among(Lookup[Any]):
    """Primary keys of a list, sent as one parameter however long it is."""

    lookup_name = "among"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the list as it is: each database's method reads it."""
        return "%s", (value,)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Compile for SQLite, which has no arrays."""
        lhs, params = self.process_lhs(compiler, connection)
        keys = "SELECT value FROM json_each(%s)"
        return f"{lhs} IN ({keys})", (*params, json.dumps(self.rhs))

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Compile for PostgreSQL, whose planner sees how many they are."""
        lhs, params = self.process_lhs(compiler, connection)
        return f"{lhs} = ANY(%s::bigint[])", [*params, self.rhs]


def first_hits(
    lookup: type[HasDigits | HasWords], value: Digits | Words, *, upto: int, using: str
) -> list[int]:
    """Return at most `upto` of the primary keys that the lookup finds; on PostgreSQL one may be among them twice."""
    hits = lookup(F("pk"), value)
    if connections[using].vendor == "postgresql":
        matching, params = hits.postgresql()
        matching = matching.replace(" UNION ", " UNION ALL ")  # UNION would gather every hit before it ends
    else:
        matching, params = hits.sqlite, [hits.match()]
    with connections[using].cursor() as cursor:
        cursor.execute(f"{matching} LIMIT %s", [*params, upto])
        return [int(pk) for (pk,) in cursor.fetchall()]


def register() -> None:
    """Make the lookups known to the fields they stand on."""
    CharField.register_lookup(Begins)
    for lookup in (Among, HasDigits, HasName, InConference, HasWords):
        BigAutoField.register_lookup(lookup)
        ForeignKey.register_lookup(lookup)


def _columns(kind: str, side: Side | None) -> str:
    return " ".join(f"{one}_{kind}" for one in ([side] if side else SIDES))


def _quoted(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))


def _like(text: str) -> str:
    return f"%{_escaped(text.lower())}%"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
