"""WAV, by its chunks (RIFF, and RF64 for what is larger than 4 GiB). Nothing is decoded and nothing held.

Vobiz serves 16-bit PCM at 8 kHz. A recorder that writes while it streams does not know the length yet, and leaves 0
or 0xFFFFFFFF in the header.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from recordings.audio.found import Audio

MAX_CHUNKS = 1_000  # a header has a handful
_PROMISES_NOTHING = (0, 0xFFFFFFFF)


def is_riff(head: bytes) -> bool:
    """Whether a file that begins so is WAV."""
    return head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"


@dataclass(frozen=True, slots=True)
class _Format:
    channels: int
    byte_rate: int


def inspect_riff(file: BinaryIO, length: int) -> Audio:
    """`length`: of the file, in bytes."""
    form, long_data, at = None, None, 12
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            break
        kind, size = head[:4], struct.unpack("<I", head[4:])[0]
        at += 8
        if kind == b"fmt ":
            form = _format_of(file.read(16))
        elif kind == b"ds64":
            long_data = _long_data_of(file.read(16))
        elif kind == b"data":
            promised = long_data if size == 0xFFFFFFFF and long_data is not None else size
            return _measured(form, promised, length - at)
        at += size + size % 2
    return Audio("wav", whole=False, duration_ms=None, channels=form.channels if form else None)


def _measured(form: _Format | None, promised: int, there: int) -> Audio:
    known = promised not in _PROMISES_NOTHING
    heard = min(there, promised) if known else there
    rate = form.byte_rate if form else 0
    return Audio(
        "wav",
        whole=form is not None and (not known or there >= promised),
        duration_ms=heard * 1_000 // rate if rate else None,
        channels=form.channels if form else None,
    )


def _format_of(body: bytes) -> _Format | None:
    if len(body) < 16:
        return None
    _tag, channels, _rate, byte_rate = struct.unpack("<HHII", body[:12])
    return _Format(channels, byte_rate) if channels else None


def _long_data_of(body: bytes) -> int | None:
    return struct.unpack("<Q", body[8:16])[0] if len(body) == 16 else None
