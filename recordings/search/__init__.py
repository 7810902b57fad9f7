"""Finding one call among many: by number, id, name, or the words of its transcript.

`parse_query` reads the box; `find_recordings` and its siblings give the rows. First the ids by one index, then the rows.
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
