"""The statistics by which SQLite plans its queries: gathered in milliseconds, and right about columns of few values.

Without statistics SQLite reads a whole account to find what is due. A full ANALYZE reads every index and holds writers
for seconds at a million rows. `analysis_limit` bounds that, but then no average can be larger than the limit: of an
index led by the account SQLite believes that an account has 401 rows, and picks it wherever it can. So those averages
are corrected from the number of distinct values, which a walk from value to value finds without reading the index.
"""

from __future__ import annotations

from typing import Any

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
        for table, index, averages in _limited(cursor):
            corrected = _corrected(cursor, table, index, averages)
            if corrected != averages:
                cursor.execute(
                    "UPDATE sqlite_stat1 SET stat = %s WHERE tbl = %s AND idx = %s",
                    [" ".join(map(str, corrected)), table, index],
                )
        cursor.execute("ANALYZE sqlite_schema")  # reads the corrected averages


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
