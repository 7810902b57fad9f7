"""A ZIP whose entries are dated by the clock of whoever reads it: the format knows no zones, and zipstream uses UTC."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from django.utils import timezone
from zipstream import ZipStream

FROM, TO = 10, 14  # where a local file header has its time and date


class DatedZipStream(ZipStream):  # type: ignore[misc]  # zipstream has no types
    """A stream of entries, each dated by the moment it leaves, in `zone`."""

    def __init__(self, zone: tzinfo, *, sized: bool = False) -> None:
        super().__init__(sized=sized)
        self._zone = zone

    def _gen_file_entry(self, **entry: Any) -> Iterator[bytes]:
        """zipstream asks the system for the date, so it is put into the header here, and noted for the directory."""
        at = timezone.now().astimezone(self._zone)
        pieces: Iterator[bytes] = super()._gen_file_entry(**entry)
        header = next(pieces)
        yield header[:FROM] + _dos(at) + header[TO:]
        yield from pieces
        self._filelist[-1].date_time = at.timetuple()[:6]


def _dos(at: datetime) -> bytes:
    """Time and date as a ZIP has them, to two seconds."""
    time = at.hour << 11 | at.minute << 5 | at.second // 2
    date = (at.year - 1980) << 9 | at.month << 5 | at.day
    return struct.pack("<HH", time, date)
