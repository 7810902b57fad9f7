"""The plain search: a number in any spelling, a call UUID, a recording id."""

from __future__ import annotations

import re

from django.db.models import Q

from recordings.numbers import DIGITS, normalize_number

DIALLED = re.compile(r"[\s\d+().\-/]+")  # what people write a number with
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,63}", re.ASCII)
SHORTEST_TEXT, UUID_LENGTH = 3, 32  # characters; what is between may be a SIP name


def number_or_id(term: str, *, call: str, recording: str | None) -> Q:
    """Rows whose call has this number, or whose call UUID or recording id begins so.

    `call` and `recording` are the paths to them: `""` for the model itself, `"call__"`, None where there is none.
    """
    found = Q(pk__in=[])
    if IDENTIFIER.fullmatch(term):
        for spelling in {term, term.lower()}:
            found |= Q(**{f"{call}call_uuid__startswith": spelling})
            if recording is not None:
                found |= Q(**{f"{recording}recording_id__startswith": spelling})
    for digits in _digits(term):
        found |= Q(**{f"{call}from_digits__contains": digits}) | Q(**{f"{call}to_digits__contains": digits})
    if SHORTEST_TEXT <= len(term) < UUID_LENGTH and not DIALLED.fullmatch(term):
        found |= Q(**{f"{call}from_number__icontains": term}) | Q(**{f"{call}to_number__icontains": term})
    return found


def _digits(term: str) -> set[str]:
    """The digits to look for: as a whole number, and as they stand, for they may be a part or another country's.

    A national number's leading zeros are not among those kept.
    """
    digits = normalize_number(term) if DIALLED.fullmatch(term) else None
    if digits is None:
        return set()
    given = "".join(DIGITS.findall(term))
    return {digits, given.lstrip("0") or given}
