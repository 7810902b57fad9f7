"""The part of a transcript in which the words of a query stand, with the matching words apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from recordings.search.query import Query
from recordings.tokens import tokenize

AROUND = 60  # characters before the first match
LONGEST = 180  # characters in all
# What may belong to one word: everything but white space and ASCII punctuation. Each run is tokenized by itself.
_RUN = re.compile(r"[^\s!-/:-@\[-`{-~]+")


class Part(NamedTuple):
    """A piece of the text, and whether it matches."""

    text: str
    matches: bool


def snippet(text: str, query: Query) -> list[Part]:
    """Return at most LONGEST characters around the first match, in parts; no parts where nothing matches."""
    spans = list(_matches(text, query))
    if not spans:
        return []
    start = _word_start(text, max(0, spans[0][0] - AROUND))
    end = _word_end(text, start + LONGEST, least=spans[0][1])
    parts, at = [], start
    if start:
        parts.append(Part("… ", matches=False))
    for begin, stop in spans:
        if stop > end:
            break
        parts += [Part(text[at:begin], matches=False), Part(text[begin:stop], matches=True)]
        at = stop
    parts.append(Part(text[at:end], matches=False))
    if end < len(text):
        parts.append(Part(" …", matches=False))
    return [part for part in parts if part.text]


def _matches(text: str, query: Query) -> Iterator[tuple[int, int]]:
    wanted = {token for phrase in query.phrases for token in phrase}
    beginning = query.phrases[-1][-1] if query.prefix and query.phrases else None
    for run in _RUN.finditer(text):
        tokens = tokenize(run.group())
        if wanted & set(tokens) or (beginning and any(token.startswith(beginning) for token in tokens)):
            yield run.span()


def _word_start(text: str, at: int) -> int:
    """Return the next start of a word at or after `at`, so that the snippet does not begin inside one."""
    if at == 0:
        return 0
    space = text.find(" ", at)
    return space + 1 if 0 <= space < at + AROUND else at


def _word_end(text: str, at: int, *, least: int) -> int:
    """Return the last end of a word at or before `at`; `at` itself where no space follows `least` shortly before."""
    if at >= len(text):
        return len(text)
    space = text.rfind(" ", max(least, at - AROUND), at + 1)
    return space if space > 0 else at
