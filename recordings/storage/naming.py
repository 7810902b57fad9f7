"""Names of files in the archive: ours alone, so that nothing Vobiz says ever becomes part of a path."""

from __future__ import annotations

import re
import uuid

CONTAINERS = ("mp3", "wav")
_NAME = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/\1\2[0-9a-f]{28}\.(?:mp3|wav)", re.ASCII)


def new_name(container: str) -> str:
    """`ab/cd/abcd….mp3`: an unguessable name for a file that is truly of this container."""
    if container not in CONTAINERS:
        raise ValueError("Only MP3 and WAV are archived.")
    key = uuid.uuid4().hex
    return f"{key[:2]}/{key[2:4]}/{key}.{container}"


def is_name(name: str) -> bool:
    """Whether it is one of ours."""
    return _NAME.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """`name`, or ValueError where it is not one of ours."""
    if not is_name(name):
        raise ValueError("This is not a name in the archive.")
    return name
