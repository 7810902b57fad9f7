"""Phone numbers: normalised for search, and formatted for people."""

from __future__ import annotations

import re

import phonenumbers
from django.conf import settings

DIGITS = re.compile(r"[0-9]+")


def normalize_number(number: str | None) -> str | None:
    """Return the number as E.164 digits without `+` where it is one, else its own digits, else None.

    `+919624705678`, `919624705678` and `09624705678` are one number; `sip:agent7@pbx` keeps its `7`. Vobiz leaves out
    the `+` and writes national numbers with a leading 0 (quirk 7), so without one a country code is looked for first.
    """
    if not number:
        return None
    user_part = number.split("@", 1)[0]
    bare = "".join(DIGITS.findall(user_part))[:32]
    if not bare:
        return None
    written = user_part.removeprefix("sip:").removeprefix("tel:")
    if not re.search(r"[A-Za-z]", written):
        spellings = (written, f"+{bare}") if bare.startswith("0") else (f"+{bare}", written)
        for spelling in spellings:
            try:
                parsed = phonenumbers.parse(spelling, settings.DEFAULT_REGION)
            except phonenumbers.NumberParseException:
                continue
            if phonenumbers.is_valid_number(parsed):
                return f"{parsed.country_code}{phonenumbers.national_significant_number(parsed)}"
    return bare


def format_number(number: str | None) -> str:
    """Return the number the way its country writes it (`+91 96247 05678`); as given where it is not one."""
    digits = normalize_number(number)
    if not number or not digits:
        return number or ""
    try:
        parsed = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return number
    if not phonenumbers.is_valid_number(parsed):
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
