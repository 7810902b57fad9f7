"""What is inside a file that Vobiz calls audio, by its own structure: no Django, no network, memory that stays flat.

Names and types lie (WAV is served as `.mp3` under `audio/mpeg`), and an answer without Content-Length that was cut
looks like one that ended; so the file itself is asked.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from recordings.audio.found import Audio
from recordings.audio.mpeg import inspect_mpeg
from recordings.audio.riff import inspect_riff, is_riff

__all__ = ["Audio", "inspect"]


def inspect(file: BinaryIO) -> Audio | None:
    """What a seekable file is; None where it is no audio. Where it is read to afterwards is not said."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    if is_riff(file.read(12)):
        return inspect_riff(file, length)
    return inspect_mpeg(file, length)
