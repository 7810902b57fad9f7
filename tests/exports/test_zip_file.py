"""The entries of a ZIP are dated as the names of its files are: by the reader's clock."""

from __future__ import annotations

import io
import struct
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from recordings.exports import AudioOpenError, Opened, ZipExport, plan
from recordings.models import Account, Recording
from tests.admin.rows import a_recording
from tests.archived import an_archived, speech

KOLKATA = ZoneInfo("Asia/Kolkata")


class Fetched:
    """Audio that came from Vobiz in two pieces."""

    def __iter__(self) -> object:
        return iter([b"one", b"two"])

    def close(self) -> None:
        pass


def fetch(_recording: Recording) -> Opened:
    return Fetched()  # type: ignore[return-value]


def refuse(_recording: Recording) -> Opened:
    raise AudioOpenError


@pytest.mark.parametrize("sized", [True, False])
def test_the_entries_are_dated_in_the_readers_zone(
    account: Account, archive_folder: Path, *, sized: bool
) -> None:
    rows = [an_archived(account, speech(seconds=1))]
    if not sized:
        rows.append(a_recording(account))
    held = plan(rows, zone=KOLKATA, may_hear=True)
    before = timezone.now()

    pieces, size = ZipExport(held, refuse if sized else fetch, lambda *_: None, KOLKATA, None).stream()
    body = b"".join(pieces)

    with zipfile.ZipFile(io.BytesIO(body)) as found:
        assert found.testzip() is None
        assert (size == len(body)) is sized
        entries = found.infolist()
    assert len(entries) == (3 if sized else 4)
    for entry in entries:
        at = datetime(*entry.date_time, tzinfo=KOLKATA)
        assert abs(at - before) < timedelta(minutes=1)
        time, date = struct.unpack_from("<HH", body, entry.header_offset + 10)
        assert (time >> 11, time >> 5 & 63, date & 31) == (at.hour, at.minute, at.day)
        assert (date >> 9, date >> 5 & 15) == (at.year - 1980, at.month)
