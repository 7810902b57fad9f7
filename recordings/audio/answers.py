"""What a reader process says, checked: it has read a hostile file, and may be its puppet."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any

from recordings.audio.formats import CONTAINERS
from recordings.audio.report import MOST_CHANNELS, MOST_POINTS, Audio, Peaks, Reason, Sound
from recordings.audio.wire import MessageError

MOST_MS = 2**40
CODEC_LENGTH = 32


def audio_from(message: dict[str, Any]) -> Audio:
    """Return the audio that an answer describes. MessageError for what no reader of ours says."""
    try:
        said = message["audio"]
        peaks, sound = said.get("peaks"), said.get("sound")
        return Audio(
            container=_one_of(said["container"], CONTAINERS),
            codec=_word(said["codec"]),
            whole=bool(said["whole"]),
            duration_ms=_number(said["duration_ms"], MOST_MS),
            channels=_number(said["channels"], 64),
            sample_rate=_number(said["sample_rate"], 2**31 - 1),
            regular=bool(said["regular"]),
            peaks=None if peaks is None else _peaks(peaks),
            sound=None if sound is None else _sound(sound),
            reason=None if said.get("reason") is None else Reason(said["reason"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MessageError(type(error).__name__) from error


def _peaks(said: dict[str, Any]) -> Peaks:
    channels, text = _number(said["channels"], MOST_CHANNELS), said["points"]
    try:
        points = b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("points") from error
    if not channels or len(points) % channels or len(points) > channels * MOST_POINTS:
        raise ValueError("points")
    return Peaks(channels, points)


def _sound(said: dict[str, Any]) -> Sound:
    talk = said["talk_ms"]
    if not isinstance(talk, list) or not 1 <= len(talk) <= 2:
        raise ValueError("talk_ms")
    silent_side = said["one_side_silent"]
    return Sound(
        talk_ms=tuple(_number(each, MOST_MS) or 0 for each in talk),
        longest_silence_ms=_number(said["longest_silence_ms"], MOST_MS) or 0,
        double_talk_ms=_number(said["double_talk_ms"], MOST_MS),
        one_side_silent=None if silent_side is None else bool(silent_side),
        clipped_ms=_number(said["clipped_ms"], MOST_MS) or 0,
        silent=bool(said["silent"]),
    )


def _number(value: Any, most: int) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("number")
    return value


def _one_of(value: Any, known: dict[str, Any]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError("container")
    return value


def _word(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= CODEC_LENGTH or not value.isascii():
        raise ValueError("codec")
    return value if value.replace("_", "").isalnum() else None
