"""Peaks, talk time, silence and clipping, measured while the samples pass. Memory grows by 5 bytes for each 10 ms.

Samples are cut into windows of 10 ms by their own rate, so that parts of other rates or channel counts keep their
length in the waveform.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from recordings.audio.report import MOST_CHANNELS, MOST_POINTS, Peaks, Sound

WINDOWS_A_SECOND = 100
WINDOW_MS = 1_000 // WINDOWS_A_SECOND
BATCH = 65_536  # samples that are measured at once
SILENT = 16 / 32_768  # A-law's quietest code is 8: nothing below this is sound
FLAT_TOP = 0.97  # G.711 saturates at 0.98
CLIPPED_RUN = 3  # samples in a row at the top
# A side talks where it is so much louder than its own noise, within these bounds (RMS, full scale is 1).
ABOVE_NOISE, QUIETEST_TALK, LOUDEST_NOISE = 4.0, 0.003, 0.018
PAUSE_WITHIN_TALK = 300 // WINDOW_MS  # a shorter pause is part of the talk
SHORTEST_TALK = 100 // WINDOW_MS  # what is shorter is a click
ONE_SIDE_TALKS_MS = 1_000  # before the other's silence means anything

_FULL_SCALE = {"u1": (128.0, 128.0), "i2": (0.0, 2.0**15), "i4": (0.0, 2.0**31), "i8": (0.0, 2.0**63)}


class Meter:
    """Takes frames as they are decoded."""

    def __init__(self) -> None:
        self.channels = 0
        self.seconds = 0.0
        self._rate = 0
        self._held: list[Any] = []
        self._held_samples = 0
        self._peaks: list[Any] = []  # of each batch: windows × channels, uint8
        self._loudness: list[Any] = []  # mean square of each window, float32
        self._clipped = 0
        self._loudest = 0.0
        self._sides_differ = False

    def add(self, samples: Any, channels: int, rate: int, *, packed: bool) -> None:
        """Take an array as PyAV gives it: planar (channels × samples) or packed (1 × samples · channels)."""
        block = samples.reshape(-1, channels) if packed else samples.T
        block = block[:, :MOST_CHANNELS]
        if rate != self._rate or (self._held and block.shape[1] != self._held[0].shape[1]):
            self._measure(self._held_samples)
            self._rate = rate
        self.seconds += len(block) / rate
        self._held.append(block)
        self._held_samples += len(block)
        if self._held_samples >= max(BATCH, rate):
            self._measure(self._held_samples // rate * rate)  # whole seconds are whole windows at any rate

    def _measure(self, take: int) -> None:
        """Measure the first `take` of the samples that are held."""
        if not take:
            return
        held = np.concatenate(self._held) if len(self._held) > 1 else self._held[0]
        self._held, self._held_samples = [held[take:]] if take < len(held) else [], len(held) - take
        block = _scaled(held[:take])
        size = np.abs(block)
        count = max(1, round(take / self._rate * WINDOWS_A_SECOND))
        starts = np.minimum(np.arange(count) * self._rate // WINDOWS_A_SECOND, take - 1)
        peaks = np.maximum.reduceat(size, starts, axis=0)
        lengths = np.diff(np.append(starts, take))[:, None]
        squares = np.add.reduceat(block * block, starts, axis=0) / np.maximum(lengths, 1)
        self.channels = max(self.channels, block.shape[1])
        loudest = float(peaks.max())
        self._loudest = max(self._loudest, loudest)
        self._peaks.append(np.minimum(peaks * 255, 255).astype(np.uint8))
        self._loudness.append(squares.astype(np.float32))
        if block.shape[1] == 2 and not self._sides_differ:
            self._sides_differ = bool((block[:, 0] != block[:, 1]).any())
        if loudest >= FLAT_TOP:
            self._clipped += _clipped_windows(size, starts)

    def finish(self) -> tuple[Peaks, Sound]:
        """Return the waveform and what was measured. Call it once."""
        self._measure(self._held_samples)
        if not self._peaks:
            return Peaks(1, b""), Sound((0,), round(self.seconds * 1_000), None, None, 0, silent=True)
        peaks = np.concatenate([_widened(part, self.channels) for part in self._peaks])
        self._peaks = []
        each = -(-len(peaks) // MOST_POINTS)
        points = np.maximum.reduceat(peaks, np.arange(0, len(peaks), each), axis=0)
        return Peaks(self.channels, points.T.tobytes()), self._sound()

    def _sound(self) -> Sound:
        loudness = np.concatenate([_widened(part, self.channels) for part in self._loudness])
        self._loudness = []
        two_sides = self.channels == 2 and self._sides_differ
        sides = loudness.T if two_sides else loudness.max(axis=1)[None, :]
        talks = [_talk(np.sqrt(side)) for side in sides]
        anybody = np.logical_or.reduce(talks)
        talk_ms = tuple(int(talk.sum()) * WINDOW_MS for talk in talks)
        return Sound(
            talk_ms=talk_ms,
            longest_silence_ms=max((stop - start for start, stop in _runs(~anybody)), default=0) * WINDOW_MS,
            double_talk_ms=int(np.logical_and.reduce(talks).sum()) * WINDOW_MS if two_sides else None,
            one_side_silent=min(talk_ms) == 0 and max(talk_ms) >= ONE_SIDE_TALKS_MS if two_sides else None,
            clipped_ms=self._clipped * WINDOW_MS,
            silent=self._loudest < SILENT,
        )


def _scaled(block: Any) -> Any:
    """Return samples of any type as float32 with full scale 1; NaN becomes silence."""
    if block.dtype.kind == "f":
        return np.nan_to_num(np.clip(block, -4, 4), nan=0.0).astype(np.float32)
    zero, full = _FULL_SCALE[block.dtype.str[1:]]
    return ((block.astype(np.float32) - zero) / full).astype(np.float32)


def _widened(part: Any, channels: int) -> Any:
    """Return a part with as many channels as the others: the last one is repeated, as a player would do."""
    missing = channels - part.shape[1]
    return np.hstack([part, np.repeat(part[:, -1:], missing, axis=1)]) if missing else part


def _clipped_windows(size: Any, starts: Any) -> int:
    """How many windows have a flat top: the same loudest value, or full scale, several samples in a row."""
    if len(size) < CLIPPED_RUN:
        return 0
    top = size >= 0.999
    top[1:] |= (size[1:] >= FLAT_TOP) & (size[1:] == size[:-1])
    run = np.logical_and.reduce([top[at : len(top) - CLIPPED_RUN + 1 + at] for at in range(CLIPPED_RUN)])
    flat = np.zeros(len(size), dtype=bool)
    flat[: len(run)] = run.any(axis=1)
    return int(np.logical_or.reduceat(flat, starts).sum())


def _talk(loudness: Any) -> Any:
    """In which windows a side talks."""
    noise = float(np.percentile(loudness, 10))
    threshold = min(max(noise * ABOVE_NOISE, QUIETEST_TALK), LOUDEST_NOISE)
    talk = loudness > threshold
    for wanted, shortest in ((False, PAUSE_WITHIN_TALK), (True, SHORTEST_TALK)):
        for start, stop in _runs(talk == wanted):
            if stop - start < shortest and (wanted or (start > 0 and stop < len(talk))):
                talk[start:stop] = not wanted
    return talk


def _runs(where: Any) -> list[tuple[int, int]]:
    """Start and exclusive stop of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], where, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
