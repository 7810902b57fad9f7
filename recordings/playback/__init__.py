"""Playback: where the audio is, which bytes of it to send, and which requests are one play."""

from __future__ import annotations

from recordings.playback.converted import browser_type, delete_old_copies, plays_as_it_is
from recordings.playback.play_tokens import mint, play_of
from recordings.playback.ranges import ByteRange
from recordings.playback.sources import (
    Audio,
    AudioRequest,
    AudioUnavailableError,
    RangeNotSatisfiableError,
    open_audio,
)
from recordings.playback.streaming import FileSlice, TooManyStreamsError

__all__ = [
    "Audio",
    "AudioRequest",
    "AudioUnavailableError",
    "ByteRange",
    "FileSlice",
    "RangeNotSatisfiableError",
    "TooManyStreamsError",
    "browser_type",
    "delete_old_copies",
    "mint",
    "open_audio",
    "play_of",
    "plays_as_it_is",
]
