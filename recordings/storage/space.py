"""How much room there is, and how much must stay."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

LEAST_FREE = 1024**3  # bytes
LEAST_SHARE = 20  # one part in so many


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of a file system: those that may still be written, and all of them."""

    free: int
    total: int

    @property
    def reserve(self) -> int:
        """What must stay free: the larger of 1 GiB and 5 %, so that the database and the logs go on."""
        return max(LEAST_FREE, self.total // LEAST_SHARE)

    @property
    def enough(self) -> bool:
        """Whether archiving may go on."""
        return self.free >= self.reserve


def space_of(folder: Path) -> Space:
    """Of the file system that holds `folder`, which need not exist yet. OSError where it cannot be told."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    found = os.statvfs(folder)
    return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)
