"""Finding one call among many: by number, id, name, or the words of its transcript.

`parse_query` reads the box; `find_recordings` and `find_calls` give the rows, by one index first.
"""

from recordings.search.index import rebuild
from recordings.search.query import Query, Reading, parse_query
from recordings.search.rows import (
    NEWEST_FIRST,
    common_or_few,
    few_or_walked,
    find_calls,
    find_of_recordings,
    find_recordings,
    found_first,
    likeliest,
    of_area,
    rare_or_walked,
)
from recordings.search.snippets import Part, snippet

__all__ = [
    "NEWEST_FIRST",
    "Part",
    "Query",
    "Reading",
    "common_or_few",
    "few_or_walked",
    "find_calls",
    "find_of_recordings",
    "find_recordings",
    "found_first",
    "likeliest",
    "of_area",
    "parse_query",
    "rare_or_walked",
    "rebuild",
    "snippet",
]
