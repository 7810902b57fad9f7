"""Reading the search box: what a person typed, as a number, an id, or words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from recordings.numbers import area_digits, area_named, dialled, normalize_number
from recordings.search.lookups import SHORTEST, Side
from recordings.tokens import tokenize

LONGEST = 200  # characters read; what follows is left out
SHORTEST_NUMBER, SHORTEST_AREA = 4, 3  # digits
DIALLED = re.compile(r"[\s\d+().\-/]+")
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,63}", re.ASCII)
_SIDE = re.compile(r"\s*(?P<side>from|to):\s*", re.IGNORECASE)
_PHRASE = re.compile(r'"([^"]*)"|(\S+)')


class Reading(StrEnum):
    """One way to read the box; the value travels in the query string as `as`."""

    NUMBER = "number"
    ID = "id"
    WORDS = "words"
    AREA = "area"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class FirstHits:
    """Primary keys that an index found first, and whether they are all."""

    keys: list[int]
    are_all: bool


@dataclass(frozen=True, slots=True)
class Query:
    """What was typed, and every way in which it can be read, the likeliest first. Empty where nothing can be found."""

    text: str
    readings: tuple[Reading, ...]
    side: Side | None = None
    digits: tuple[str, ...] = ()
    """Digits to look for, each in either spelling: the whole number, and as typed without leading zeros."""
    identifier: str = ""
    area: str = ""
    """The area that was named, under its usual name."""
    phrases: tuple[tuple[str, ...], ...] = field(default=())
    prefix: bool = False
    """Whether the last word may be the beginning of a word."""
    first_hits: dict[Reading, FirstHits] = field(default_factory=dict, compare=False, repr=False)
    """What its indexes found, once asked."""

    @property
    def name(self) -> str:
        """What is looked for in SIP addresses and conference names."""
        return self.text

    def offered(self, allowed: Iterable[Reading]) -> tuple[Reading, ...]:
        """Return those readings that `allowed` holds, in their order."""
        kept = set(allowed)
        return tuple(reading for reading in self.readings if reading in kept)


def parse_query(typed: str) -> Query:
    """Read the box. `from:` or `to:` in front asks for one side of the call; quotes make a phrase, `*` a prefix."""
    text = typed.strip()[:LONGEST]
    side: Side | None = None
    if match := _SIDE.match(text):
        side = "from" if match["side"].lower() == "from" else "to"
        text = text[match.end() :].strip()
    digits = _digits(text)
    identifier = text if side is None and IDENTIFIER.fullmatch(text) else ""
    phrases = () if side else _phrases(text)
    readings = []
    if digits:
        readings.append(Reading.NUMBER)
    if identifier and (not digits or len(text) > len("+919876543210")) and re.search(r"\d", identifier):
        readings.append(Reading.ID)
    if phrases:
        readings.append(Reading.WORDS)
    area = area_named(text) or ""
    if area:
        readings.append(Reading.AREA)
    if len(text) >= SHORTEST and not DIALLED.fullmatch(text):
        readings.append(Reading.NAME)
    if identifier and Reading.ID not in readings:
        readings.append(Reading.ID)
    return Query(text, tuple(readings), side, digits, identifier, area, phrases, prefix=text.endswith("*"))


def _digits(text: str) -> tuple[str, ...]:
    """Return the digits to look for: as a whole number, and as typed (they may be a part, or foreign).

    A national number's leading zeros are not among those stored. An area code alone may be shorter than a number.
    """
    number = dialled(text)
    if not DIALLED.fullmatch(number):
        return ()
    typed = "".join(tokenize(number))
    if len(typed) < SHORTEST_NUMBER:
        area = area_digits(typed) if len(typed) >= SHORTEST_AREA else None
        return () if area is None else (area,)
    given = typed.lstrip("0") or typed
    whole = normalize_number(text) or given
    # A national number stands in its international one, so the shorter of the two finds both.
    return (given,) if given in whole else (whole, given)


def _phrases(text: str) -> tuple[tuple[str, ...], ...]:
    """Quoted words in their order as one phrase; any other word by itself, the parts of `re-send` in their order."""
    found = (tuple(tokenize(quoted or word)) for quoted, word in _PHRASE.findall(text))
    return tuple(phrase for phrase in found if phrase)
