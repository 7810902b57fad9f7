"""Names of files in the archive: ours alone, so that nothing Vobiz says ever becomes part of a path."""

from __future__ import annotations

import re
import uuid

from recordings.audio.formats import EXTENSIONS

_NAME = re.compile(
    rf"([0-9a-f]{{2}})/([0-9a-f]{{2}})/\1\2[0-9a-f]{{28}}\.(?:{'|'.join(sorted(EXTENSIONS))})", re.ASCII
)


def new_name(extension: str) -> str:
    """Return `ab/cd/abcd….mp3`: an unguessable name for a file whose true format has this extension."""
    if extension not in EXTENSIONS:
        raise ValueError("This is no extension of an audio file.")
    key = uuid.uuid4().hex
    return f"{key[:2]}/{key[2:4]}/{key}.{extension}"


def is_name(name: str) -> bool:
    """Return whether `name` has the form of `new_name`."""
    return _NAME.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """Return `name`; raise ValueError where it has not the form of `new_name`."""
    if not is_name(name):
        raise ValueError("This is not a name in the archive.")
    return name
