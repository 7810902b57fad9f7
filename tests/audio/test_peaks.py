"""The picture of a file's loudness: right, small, of any length, and none rather than an error."""

from __future__ import annotations

import io
import tempfile

import numpy as np
import pytest
import soundfile

from recordings.audio.peaks import MOST_POINTS, Undecodable, peaks_of
from vobiz_portal.sandbox.audio import AudioFile

RATE = 8_000


def file_of(samples: np.ndarray, form: str = "WAV", rate: int = RATE) -> io.BytesIO:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=form)
    return out


def test_every_side_has_its_own_lane_and_silence_is_flat() -> None:
    both = np.zeros((RATE * 4, 2))
    both[: RATE * 2, 0] = 0.5  # the caller, then the callee
    both[RATE * 2 :, 1] = -1.0
    found = peaks_of(file_of(both))
    left, right = found.points[: len(found.points) // 2], found.points[len(found.points) // 2 :]
    assert found.channels == 2
    assert len(left) == len(right) <= MOST_POINTS
    half = len(left) // 2
    assert set(left[: half - 1]) == {127}
    assert set(left[half + 1 :]) == {0}
    assert set(right[half + 1 :]) == {255}


@pytest.mark.parametrize("samples", [1, 63, 64, 65, 128_000, 128_001, 1_000_003])
def test_it_has_few_points_whatever_the_length(samples: int) -> None:
    found = peaks_of(file_of(np.full(samples, 0.25)))
    assert 1 <= len(found.points) <= MOST_POINTS
    assert set(found.points) == {63}
    if samples >= 128_000:
        assert len(found.points) >= MOST_POINTS // 2


def test_longer_than_the_coarsest_step_it_is_still_in_proportion() -> None:
    """Eight hours at 8 kHz, one of them loud."""
    with tempfile.TemporaryFile() as file:
        hour = np.zeros(RATE * 3_600, dtype=np.int16)
        with soundfile.SoundFile(file, "w", RATE, 1, format="WAV", subtype="PCM_16") as sound:
            for at in range(8):
                sound.write(hour + 16_384 if at == 6 else hour)
        found = peaks_of(file)
    loud = [at for at, point in enumerate(found.points) if point]
    size = len(found.points)
    assert size <= MOST_POINTS
    assert loud[0] == pytest.approx(size * 6 / 8, abs=2)
    assert loud[-1] == pytest.approx(size * 7 / 8, abs=2)


@pytest.mark.parametrize("container", ["mp3", "wav"])
def test_what_vobiz_makes_can_be_drawn_from_a_file_and_from_memory(container: str) -> None:
    audio = AudioFile("call-1", 0, 60_000, container, 2)
    body = b"".join(audio.read(0, audio.length))
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(body)
        drawn = peaks_of(file)
        assert drawn == peaks_of(io.BytesIO(body))
        assert file.tell() >= 0  # it is still open
    assert drawn.channels == 2
    assert max(drawn.points) > 20


def test_a_cut_file_is_drawn_as_far_as_it_goes() -> None:
    audio = AudioFile("call-1", 0, 60_000, "mp3", 1)
    body = b"".join(audio.read(0, audio.length))
    assert max(peaks_of(io.BytesIO(body[: len(body) // 2 + 100])).points) > 20


@pytest.mark.parametrize("body", [b"", b"<html>", b"RIFF\0\0\0\0WAVE", b"\xff" * 10_000])
def test_what_cannot_be_decoded_is_said_so(body: bytes) -> None:
    with pytest.raises(Undecodable):
        peaks_of(io.BytesIO(body))
