"""Peaks and what is told from the samples: right, small, of any length, in proportion."""

from __future__ import annotations

import numpy as np
import pytest

from recordings.audio.measuring import Meter
from recordings.audio.report import MOST_POINTS, Peaks, Sound
from tests.audio.making import RATE, tone


def measured(samples: np.ndarray, rate: int = RATE, block: int = 1_000) -> tuple[Peaks, Sound]:
    """Of samples × channels between -1 and 1, as they come from a decoder."""
    meter = Meter()
    for start in range(0, len(samples), block):
        meter.add(samples[start : start + block].T, samples.shape[1], rate, packed=False)
    return meter.finish()


def sides(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.stack([left, right], axis=1).astype(np.float32)


def test_every_side_has_its_own_lane_and_silence_is_flat() -> None:
    both = np.zeros((RATE * 4, 2), dtype=np.float32)
    both[: RATE * 2, 0] = 0.5  # the caller, then the callee
    both[RATE * 2 :, 1] = -1.0
    found, _sound = measured(both)
    left, right = found.points[: len(found.points) // 2], found.points[len(found.points) // 2 :]
    assert found.channels == 2
    assert len(left) == len(right) <= MOST_POINTS
    half = len(left) // 2
    assert set(left[: half - 1]) == {127}
    assert set(left[half + 1 :]) == {0}
    assert set(right[half + 1 :]) == {255}


@pytest.mark.parametrize("samples", [1, 63, 80, 81, 160_000, 160_001, 1_000_003])
def test_it_has_few_points_whatever_the_length(samples: int) -> None:
    found, _sound = measured(np.full((samples, 1), 0.25, dtype=np.float32), block=50_000)
    assert 1 <= len(found.points) <= MOST_POINTS
    assert set(found.points) == {63}
    if samples >= 160_000:
        assert len(found.points) >= MOST_POINTS // 2


def test_a_long_file_is_still_in_proportion() -> None:
    """Eight hours at 800 Hz, one of them loud."""
    hours = np.zeros((800 * 3_600 * 8, 1), dtype=np.int16)
    hours[800 * 3_600 * 6 : 800 * 3_600 * 7] = 16_384
    found, sound = measured(hours, rate=800, block=800 * 600)
    loud = [at for at, point in enumerate(found.points) if point]
    size = len(found.points)
    assert size <= MOST_POINTS
    assert loud[0] == pytest.approx(size * 6 / 8, abs=2)
    assert loud[-1] == pytest.approx(size * 7 / 8, abs=2)
    assert sound.longest_silence_ms == 6 * 3_600_000


@pytest.mark.parametrize(
    ("dtype", "loud"),
    [
        (np.uint8, 192),
        (np.int16, 2**14),
        (np.int32, 2**30),
        (np.int64, 2**62),
        (np.float32, 0.5),
        (np.float64, 0.5),
    ],
)
def test_samples_of_every_type_are_measured_alike(dtype: type, loud: float) -> None:
    found, sound = measured(np.full((RATE, 1), loud, dtype=dtype))
    assert set(found.points) == {127}
    assert sound.talk_ms == (1_000,)


def test_what_is_no_number_is_silence() -> None:
    samples = np.full((RATE, 1), np.nan, dtype=np.float32)
    samples[:10] = np.inf
    found, _sound = measured(samples)
    assert found.points[-1] == 0


def test_parts_of_another_rate_and_layout_keep_their_length() -> None:
    meter = Meter()
    meter.add(np.full((1, 8_000), 0.5, dtype=np.float32), 1, 8_000, packed=False)
    meter.add(np.zeros((1, 2 * 11_025), dtype=np.int16), 2, 11_025, packed=True)
    found, sound = meter.finish()
    assert meter.seconds == 2.0
    assert len(found.points) == 2 * 200
    assert set(found.points[:100]) == set(found.points[200:300]) == {127}
    assert set(found.points[100:200]) == {0}
    assert sound.longest_silence_ms == 1_000


def test_who_talked_how_long_together_and_when_nobody_did() -> None:
    left, right = np.zeros(RATE * 20), np.zeros(RATE * 20)
    sound = tone(3.0)[: RATE // 2]
    for second in (0, 1, 2, 3, 12):
        left[second * RATE : second * RATE + RATE // 2] = sound
        left[second * RATE + RATE // 2 : (second + 1) * RATE] = sound
    right[3 * RATE : 5 * RATE] = np.tile(sound, 4)
    _peaks, found = measured(sides(left, right))
    assert found.talk_ms == (5_000, 2_000)
    assert found.double_talk_ms == 1_000
    assert found.longest_silence_ms == 7_000
    assert (found.one_side_silent, found.clipped_ms, found.silent) == (False, 0, False)


def test_a_short_pause_is_part_of_the_talk_and_a_click_is_none() -> None:
    samples = np.zeros(RATE * 5)
    samples[:RATE] = samples[RATE + 1_600 : 2 * RATE] = 0.3  # 0.2 s between
    samples[4 * RATE : 4 * RATE + 80] = 0.9
    _peaks, found = measured(samples[:, None].astype(np.float32))
    assert found.talk_ms == (2_000,)


def test_talk_is_told_from_its_own_noise() -> None:
    noise = np.random.default_rng(3).normal(0, 0.008, RATE * 10)
    noise[2 * RATE : 4 * RATE] += 0.2 * np.sin(np.arange(2 * RATE))
    _peaks, found = measured(noise[:, None].astype(np.float32))
    assert found.talk_ms[0] == pytest.approx(2_000, abs=50)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(1.0, 0.0, True), (0.0, 1.0, True), (1.0, 0.4, False), (0.0001, 0.0, False)],
)
def test_one_way_audio_is_noticed(left: float, right: float, *, expected: bool) -> None:
    _peaks, found = measured(sides(tone() * left, tone() * right))
    assert found.one_side_silent is expected


def test_two_channels_of_one_sound_are_no_two_sides() -> None:
    _peaks, found = measured(sides(tone(), tone()))
    assert (found.one_side_silent, found.double_talk_ms, len(found.talk_ms)) == (None, None, 1)


@pytest.mark.parametrize(("level", "clipped"), [(0.9, False), (1.0, False), (2.0, True)])
def test_a_cut_off_top_is_noticed_and_a_loud_tone_is_not(level: float, *, clipped: bool) -> None:
    samples = np.clip(tone() * level / 0.8, -1, 1) * 0.98  # where G.711 saturates
    _peaks, found = measured(samples[:, None].astype(np.float32))
    assert (found.clipped_ms > 500) is clipped


@pytest.mark.parametrize(("level", "silent"), [(0.0, True), (8 / 32_768, True), (100 / 32_768, False)])
def test_digital_silence_throughout_is_noticed(level: float, *, silent: bool) -> None:
    _peaks, found = measured(np.full((RATE * 3, 1), level, dtype=np.float32))
    assert found.silent is silent


def test_nothing_has_no_picture() -> None:
    found, sound = Meter().finish()
    assert (found.points, sound.silent) == (b"", True)
