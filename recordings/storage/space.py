"""Free space, the reserve that must stay free, and the space that a recording will likely take."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from recordings.choices import Channels, FileFormat

LEAST_FREE = 1024**3  # bytes
LEAST_SHARE = 20  # one part in so many
MP3_A_SECOND, WAV_A_SECOND = 8_000, 16_000  # bytes: 64 kbit/s; 8 kHz of 16 bits, for each channel


@dataclass(frozen=True, slots=True)
class Space:
    """The free and the total bytes of a file system."""

    free: int
    total: int

    @property
    def reserve(self) -> int:
        """The bytes that must stay free for the database and the logs: 1 GiB or 5 %, whichever is more."""
        return max(LEAST_FREE, self.total // LEAST_SHARE)

    @property
    def enough(self) -> bool:
        """Whether there is room to archive more."""
        return self.free >= self.reserve


def space_of(folder: Path) -> Space:
    """Return the space of the file system of `folder`, which need not exist yet. Raises OSError."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    found = os.statvfs(folder)
    return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def likely_bytes(duration_ms: int | None, file_format: str | None, channels: str | None) -> int:
    """Return the likely size of an audio file in bytes; 0 where its duration is not known."""
    a_second = MP3_A_SECOND if file_format != FileFormat.WAV else WAV_A_SECOND
    per_file = 2 if file_format == FileFormat.WAV and channels != Channels.MONO else 1
    return (duration_ms or 0) // 1_000 * a_second * per_file
