"""What the reader says of a file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MOST_POINTS = 2_000  # of a waveform, for each channel
MOST_CHANNELS = 8  # that are measured


class Verdict(StrEnum):
    """Whether a file is audio."""

    AUDIO = "audio"
    UNKNOWN = "unknown"
    """No proof of anything: it may be audio that this version cannot read, so it is kept."""
    NOT_AUDIO = "not_audio"


class Reason(StrEnum):
    """Why a file is not, or may not be, audio; or why it is audio without a waveform."""

    DOCUMENT = "document"
    EMPTY = "empty"
    TOO_SHORT = "too_short"
    """A bare header, a tag alone, or less than holds sound."""
    TEXT = "text"
    UNREADABLE = "unreadable"
    CRASHED = "crashed"
    OUT_OF_TIME = "out_of_time"
    OUT_OF_MEMORY = "out_of_memory"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Peaks:
    """One byte (0 to 255) for the loudest moment of each equal part of the audio, channel after channel."""

    channels: int
    points: bytes


@dataclass(frozen=True, slots=True)
class Sound:
    """What can be told from the samples without understanding them; all times in milliseconds.

    `talk_ms`: of each side, one for mono. `double_talk_ms`, `one_side_silent`: None unless there are two sides that
    differ. `clipped_ms`: how long the loudest samples were cut off. `silent`: digital silence throughout.
    """

    talk_ms: tuple[int, ...]
    longest_silence_ms: int
    double_talk_ms: int | None
    one_side_silent: bool | None
    clipped_ms: int
    silent: bool


@dataclass(frozen=True, slots=True)
class Audio:
    """A file that is audio, or may be.

    `whole`: False where it promises more than is there, or its last packet is broken. `duration_ms`: decoded samples
    by their rate. `regular`: a browser finds the same length and the same moments in it as the reader; of a
    beginning: as far as that shows. `peaks` and `sound` are None where the reader was stopped before the end, for
    which `reason` is the cause.
    """

    container: str
    codec: str | None = None
    whole: bool = True
    duration_ms: int | None = None
    channels: int | None = None
    sample_rate: int | None = None
    regular: bool = False
    peaks: Peaks | None = None
    sound: Sound | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on a file. `audio` is None for what is not audio; `detail` names the kind of document."""

    verdict: Verdict
    audio: Audio | None = None
    reason: Reason | None = None
    detail: str = ""
