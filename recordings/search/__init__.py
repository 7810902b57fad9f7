"""Finding one call among many: by number, id, name, or the words of its transcript.

`parse_query` reads the box; `find_recordings` and `find_calls` give the rows, by one index first.
"""

from recordings.search.index import after_migrate, rebuild
from recordings.search.query import Query, Reading, parse_query
from recordings.search.rows import Found, find_calls, find_recordings

__all__ = [
    "Found",
    "Query",
    "Reading",
    "after_migrate",
    "find_calls",
    "find_recordings",
    "parse_query",
    "rebuild",
]
