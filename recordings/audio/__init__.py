"""Tell what an audio file is: FFmpeg's libraries (PyAV) decode it in a child process.

Names and types lie (WAV is served as `.mp3` under `audio/mpeg`), and an answer without Content-Length that was cut
looks like one that ended; so the file itself is asked. No Django, no network; memory stays flat.
"""

from __future__ import annotations

import io
import os
import tempfile
from dataclasses import replace
from typing import BinaryIO

from recordings.audio import formats
from recordings.audio.answers import audio_from
from recordings.audio.promises import RIFF_KINDS, wave_layout
from recordings.audio.reader import POOL, ReaderError
from recordings.audio.report import Audio, Finding, Peaks, Reason, Sound, Verdict
from recordings.audio.signatures import GZIP, GZIP_LAYERS, HEAD, document_in, is_text
from recordings.audio.source import Source
from recordings.audio.wire import Answer, MessageError, Task

__all__ = [
    "GZIP",
    "GZIP_LAYERS",
    "READER_VERSION",
    "Audio",
    "Finding",
    "NotConvertedError",
    "Peaks",
    "Reason",
    "Sound",
    "Verdict",
    "convert",
    "formats",
    "inspect",
    "probe",
]

# Raise it when a file would be judged otherwise: archived copies are then inspected again.
READER_VERSION = 1
SHORTEST_SOUND = 64  # bytes after a header or tag that may hold sound
MOST_CONVERTED = 512 * 1024**2  # bytes of a converted copy
RIFF_HEADER, SYNC = 44, 4  # bytes


class NotConvertedError(Exception):
    """The file could not be converted; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def inspect(file: BinaryIO | io.FileIO) -> Finding:
    """Decode a whole file and return the finding. `file` needs a descriptor."""
    return _inspect(file.fileno(), Task.INSPECT)


def probe(head: bytes, *, is_all: bool = False) -> Finding:
    """Return the verdict on a file of which only the beginning is known, or of a small one `is_all`."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(head)
        return _inspect(file.fileno(), Task.INSPECT if is_all else Task.PROBE)


def convert(file: BinaryIO | io.FileIO, into: BinaryIO | io.FileIO, kind: str) -> None:
    """Write a copy that browsers play, `mp3` or `opus`, into an open file. Raise NotConvertedError."""
    if document_in(os.pread(file.fileno(), HEAD, 0)):  # whatever a decoder would find inside
        raise NotConvertedError(Reason.DOCUMENT)
    try:
        with POOL.reader() as reader:
            answer = reader.ask(
                Task.CONVERT, file.fileno(), into.fileno(), wanted=kind, most_output=MOST_CONVERTED
            )
    except ReaderError as failed:
        raise NotConvertedError(failed.reason) from failed
    if answer.get("answer") != Answer.CONVERTED:
        raise NotConvertedError(Reason.UNREADABLE)


def _inspect(descriptor: int, task: Task) -> Finding:
    head, size = os.pread(descriptor, HEAD, 0), os.fstat(descriptor).st_size
    if not size:
        return Finding(Verdict.NOT_AUDIO, reason=Reason.EMPTY)
    if kind := document_in(head):
        reason = Reason.DOCUMENT
        if kind == "text":
            reason = Reason.TEXT if size >= SHORTEST_SOUND else Reason.TOO_SHORT
        return Finding(Verdict.NOT_AUDIO, reason=reason, detail=kind)
    try:
        with POOL.reader() as reader:
            answer = reader.ask(task, descriptor)
            audio = audio_from(answer) if answer.get("answer") == Answer.AUDIO else None
    except ReaderError as failed:
        return _unproven(failed.reason, failed.began)
    except MessageError:
        return _unproven(Reason.CRASHED, None)
    if audio is not None:
        return Finding(Verdict.AUDIO, audio, audio.reason)
    if task == Task.INSPECT:
        size -= _header_length(descriptor, head)
        if size < SHORTEST_SOUND:
            return Finding(Verdict.NOT_AUDIO, _of_nothing(descriptor), Reason.TOO_SHORT)
    if is_text(head[SYNC:]) or is_text(os.pread(descriptor, HEAD, _header_length(descriptor, head))):
        return Finding(Verdict.NOT_AUDIO, reason=Reason.TEXT)
    return _unproven(Reason.UNREADABLE, None)


def _unproven(reason: Reason, began: Audio | None) -> Finding:
    """Return the finding of a reader that gave up; samples before that make it audio without a waveform."""
    if began is not None:
        return Finding(Verdict.AUDIO, replace(began, reason=reason), reason)
    return Finding(Verdict.UNKNOWN, Audio(formats.UNKNOWN, reason=reason), reason)


def _of_nothing(descriptor: int) -> Audio | None:
    """Return the facts of a WAV file with a valid header and no sample, as a recording of 0 s has; else None."""
    layout = wave_layout(Source(descriptor))
    if layout is None or layout.there:
        return None
    return Audio("wav", duration_ms=0, sound=Sound((0,), 0, None, None, 0, silent=True), peaks=Peaks(1, b""))


def _header_length(descriptor: int, head: bytes) -> int:
    """Return how many bytes at the beginning are a tag or header."""
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 0x80:
        tag = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
        rest = os.pread(descriptor, SHORTEST_SOUND, tag)
        return tag + (len(rest) if not rest.strip(b"\0") else 0)
    return RIFF_HEADER if head[:4] in RIFF_KINDS else 0
