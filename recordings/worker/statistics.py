"""The statistics by which SQLite plans its queries: gathered in milliseconds, and right about columns of few values.

Without statistics SQLite reads a whole account to find what is due. A full ANALYZE reads every index and holds writers
for seconds at a million rows. `analysis_limit` bounds that, but then no average can be larger than the limit: of an
index led by the account SQLite believes that an account has 401 rows, and picks it wherever it can. So those averages
are corrected from the number of distinct values, which a walk from value to value finds without reading the index.
Each index also has a guess of its own at the rows of its table, from half to twice as many, and SQLite takes the last
one it reads for the table's: an account's rows may seem to be all there are. So all are given the same, by the ids.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connection, transaction

LIMIT = 400  # rows of each index that are read
UNSEEN = 10  # values that a second column is taken to have where the limit hid how many
MOST_VALUES = 1_000  # of a column with more values the average is small, and the limit does no harm


def analyse() -> None:
    """Gather statistics on SQLite, in one short transaction; PostgreSQL does it by itself."""
    if connection.vendor != "sqlite":
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"PRAGMA analysis_limit = {LIMIT}")
        cursor.execute("ANALYZE")
        _count_rows(cursor)
        _note_empty(cursor)
        for table, index, averages in _limited(cursor):
            corrected = _corrected(cursor, table, index, averages)
            if corrected != averages:
                cursor.execute(
                    "UPDATE sqlite_stat1 SET stat = %s WHERE tbl = %s AND idx = %s",
                    [" ".join(map(str, corrected)), table, index],
                )
        cursor.execute("ANALYZE sqlite_schema")  # reads the corrected averages


def _count_rows(cursor: Any) -> None:
    """Give every index over all rows of a large table the same number of rows: how many ids have been given."""
    for model in apps.get_app_config("recordings").get_models():
        table = model._meta.db_table
        cursor.execute(
            "SELECT s.rowid, s.stat FROM sqlite_stat1 s JOIN pragma_index_list(s.tbl) l ON l.name = s.idx "
            "WHERE s.tbl = %s AND NOT l.partial",
            [table],
        )
        stats = [(row, stat.split(" ", 1)) for row, stat in cursor.fetchall()]
        if not any(int(rows) > LIMIT for _row, (rows, *_rest) in stats):
            continue  # read to the end
        # each of the two by itself is one look into the table; both in one SELECT read it whole
        cursor.execute(f'SELECT (SELECT max(id) FROM "{table}") - (SELECT min(id) FROM "{table}") + 1')
        counted = str(cursor.fetchone()[0] or 0)
        for row, (_rows, *rest) in stats:
            cursor.execute(
                "UPDATE sqlite_stat1 SET stat = %s WHERE rowid = %s", [" ".join([counted, *rest]), row]
            )


def _note_empty(cursor: Any) -> None:
    """Say of indexes over a part of a table that they have no row: ANALYZE leaves them out, as if nothing was known."""
    cursor.execute(
        "SELECT t.name, l.name, (SELECT count(*) FROM pragma_index_info(l.name)) "
        "FROM sqlite_schema t JOIN pragma_index_list(t.name) l "
        "WHERE t.type = 'table' AND t.name LIKE 'recordings%%' AND l.partial "
        "AND EXISTS (SELECT 1 FROM sqlite_stat1 s WHERE s.tbl = t.name) "
        "AND NOT EXISTS (SELECT 1 FROM sqlite_stat1 s WHERE s.idx = l.name)"
    )
    for table, index, columns in cursor.fetchall():
        stat = " ".join(["1"] * (columns + 1))
        cursor.execute("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (%s, %s, %s)", [table, index, stat])


def _limited(cursor: Any) -> list[tuple[str, str, list[int]]]:
    """Indexes in which the rows for one value of the first column may be more than the limit could see."""
    cursor.execute(
        "SELECT tbl, idx, stat FROM sqlite_stat1 WHERE idx IS NOT NULL AND tbl LIKE 'recordings%%'"
    )
    found = []
    for table, index, stat in cursor.fetchall():
        averages = [int(number) for number in stat.split() if number.isdecimal()]
        if len(averages) > 1 and averages[1] >= LIMIT:
            found.append((table, index, averages))
    return found


def _corrected(cursor: Any, table: str, index: str, averages: list[int]) -> list[int]:
    """Return the index's row count, then for each column the average rows per value of it and those before it."""
    cursor.execute("SELECT name FROM pragma_index_xinfo(%s) WHERE key = 1 ORDER BY seqno", [index])
    columns = [name for (name,) in cursor.fetchall()]
    if not columns or columns[0] is None:  # an index on an expression: its values are many
        return averages
    rows, *shares = averages
    share = max(shares[0], rows // max(1, _distinct(cursor, table, columns[0])))
    hidden = max(LIMIT, share // UNSEEN)  # else direction and account together would seem to find a few rows
    return [rows, share, *(min(share, hidden if other > LIMIT else other) for other in shares[1:])]


def _distinct(cursor: Any, table: str, column: str) -> int:
    """Return the number of distinct values without NULL, up to MOST_VALUES: each costs one index seek."""
    cursor.execute(
        f"""WITH RECURSIVE walk(value, steps) AS (
            SELECT min("{column}"), 1 FROM "{table}"
            UNION ALL
            SELECT (SELECT min("{column}") FROM "{table}" WHERE "{column}" > walk.value), steps + 1
            FROM walk WHERE walk.value IS NOT NULL AND steps < {MOST_VALUES}
        ) SELECT count(value) FROM walk"""
    )
    return int(cursor.fetchone()[0])
