"""Fields inside of objects: some of Vobiz's deliveries wrap what counts in `data`, `recording` and the like."""

from __future__ import annotations

import re
from collections.abc import Mapping

from recordings.callbacks.body import UnreadableBodyError, as_text, json_object
from recordings.callbacks.field_aliases import (
    FIELD_NAME_LENGTH,
    inner_name,
    is_wrapper,
    max_length,
    truncate,
)
from recordings.vobiz.wire import storable

MAX_LEVELS = 2
_BRACKETED = re.compile(r"(\w{1,64})(?:\[(?=\w{1,64}\])|\.(?=\w{1,64}$))([A-Za-z_]\w{0,63})\]?")


def flatten(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields together with those inside of wrappers, MAX_LEVELS deep.

    A field outside stands before one inside with the same name, unless it is empty.
    """
    found = _unbracketed(fields)
    level = dict(found)
    for _depth in range(MAX_LEVELS):
        inner: dict[str, str] = {}
        for wrapper, value in level.items():
            if (wrapped := _wrapped(wrapper, value)) is None:
                continue
            if found.get(wrapper) == value:
                del found[wrapper]
            for name, text in wrapped.items():
                inner[name] = inner.get(name) or text
        for name, text in inner.items():
            found[name] = found.get(name) or text
        if not inner:
            break
        level = inner
    return found


def _unbracketed(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields with `data[text]` and `data.text`, as forms write what is inside of a wrapper, by its name."""
    found: dict[str, str] = {}
    for given, value in fields.items():
        match = _BRACKETED.fullmatch(given)
        name = given
        if match and is_wrapper(match[1]):
            name = inner_name(match[1], match[2])
        found[name] = found.get(name) or value
    return found


def _wrapped(wrapper: str, value: str) -> dict[str, str] | None:
    """Return the fields that a wrapper holds, bounded as those of a body are; None where it holds no object."""
    if not is_wrapper(wrapper) or value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        held = json_object(value)
    except UnreadableBodyError:
        return None
    fields = {}
    for given, inside in held.items():
        name, text = inner_name(wrapper, storable(given)), storable(as_text(inside))
        limit = max_length(name)
        if len(name) <= FIELD_NAME_LENGTH and len(text) <= (limit or len(text)):
            fields[name] = text if limit else truncate(text)
    return fields
