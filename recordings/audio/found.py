"""What a file turned out to be, whatever its name and type claimed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Audio:
    """A file that is audio, by its own structure.

    `container`: mp3 or wav. `whole`: False where the structure promises more than is there. `duration_ms` of what
    is there and `channels`: None where the file does not tell.
    """

    container: str
    whole: bool
    duration_ms: int | None
    channels: int | None
