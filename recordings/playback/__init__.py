"""VERB play: whose audio is where, which part of it, and which requests are one play."""

from __future__ import annotations

from recordings.playback.bodies import Busy, Slice
from recordings.playback.converted import browser_type, delete_old_copies, plays_as_it_is
from recordings.playback.plays import mint, play_of
from recordings.playback.ranges import ByteRange
from recordings.playback.sources import Audio, NoAudio, OutOfRange, Wanted, open_audio

__all__ = [
    "Audio",
    "Busy",
    "ByteRange",
    "NoAudio",
    "OutOfRange",
    "Slice",
    "Wanted",
    "browser_type",
    "delete_old_copies",
    "mint",
    "open_audio",
    "play_of",
    "plays_as_it_is",
]
