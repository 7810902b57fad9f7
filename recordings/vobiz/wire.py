"""Vobiz's dialect: ids, texts, times, milliseconds, numbers and money as they come over the wire.

Every function here is total: whatever JSON value it is given, it returns a typed value or None for
"unknown"; only `checked_id` raises. Shapes are matched in ASCII before anything is converted, because
`Decimal("1e999999")` made whole costs half a minute and `int("١٢")` is a number to Python.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

#: The shape of every id that may enter a path or a query.
ID_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,63}", re.ASCII)

# `…/Recording/BulkDelete/` is a route that deletes every recording. It must never be taken for an id.
_FORBIDDEN_IDS = frozenset({"bulkdelete"})

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL refuses both in text and JSON
_REPLACEMENT = "\ufffd"

_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,12})?", re.ASCII)
_NOT_KNOWN = re.compile(r"-?[01](?:\.0*)?|-0|null|None", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,12})?", re.ASCII)
_MAX_MILLIS = 10**15
_MAX_WHOLE = 2**31 - 1  # what a database's integer holds

_INSTANT = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[Tt ]"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,12}))?)?"
    r" ?(?P<zone>[Zz]|UTC|GMT|(?P<sign>[+-])(?P<zone_hours>[0-9]{2}):?(?P<zone_minutes>[0-9]{2})?)?",
    re.ASCII,
)
_FINER_EPOCH = re.compile(r"[12][0-9]{15}(?:[0-9]{3})?", re.ASCII)  # micro- or nanoseconds since 1970
_EPOCH_MS_DIGITS = 13  # from 2001 to 2286
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A time before these, or later than tomorrow, is a placeholder (Go's year 1, an epoch of 0) or nonsense.
_EARLIEST, _LEEWAY = datetime(2015, 1, 1, tzinfo=UTC), timedelta(days=1)
_MOST_SECONDS = 10**11  # a smaller number of milliseconds is before 1974, so it is seconds

_MAX_DEPTH = 40
_LARGEST_INTEGER = 2**63


class InvalidShapeError(ValueError):
    """A value or an answer that is not what Vobiz documents. `str()` is a sentence for people."""


class InvalidIdError(InvalidShapeError):
    """Not an id that Vobiz could have given, so it may not enter a path or a query."""


def checked_id(value: object) -> str:
    """Return `value` if it is shaped like an id (4 to 64 of A-Z, a-z, 0-9, _ and -); else raise InvalidIdError."""
    if isinstance(value, str) and ID_SHAPE.fullmatch(value) and value.lower() not in _FORBIDDEN_IDS:
        return value
    shown = text(value, 80)
    if shown is None:
        raise InvalidIdError("There is no id.")
    raise InvalidIdError(f"“{one_line(shown)}” is not an id as Vobiz gives them.")


def storable(value: str) -> str:
    """Replace NUL and lone surrogates, which no database accepts, with U+FFFD."""
    return _NOT_STORABLE.sub(_REPLACEMENT, value.replace("\x00", _REPLACEMENT))  # replace() is much faster


def one_line(value: str) -> str:
    """Return `value` for use in a sentence: one line, without control or direction-changing characters."""
    printable = "".join(char if char.isprintable() else " " for char in storable(value))
    return " ".join(printable.split())


def text(value: object, limit: int | None = None) -> str | None:
    """Return a text from outside; None where there is none (null, "", only blanks, a list or an object).

    A number is taken as the text it is written as. Longer than `limit` characters: cut there.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and abs(value) >= _LARGEST_INTEGER:
        return None
    result = storable(str(value))
    if not result.strip():
        return None
    return result if limit is None else result[:limit]


def lower(value: object, limit: int | None = None) -> str | None:
    """Return a word of an open set (`mp3`, `call`, `trunk` …) in lower case; None where there is none."""
    word = text(value)
    return None if word is None else word.strip().lower()[:limit]


def millis(value: object) -> int | None:
    """Return whole milliseconds: `"10080.00000"`, `10080` and `10080.0` are 10080; -1, null, junk are None.

    Vobiz documents a number and sends a text with five decimals. -1 is its "not known yet".
    """
    number = _number(value)
    if number is None:
        return None
    count = int(number.to_integral_value(ROUND_HALF_UP))
    return count if count < _MAX_MILLIS else None


def epoch_ms(value: object) -> datetime | None:
    """Return the UTC instant of milliseconds since 1970; 0, -1, null and junk are None.

    Seconds, microseconds and nanoseconds are taken for such where that makes a time from 2015 to tomorrow, and so is
    a text with a date and its zone. Other times are None.
    """
    number = _number(value)
    if number is None:
        return _finer_or_written(value)
    count = int((number * 1_000 if number < _MOST_SECONDS else number).to_integral_value(ROUND_HALF_UP))
    if count >= _MAX_MILLIS // 100:
        return None
    return _within_bounds(_EPOCH + timedelta(milliseconds=count))


def _finer_or_written(value: object) -> datetime | None:
    given = text(value)
    if given is None:
        return None
    if _FINER_EPOCH.fullmatch(given):
        return epoch_ms(given[:_EPOCH_MS_DIGITS])
    written = instant(value, zone=UTC)
    return None if written is None or written.approximate else written.at


@dataclass(frozen=True, slots=True)
class Span:
    """The start and end of a recording. `doubtful`: one was sent that cannot be meant, so it is None."""

    start: datetime | None
    end: datetime | None
    doubtful: bool


def epoch_span(start: object, end: object) -> Span:
    """Return the instants of a start and an end; both are None where the end is before the start."""
    begun, over = epoch_ms(start), epoch_ms(end)
    if begun is not None and over is not None and over < begun:
        return Span(None, None, doubtful=True)
    return Span(begun, over, doubtful=_is_doubtful(start, begun) or _is_doubtful(end, over))


def _is_doubtful(value: object, read: datetime | None) -> bool:
    """Return whether a time was sent and is not one; 0, -1 and null mean that it is not known."""
    given = text(value)
    return read is None and given is not None and not _NOT_KNOWN.fullmatch(given.strip())


def whole(value: object) -> int | None:
    """Return a count from 0 to 2147483647, given as number or text; a fraction is None."""
    number = _number(value)
    if number is None or number > _MAX_WHOLE or number != number.to_integral_value():
        return None
    return int(number)


def money(value: object) -> Decimal | None:
    """Return an exact amount or rate: 0 or more, below 10**9, at most 12 decimals; without its currency."""
    return _decimal(value, _AMOUNT)


@dataclass(frozen=True, slots=True)
class Instant:
    """A time that Vobiz gave as text.

    `at` is aware and in UTC. `approximate`: the text named no zone, so one was assumed. `text`: as given.
    """

    at: datetime
    approximate: bool
    text: str


def instant(value: object, *, zone: tzinfo) -> Instant | None:
    """Return the instant a text names, else None. A text without a zone is read in `zone`.

    Seen from Vobiz: `2025-11-06 13:49:10.751756+00:00`, the same with `T` and `Z`, other offsets, five-digit
    and missing fractions, and no zone at all.
    """
    given = text(value)
    match = _INSTANT.fullmatch(given.strip()) if given is not None and len(given) <= 64 else None
    if given is None or match is None:
        return None
    part = match.groupdict()
    try:
        at = datetime(
            int(part["year"]),
            int(part["month"]),
            int(part["day"]),
            int(part["hour"]),
            int(part["minute"]),
            int(part["second"] or 0),
            int((part["fraction"] or "0")[:6].ljust(6, "0")),
            tzinfo=_zone(part) or zone,
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    bounded = _within_bounds(at)
    return None if bounded is None else Instant(bounded, part["zone"] is None, given)


def clean(value: Any) -> Any:
    """Return a JSON value that any database stores: no NUL, NaN or infinity, and limited depth.

    Numbers that are not finite become None; integers beyond 64 bits become text; what lies deeper than
    40 levels becomes "…".
    """
    return _clean(value, 0)


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < _LARGEST_INTEGER:
        return value
    if isinstance(value, int):  # Python refuses to write one of more than 4300 digits
        return str(value) if value.bit_length() < 4096 else "…"
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {storable(str(key)): _clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item, depth + 1) for item in value]
    return storable(str(value))


def _number(value: object) -> Decimal | None:
    return _decimal(value, _NUMBER)


def _decimal(value: object, shape: re.Pattern[str]) -> Decimal | None:
    """Return `value` as an exact decimal, if its plain notation matches `shape`."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        written = str(value) if abs(value) < _LARGEST_INTEGER else ""
    elif isinstance(value, float):
        # The shortest writing of a float, without an exponent: 1e-05 is 0.00001.
        written = f"{Decimal(repr(value)):f}" if math.isfinite(value) else ""
    elif isinstance(value, str):
        written = value
    else:
        return None
    return Decimal(written) if shape.fullmatch(written) else None


def _zone(part: dict[str, str | Any]) -> tzinfo | None:
    if part["zone"] is None:
        return None
    if part["sign"] is None:
        return UTC
    offset = timedelta(hours=int(part["zone_hours"] or 0), minutes=int(part["zone_minutes"] or 0))
    return timezone(-offset if part["sign"] == "-" else offset)


def _within_bounds(at: datetime) -> datetime | None:
    return at if _EARLIEST <= at < datetime.now(UTC) + _LEEWAY else None
