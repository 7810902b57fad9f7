"""How loud a file is from moment to moment, for its picture. The only part that decodes.

libsndfile (with mpg123 inside) decodes in blocks, so memory stays flat. What it cannot decode has no picture; that
says nothing about the file, which other players may read.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import soundfile

MOST_POINTS = 2_000  # for each channel
MOST_CHANNELS = 8
BLOCK = 65_536  # samples for each channel
FINEST = 64  # samples in one point, to begin with
_FULL_SCALE = 32_768


class Undecodable(Exception):
    """The decoder gave up."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """One byte (0 to 255) for the loudest moment of each equal part of the audio, channel after channel."""

    channels: int
    points: bytes


def peaks_of(file: BinaryIO) -> Peaks:
    """The peaks of a file that has a descriptor, or that can be read and sought. Undecodable says what the matter is.

    At most MOST_POINTS a channel, and at least half as many where the audio is long enough. What comes after a
    mistake in the file is left out.
    """
    file.seek(0)
    try:
        with soundfile.SoundFile(_as_asked(file), closefd=True) as sound:
            return _read(sound)
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError, OSError) as error:
        raise Undecodable(str(error) or type(error).__name__) from error


def _as_asked(file: BinaryIO) -> Any:
    """A descriptor of its own where there is one: reading through Python costs several times as much."""
    try:
        return os.dup(file.fileno())
    except OSError:
        return file


def _read(sound: Any) -> Peaks:
    channels = sound.channels
    if not 1 <= channels <= MOST_CHANNELS:
        raise Undecodable(f"{channels} channels")
    block = np.empty((BLOCK, channels), dtype=np.int16)
    points, each = np.empty((0, channels), dtype=np.int16), FINEST
    while len(read := sound.read(out=block)):
        points = np.concatenate([points, _loudest(read, each)])
        while len(points) > MOST_POINTS and each < BLOCK:  # no coarser, or a block would be no whole point
            points, each = _loudest(points, 2), each * 2
    points = _loudest(points, -(-len(points) // MOST_POINTS) or 1)
    scaled = points.astype(np.int32) * 255 // (_FULL_SCALE - 1)
    return Peaks(channels, scaled.astype(np.uint8).T.tobytes())


def _loudest(samples: Any, each: int) -> Any:
    """The loudest of every `each` samples of a channel; what is left over at the end is one more."""
    starts = np.arange(0, len(samples), each)
    highest = np.maximum.reduceat(samples, starts, axis=0)
    lowest = np.minimum.reduceat(samples, starts, axis=0)
    return np.maximum(highest, -np.maximum(lowest, 1 - _FULL_SCALE))  # -32,768 has no positive twin


def main() -> int:
    """Draw the file that is standard input, for a caller who does not trust it: one byte of channels, the points."""
    try:
        found = peaks_of(sys.stdin.buffer)
    except Undecodable:
        return 1
    sys.stdout.buffer.write(bytes([found.channels]) + found.points)
    return 0


if __name__ == "__main__":
    sys.exit(main())
