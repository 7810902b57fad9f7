"""CSV that a spreadsheet shows and does not run.

A cell that begins like a formula, after anything that a spreadsheet skips, gets an apostrophe in front; a telephone
number in a column of numbers stays itself. Where the reader's spreadsheet parts cells at a semicolon, a tab or a bar,
as many European ones do, our quotes do not hold a value together: so what would begin a cell there is treated alike.
Every cell is quoted, and the file begins with a byte order mark, so that no program guesses another encoding.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from decimal import Decimal

BOM = "\ufeff"
SKIPPED = " \t\r\n\v\f\u00a0\u200b\u200c\u200d\u2060\ufeff"  # what may stand before a formula, seen or not
FORMULA = tuple("=+-@|%＝＋－＠｜％−")
# What a spreadsheet that parts cells elsewhere than at a comma may read first in one. What it skips is taken whole, so
# that a long run of it is looked at once. A bar parts cells, and begins a formula where something else parted them.
SIGNS, BLANK = re.escape("".join(FORMULA)), re.sub(r"[\t\r\n]", "", SKIPPED)
INSIDE = re.compile(
    rf'[;\t\r\n][;"{SKIPPED}]*+(?=(?P<sign>[{SIGNS}])?)'
    rf'|\|["{BLANK}]*+(?=(?P<after_bar>(?!\|)[{SIGNS}])?)'
)
NUMBER = re.compile(r"\+[0-9]{6,15}", re.ASCII)
BATCH = 200  # lines sent at once
LARGE = 64 * 1024  # characters sent before they are so many lines


def cell(value: object, *, is_number: bool = False) -> str:
    """Return a value as text that no spreadsheet runs; empty for None. `is_number`: a column of telephone numbers."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return _figures(value)
    if isinstance(value, bool) or not isinstance(value, str):
        return str(value)  # our own counts and amounts, with their sign
    text = value.replace("\x00", "")
    if is_number and NUMBER.fullmatch(text):
        return text
    guarded = INSIDE.sub(_guarded, text)
    if text.startswith(("\t", "\r", "\n")) or text.lstrip(SKIPPED).startswith(FORMULA):
        return f"'{guarded}"
    return guarded


def _guarded(found: re.Match[str]) -> str:
    """Return the match, with an apostrophe before the sign if there is one."""
    return f"{found[0]}'" if found["sign"] or found["after_bar"] else found[0]


def _figures(amount: Decimal) -> str:
    """Return `0.005`, `0`: all significant figures, no exponent."""
    figures = f"{amount:f}"
    return figures.rstrip("0").rstrip(".") if "." in figures else figures


def moment(at: datetime | None, zone: tzinfo) -> str:
    """Return `2025-11-06T19:19:10+05:30`: in the reader's zone, with its offset."""
    return "" if at is None else at.astimezone(zone).isoformat(timespec="seconds")


def csv_file(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[bytes]:
    """Yield the whole file in pieces, header first. Cells must come from `cell`."""
    line = _Line()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    pieces, length = [BOM, line.text], len(line.text)
    for row in rows:
        writer.writerow(row)
        pieces.append(line.text)
        length += len(line.text)
        if len(pieces) >= BATCH or length >= LARGE:
            yield "".join(pieces).encode()
            pieces, length = [], 0
    if pieces:
        yield "".join(pieces).encode()


class _Line:
    """What the csv module writes into: the last line."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text
