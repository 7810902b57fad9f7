"""MP3, by its frames (ISO 11172-3, 13818-3, and MPEG-2.5 for 8 to 12 kHz). Nothing is decoded and little held.

A frame's header tells its length, so the file is walked from header to header. Tags (ID3v1, ID3v2, APE, Lyrics3) and
padding zeros may stand around the frames; a Xing, Info or VBRI frame says how many there should be.
"""

from __future__ import annotations

import io
import os
import struct
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from recordings.audio.found import Audio

JUNK_BEFORE = 64 * 1024  # bytes in which the first frame is looked for
JUNK_WITHIN = 1024 * 1024  # bytes that are no frame, after which the walk ends
BUFFER = 1024 * 1024
LAYER_III = 3

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_BITRATES = {  # kbit/s by (is MPEG-1, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


class Frame(NamedTuple):
    """What a frame's header says: its length in bytes, and what it holds."""

    length: int
    samples: int
    rate: int
    channels: int
    kind: tuple[int, int, int]
    """Version, layer and rate: the same for every frame of a file."""


@lru_cache(maxsize=4096)
def frame_of(header: bytes) -> Frame | None:
    """The frame that these four bytes begin; None if they begin none. (Free-format frames do not tell their length.)"""
    if len(header) < 4 or header[0] != 0xFF or header[1] < 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate_at, rate_at, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate_at in (0, 15) or rate_at == 3:
        return None
    newest = version == 3
    bits, rate = _BITRATES[newest, layer][bitrate_at - 1] * 1_000, _RATES[version][rate_at]
    if layer == 1:
        length, samples = (12 * bits // rate + padding) * 4, 384
    else:
        samples = 1152 if layer == 2 or newest else 576
        length = samples // 8 * bits // rate + padding
    return Frame(length, samples, rate, 1 if header[3] >> 6 == 3 else 2, (version, layer, rate))


def inspect_mpeg(file: BinaryIO, length: int) -> Audio | None:
    """What an MP3 of `length` bytes holds; None where this is none."""
    buffered = io.BufferedReader(file, BUFFER)  # type: ignore[type-var]
    try:
        return _inspect(buffered, length)
    finally:
        buffered.detach()


def _inspect(file: BinaryIO, length: int) -> Audio | None:
    start = _after_id3v2(file)
    if start >= length and start > 0:  # a tag, and the file ends in or after it
        return Audio("mp3", whole=False, duration_ms=None, channels=None)
    end = _before_tags(file, length)
    first = _first_frame(file, start, end)
    if first is None:
        return None
    return _Walk(file, end).run(first)


def _after_id3v2(file: BinaryIO) -> int:
    """Where the tags before the audio end."""
    at = 0
    for _ in range(8):
        file.seek(at)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 0x7F:
            break
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        at += 10 + size + (10 if head[5] & 0x10 else 0)
    return at


def _before_tags(file: BinaryIO, length: int) -> int:
    """Where the audio ends and the tags after it begin."""
    end = length
    for _ in range(8):
        before = end
        tail = _read_at(file, max(0, end - 128), min(end, 128))
        if len(tail) == 128 and tail[:3] == b"TAG":
            end -= 128
        elif tail[-32:-24] == b"APETAGEX":
            size, flags = struct.unpack("<I", tail[-20:-16])[0], struct.unpack("<I", tail[-12:-8])[0]
            end -= size + (32 if flags & 0x80000000 else 0)
        elif tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
            end -= int(tail[-15:-9]) + 15
        if end == before or end < 0:
            return max(end, 0) if end >= 0 else before
    return end


def _first_frame(file: BinaryIO, start: int, end: int) -> int | None:
    """Where the first frame begins: at `start`, or soon after it, where others follow it."""
    frame = frame_of(_read_at(file, start, 4))
    if frame is not None and frame.kind[1] == LAYER_III and start + frame.length >= end:
        return start  # all there is
    junk = _read_at(file, start, min(JUNK_BEFORE, end - start))
    at = junk.find(b"\xff")
    while at >= 0:
        if _is_followed(file, start + at, end):
            return start + at
        at = junk.find(b"\xff", at + 1)
    return None


def _is_followed(file: BinaryIO, at: int, end: int) -> bool:
    """Whether a frame begins there and two more of its kind follow, or one and the end: by chance that is rare."""
    kind = None
    for known in range(3):
        if known == 2 and at + 4 > end:
            return True
        frame = frame_of(_read_at(file, at, 4))
        if frame is None or (kind is not None and frame.kind != kind):
            return False
        kind = frame.kind
        at += frame.length
    return True


@dataclass(slots=True)
class _Walk:
    """From frame to frame until the end."""

    file: BinaryIO
    end: int
    samples: Counter[int] = field(default_factory=Counter)  # by rate
    frames: int = 0
    channels: int | None = None
    promised: int | None = None
    junk: int = 0

    def run(self, start: int) -> Audio:
        complete = self._walk(start)
        seconds = sum(count / rate for rate, count in self.samples.items())
        short = self.promised is not None and self.frames < self.promised
        return Audio(
            "mp3", whole=complete and not short, duration_ms=round(seconds * 1_000), channels=self.channels
        )

    def _walk(self, at: int) -> bool:
        """True where the last byte is the end of a frame, or padding."""
        self.file.seek(at)
        while at < self.end:
            header = self.file.read(4)
            frame = frame_of(header)
            if frame is None:
                found = self._next_frame(at)
                if found is None:
                    return self._is_padding(at)
                at = found
                self.file.seek(at)
                continue
            if at + frame.length > self.end:
                return False
            if self.channels is None:
                self.channels = frame.channels
                body = self.file.read(frame.length - 4)
                self.promised = _promised(body)
                if self.promised is not None:  # this one is about the others and holds no sound
                    at += frame.length
                    continue
            else:
                self.file.seek(frame.length - 4, os.SEEK_CUR)
            self.frames += 1
            self.samples[frame.rate] += frame.samples
            at += frame.length
        return True

    def _next_frame(self, at: int) -> int | None:
        """Where the frames go on after something else."""
        while at < self.end and self.junk < JUNK_WITHIN:
            block = _read_at(self.file, at, min(JUNK_BEFORE, self.end - at))
            found = block.find(b"\xff", 1)
            while found >= 0:
                if _is_followed(self.file, at + found, self.end):
                    self.junk += found
                    return at + found
                found = block.find(b"\xff", found + 1)
            self.junk += len(block)
            at += len(block)
        return None

    def _is_padding(self, at: int) -> bool:
        while at < self.end:
            block = _read_at(self.file, at, min(BUFFER, self.end - at))
            if block.strip(b"\0"):
                return False
            at += len(block)
        return True


def _promised(body: bytes) -> int | None:
    """How many frames follow the first one, where it says so; `body` is the first one's, after its header."""
    for offset in (
        32,
        17,
        9,
    ):  # after the side information: MPEG-1 stereo; mono or MPEG-2 stereo; MPEG-2 mono
        if body[offset : offset + 4] in (b"Xing", b"Info"):
            flags = int.from_bytes(body[offset + 4 : offset + 8], "big")
            return int.from_bytes(body[offset + 8 : offset + 12], "big") if flags & 1 else 0
    if body[32:36] == b"VBRI":
        return int.from_bytes(body[46:50], "big")
    return None


def _read_at(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
