"""Playback: where the audio is, which bytes of it to send, and which requests are one play."""

from __future__ import annotations

from recordings.playback.converted import browser_type, delete_old_copies, plays_as_it_is
from recordings.playback.play_tokens import mint, play_of
from recordings.playback.ranges import ByteRange
from recordings.playback.sources import Audio, AudioRequest, NoAudio, OutOfRange, open_audio
from recordings.playback.streaming import Busy, FileSlice

__all__ = [
    "Audio",
    "AudioRequest",
    "Busy",
    "ByteRange",
    "FileSlice",
    "NoAudio",
    "OutOfRange",
    "browser_type",
    "delete_old_copies",
    "mint",
    "open_audio",
    "play_of",
    "plays_as_it_is",
]
