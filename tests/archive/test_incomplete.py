"""Files that may be a part only, though they are in order as far as they go."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from recordings.archive import Outcome, Result
from recordings.audio.mpeg import frame_of
from recordings.choices import ArchiveFlag
from tests.archive.conftest import Known, at_vobiz, files, holds
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.world import World

Archive = Callable[..., Outcome]
pytestmark = pytest.mark.django_db


def a_wav(sound: int, promised: int) -> bytes:
    """Of 16-bit mono at 8 kHz, with `sound` bytes of silence where the header promises another number."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8_000, 16_000, 2, 16)
    size = struct.pack("<I", promised)
    return b"RIFF" + size + b"WAVEfmt " + form + b"data" + size + bytes(sound)


@pytest.mark.parametrize(
    ("sound", "promised", "no_length", "words"),
    [
        (50_000, 0xFFFFFFFF, True, "nothing in the answer said where it ends"),
        (0, 0xFFFFFFFF, True, "no sound"),
        (0, 0, False, "no sound"),
    ],
)
def test_what_nothing_vouches_for_is_not_taken_for_the_whole(
    known: Known, archive_it: Archive, archive_folder: Path, world: World, now: datetime,
    sound: int, promised: int, words: str, *, no_length: bool,
) -> None:  # fmt: skip
    row = known()
    body = a_wav(sound, promised)
    world.faults.plan(Fault(on="media.get", body=body, no_length=no_length, times=3))
    for hours in (1, 2):
        assert archive_it(row, now + timedelta(hours=hours)).result == Result.FAILED
        assert words in str(row.archive_error)
        assert files(archive_folder) == []
    assert archive_it(row, now + timedelta(hours=3)).result == Result.ARCHIVED
    assert row.archive_flag == ArchiveFlag.CUT_BY_VOBIZ
    assert holds(archive_folder, row, body)


def test_mp3_cut_between_two_frames_is_not_taken_for_the_whole(
    known: Known, archive_it: Archive, archive_folder: Path, world: World
) -> None:
    row = known()
    body, frames = at_vobiz(world, row), 0
    for _ in range(100):
        found = frame_of(body[frames : frames + 4])
        assert found is not None
        frames += found.length
    world.faults.plan(Fault(on="media.get", cut=frames, no_length=True))
    assert archive_it(row).result == Result.FAILED
    assert files(archive_folder) == []
    assert archive_it(row).result == Result.ARCHIVED
    assert holds(archive_folder, row, body)


def test_within_an_hour_of_its_end_no_part_is_all_there_is(
    known: Known, archive_it: Archive, world: World, now: datetime
) -> None:
    row = known(age_days=0.0)
    world.faults.plan(Fault(on="media.get", cut=5_000, times=5))
    for minutes in (1, 3, 7, 15):
        assert archive_it(row, now + timedelta(minutes=minutes)).result == Result.FAILED
    assert archive_it(row, now + timedelta(minutes=65)).result == Result.ARCHIVED
    assert row.archive_flag == ArchiveFlag.CUT_BY_VOBIZ
