"""The audio of calls: spoken lines joined into a conversation, as MP3 or WAV of any length, with a transcript.

Every call has one conversation, decided by its call_uuid, which goes on as long as the call does. A recording
is a part of it: two recordings of one call hold the same words, and a transcript holds the words of its part.

Nothing is encoded here. The clips (made by `clips/make_clips.py`) are whole frames of 72 ms: 576 samples at
8 kHz, which is 576 bytes of MP3 at a constant 64 kbit/s, mono or stereo, or 1,152 bytes of 16-bit PCM a channel.
Frames stand on their own, so any stretch of any length is made by joining them, a piece at a time.
"""

from __future__ import annotations

import json
import random
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CLIPS = Path(__file__).parent / "clips"
FRAME_MS = 72
FRAME_SAMPLES = 576
MP3_FRAME_BYTES = 576
SAMPLE_RATE = 8000
WAV_HEADER_BYTES = 44


@dataclass(frozen=True)
class Line:
    """One spoken line: who says it (caller, callee), its words, and how many frames it takes."""

    name: str
    scene: str
    speaker: str
    text: str
    frames: int


@dataclass(frozen=True)
class Segment:
    """A line, or silence (None), within the cycle a conversation repeats; `start` in frames."""

    line: Line | None
    start: int
    frames: int


@cache
def lines() -> tuple[Line, ...]:
    """Return all spoken lines, with their lengths in frames."""
    known = json.loads((CLIPS / "lines.json").read_text(encoding="utf-8"))
    return tuple(
        Line(frames=(CLIPS / f"{item['name']}.mono.mp3").stat().st_size // MP3_FRAME_BYTES, **item)
        for item in known
    )


@cache
def clip(name: str | None, container: str, channels: int, speaker: str = "caller") -> bytes:
    """Return a clip's frames without header; without a name, one frame of silence. Caller left, callee right."""
    if container == "mp3":
        return (CLIPS / f"{name or 'silence'}.{'stereo' if channels == 2 else 'mono'}.mp3").read_bytes()
    if name is None:
        return bytes(frame_bytes("wav", channels))
    mono = (CLIPS / f"{name}.wav").read_bytes()[WAV_HEADER_BYTES:]
    if channels == 1:
        return mono
    both = array("h", bytes(2 * len(mono)))
    both[(0 if speaker == "caller" else 1) :: 2] = array("h", mono)
    return both.tobytes()


def frame_bytes(container: str, channels: int) -> int:
    """Return the size of one 72 ms frame."""
    return MP3_FRAME_BYTES if container == "mp3" else FRAME_SAMPLES * 2 * channels


class Conversation:
    """The conversation of one call: the scenes in random order with random pauses, repeated without end."""

    def __init__(self, call_uuid: str) -> None:
        rng = random.Random(call_uuid)
        scenes = list(dict.fromkeys(line.scene for line in lines()))
        rng.shuffle(scenes)
        segments: list[Segment] = []
        start = 0
        for scene in scenes:
            for line in (line for line in lines() if line.scene == scene):
                pause = rng.randint(1, 10)
                segments += [Segment(None, start, pause), Segment(line, start + pause, line.frames)]
                start += pause + line.frames
        self.segments = segments
        self.cycle = start  # frames
        self._starts = [segment.start for segment in segments]

    def between(self, first: int, last: int) -> Iterator[tuple[Segment, int, int]]:
        """Yield the segments of frames `first` to `last` (exclusive), each with its range of frames."""
        at = first
        while at < last:
            base, within = at - at % self.cycle, at % self.cycle
            segment = self.segments[bisect_right(self._starts, within) - 1]
            until = min(last, base + segment.start + segment.frames)
            yield segment, within - segment.start, until - base - segment.start
            at = until

    def words(self, first: int, last: int) -> str:
        """Return the words from frame `first` to frame `last`; a line cut at an end gives only the words within."""
        said: list[str] = []
        for segment, begin, end in self.between(first, last):
            if segment.line is not None:
                words = segment.line.text.split()
                each = segment.frames / len(words)
                said += words[-int(-begin // each) : int(end / each + 1e-9)]
        return " ".join(said)


@dataclass(frozen=True)
class AudioFile:
    """The file of one recording, of which any range of bytes can be had without making the rest.

    `offset_ms`: where in the call's conversation it begins. WAV lasts exactly `duration_ms`; MP3 is as many
    whole frames as come nearest, at least one.
    """

    call_uuid: str
    offset_ms: int
    duration_ms: int
    container: str
    channels: int

    @property
    def first_frame(self) -> int:
        return self.offset_ms // FRAME_MS

    @property
    def frames(self) -> int:
        if self.container == "mp3":
            return max(1, round(self.duration_ms / FRAME_MS))
        return -(-self.duration_ms // FRAME_MS)

    @property
    def data_length(self) -> int:
        if self.container == "mp3":
            return self.frames * MP3_FRAME_BYTES
        return self.duration_ms * SAMPLE_RATE // 1000 * 2 * self.channels

    @property
    def header(self) -> bytes:
        """RIFF header of 16-bit PCM; MP3 needs none."""
        if self.container == "mp3":
            return b""
        block = 2 * self.channels
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", 36 + self.data_length, b"WAVE", b"fmt ", 16, 1),
            *(self.channels, SAMPLE_RATE, SAMPLE_RATE * block, block, 16, b"data", self.data_length),
        )

    @property
    def length(self) -> int:
        return len(self.header) + self.data_length

    def words(self) -> str:
        """Return the transcript of this recording."""
        return Conversation(self.call_uuid).words(self.first_frame, self.first_frame + self.frames)

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` to `stop` (exclusive), in pieces of at most a few hundred kilobytes."""
        stop = self.length if stop is None else min(stop, self.length)
        header = self.header
        if start < len(header) and start < stop:
            yield header[start : min(stop, len(header))]
        begin, end = max(0, start - len(header)), stop - len(header)
        if begin < end:
            yield from self._data(begin, end)

    def _data(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield bytes `begin` to `end` of the audio data, whose first byte follows the header."""
        size = frame_bytes(self.container, self.channels)
        first, last = begin // size, -(-end // size)
        position = first * size
        conversation = Conversation(self.call_uuid)
        for segment, cut, until in conversation.between(self.first_frame + first, self.first_frame + last):
            piece = self._frames(segment, cut, until, size)
            yield piece[max(0, begin - position) : end - position]
            position += len(piece)

    def _frames(self, segment: Segment, begin: int, end: int, size: int) -> bytes:
        if segment.line is None:
            return clip(None, self.container, self.channels) * (end - begin)
        line = segment.line
        return clip(line.name, self.container, self.channels, line.speaker)[begin * size : end * size]
