"""Files that may be a part only, though they are in order as far as they go."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from recordings.archive import Outcome, Result
from recordings.choices import ArchiveFlag
from tests.archive.conftest import Known, at_vobiz, files, holds
from vobiz_portal.sandbox.audio import MP3_FRAME_BYTES
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

Archive = Callable[..., Outcome]
pytestmark = pytest.mark.django_db


def a_wav(sound: int, promised: int) -> bytes:
    """Of 16-bit mono at 8 kHz, with `sound` bytes of silence where the header promises another number."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8_000, 16_000, 2, 16)
    size = struct.pack("<I", promised)
    return b"RIFF" + size + b"WAVEfmt " + form + b"data" + size + bytes(sound)


def test_what_nothing_vouches_for_is_not_taken_for_the_whole(
    known: Known, archive_it: Archive, archive_folder: Path, world: SandboxState, now: datetime
) -> None:
    row = known()
    body = a_wav(50_000, 0xFFFFFFFF)
    world.faults.plan(Fault(on="media.get", body=body, no_length=True, times=3))
    for hours in (1, 2):
        assert archive_it(row, now + timedelta(hours=hours)).result == Result.FAILED
        assert "the response did not state where it ends" in str(row.archive_error)
        assert files(archive_folder) == []
    assert archive_it(row, now + timedelta(hours=3)).result == Result.ARCHIVED
    assert row.archive_flag == ArchiveFlag.CUT_BY_VOBIZ
    assert holds(archive_folder, row, body)


@pytest.mark.parametrize("promised", [0, 0xFFFFFFFF])
def test_a_header_without_sound_is_never_taken_for_a_recording_of_some(
    known: Known, archive_it: Archive, archive_folder: Path, world: SandboxState, now: datetime, promised: int
) -> None:
    row = known()
    world.faults.plan(Fault(on="media.get", body=a_wav(0, promised), times=4))
    for hours in range(1, 5):
        assert archive_it(row, now + timedelta(hours=hours)).result == Result.FAILED
        assert "no sound" in str(row.archive_error)
    assert files(archive_folder) == []


def test_a_recording_of_nothing_is_a_header(known: Known, archive_it: Archive, world: SandboxState) -> None:
    row = known(duration=0.0)
    world.faults.plan(Fault(on="media.get", body=a_wav(0, 0)))
    assert archive_it(row).result == Result.ARCHIVED
    assert (row.container, row.audio_duration_ms, row.is_silent) == ("wav", 0, True)


def test_mp3_cut_between_two_frames_is_not_taken_for_the_whole(
    known: Known, archive_it: Archive, archive_folder: Path, world: SandboxState
) -> None:
    row = known()
    body = at_vobiz(world, row)
    world.faults.plan(Fault(on="media.get", cut=100 * MP3_FRAME_BYTES, no_length=True))
    assert archive_it(row).result == Result.FAILED
    assert files(archive_folder) == []
    assert archive_it(row).result == Result.ARCHIVED
    assert holds(archive_folder, row, body)


def test_within_an_hour_of_its_end_no_part_is_all_there_is(
    known: Known, archive_it: Archive, world: SandboxState, now: datetime
) -> None:
    row = known(age_days=0.0)
    world.faults.plan(Fault(on="media.get", cut=5_000, times=5))
    for minutes in (1, 3, 7, 15):
        assert archive_it(row, now + timedelta(minutes=minutes)).result == Result.FAILED
    assert archive_it(row, now + timedelta(minutes=65)).result == Result.ARCHIVED
    assert row.archive_flag == ArchiveFlag.CUT_BY_VOBIZ
