"""About how large a recording's file is, before anybody has it."""

from __future__ import annotations

from recordings.choices import Channels, FileFormat

MP3_A_SECOND, WAV_A_SECOND = 8_000, 16_000  # bytes: 64 kbit/s; 8 kHz of 16 bits, for each side


def likely_bytes(duration_ms: int | None, file_format: str | None, channels: str | None) -> int:
    """By its length, format and channels. Nothing where its length is not known."""
    a_second = MP3_A_SECOND if file_format != FileFormat.WAV else WAV_A_SECOND
    sides = 2 if file_format == FileFormat.WAV and channels != Channels.MONO else 1
    return (duration_ms or 0) // 1_000 * a_second * sides
