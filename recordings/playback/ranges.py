"""Which bytes a Range header asks for (RFC 9110, section 14). Pure.

A header that makes no sense, names another unit or several ranges at once is ignored, as the RFC allows: the answer is
then the whole file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_ONE = re.compile(r"bytes=[ \t]*([0-9]{0,40})-([0-9]{0,40})[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From byte `first` to byte `last`, both included; `last` None: to the end; `first` None: the last `last` bytes."""

    first: int | None
    last: int | None

    @classmethod
    def parse(cls, header: str | None) -> Self | None:
        """Return the one range of a Range header; None for the whole file, and for what RFC 9110 lets us ignore."""
        found = _ONE.fullmatch((header or "").strip())
        if found is None or found[1] == found[2] == "":
            return None
        first, last = (int(digits) if digits else None for digits in found.groups())
        if first is not None and last is not None and last < first:
            return None
        return cls(first, last)

    def within(self, size: int) -> tuple[int, int] | None:
        """Return start and exclusive stop in a file of `size` bytes; None where the range holds none of them."""
        if self.first is None:
            start, stop = max(0, size - (self.last or 0)), size
        else:
            start, stop = self.first, size if self.last is None else min(size, self.last + 1)
        return (start, stop) if start < stop else None

    def header(self, *, most: int) -> str:
        """Return it as a Range header, cut to `most` bytes unless it is a suffix range, whose size is not known."""
        if self.first is None:
            return f"bytes=-{self.last}"
        last = self.first + most - 1
        return f"bytes={self.first}-{last if self.last is None else min(last, self.last)}"
