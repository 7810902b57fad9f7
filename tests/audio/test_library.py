"""A hundred and fifty files of our own making: what is audio is told as such, whole and of its length, and no other."""

from __future__ import annotations

import gzip

import pytest

from recordings.audio import GZIP, Verdict
from tests.audio.library import File, every_file, of_no_audio
from tests.audio.making import look

FILES = every_file()


def unpacked(file: File) -> bytes:
    return gzip.decompress(file.body) if file.body.startswith(GZIP) else file.body


def test_there_are_enough_of_every_kind() -> None:
    heard = [look(unpacked(file)).audio for file in FILES if file.seconds is not None]
    kinds = {(one.container, one.codec) for one in heard if one is not None}
    assert len(FILES) >= 150
    assert len({container for container, _codec in kinds}) >= 20
    assert len({codec for _container, codec in kinds}) >= 20


@pytest.mark.parametrize("file", [one for one in FILES if one.seconds is not None], ids=lambda one: one.name)
def test_audio_is_whole_and_has_its_length_and_picture(file: File) -> None:
    found = look(unpacked(file))
    assert found.verdict == Verdict.AUDIO
    assert found.audio is not None
    assert found.audio.whole
    assert found.audio.duration_ms == pytest.approx(6_000, abs=300)
    assert found.audio.peaks is not None
    lane = found.audio.peaks.points[: len(found.audio.peaks.points) // found.audio.peaks.channels]
    assert lane[len(lane) * 3 // 4] > 150 > 40 > max(lane[: len(lane) // 2])


@pytest.mark.parametrize("file", of_no_audio(), ids=lambda one: one.name)
def test_what_is_no_audio_is_known_to_be_none(file: File) -> None:
    assert look(unpacked(file)).verdict == Verdict.NOT_AUDIO
