"""Names of files in the archive: ours alone, so that nothing Vobiz says ever becomes part of a path."""

from __future__ import annotations

import re
import uuid

EXTENSION = re.compile(r"[a-z0-9]{1,8}", re.ASCII)
_NAME = re.compile(rf"([0-9a-f]{{2}})/([0-9a-f]{{2}})/\1\2[0-9a-f]{{28}}\.{EXTENSION.pattern}", re.ASCII)


def new_name(extension: str) -> str:
    """Return `ab/cd/abcd….mp3`: an unguessable name for a file whose true format has this extension."""
    if not EXTENSION.fullmatch(extension):
        raise ValueError("This is no extension.")
    key = uuid.uuid4().hex
    return f"{key[:2]}/{key[2:4]}/{key}.{extension}"


def is_name(name: str) -> bool:
    """Whether it is one of ours."""
    return _NAME.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """`name`, or ValueError where it is not one of ours."""
    if not is_name(name):
        raise ValueError("This is not a name in the archive.")
    return name
