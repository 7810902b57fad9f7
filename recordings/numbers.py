"""Phone numbers: normalised for search, formatted for people, written as E.164 for what leaves the portal."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers
from django.conf import settings
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

# Raised when the rules below change: the worker then normalises the numbers of every call again, in batches.
NUMBERS_VERSION = 1
LONGEST = 32  # digits
LONGEST_WRITTEN = 512  # characters that are looked at
# After a number: `;ext=12`, `x12`, `(ext. 12)`, `extn 12`, `#12`; digits after a pause: `,,12#`, `p12`, `w12`, `~12`
_EXTENSION = re.compile(
    r"(?:;\s*ext\s*=|(?<=\d)\s*\(?\s*(?:ext(?:ensio)?n?\.?|x|#|[pw,;~]+))\s*\d{1,8}\s*#?\s*\)?\s*$",
    re.IGNORECASE,
)
# *31# hides the caller's number for one call, *67 does in America, **21*…# forwards
_SERVICE_PREFIX = re.compile(r"^[*#]+\d{1,4}(?:[*#]+|\s+)|^\*\d\d(?=\d{10})")
_SCHEME = re.compile(r"^\s*(?:sips?|tel|callto):", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"<([^<>]*)>")  # "Priya" <sip:…>
_CONTEXT = re.compile(r";\s*phone-context=(\+\d{1,3})(?!\d)", re.IGNORECASE)
_PARAMETER = re.compile(r";\s*(?!ext\s*=)[a-z][a-z-]*(?:=[^;]*)?", re.IGNORECASE)
_QUOTES = " \t\r\n'\"=`"  # that spreadsheets put around a number
_AS_DECIMAL = re.compile(r"(?<=\d{6})\.0+$")  # a spreadsheet's number
_BETWEEN = re.compile(r"[/|,;]")  # two numbers in one field
SHORTEST_OF_TWO = 7  # digits
_LETTER = re.compile(r"[^\W\d_]")

# India's large areas by their national prefix: each with the names it is known by.
AREAS = {
    "80": ("Bengaluru", "Bangalore"), "22": ("Mumbai", "Bombay"), "11": ("Delhi", "New Delhi"),
    "33": ("Kolkata", "Calcutta"), "44": ("Chennai", "Madras"), "40": ("Hyderabad",), "20": ("Pune",),
    "79": ("Ahmedabad",), "141": ("Jaipur",), "172": ("Chandigarh",), "484": ("Kochi", "Ernakulam"),
    "471": ("Thiruvananthapuram", "Trivandrum"), "422": ("Coimbatore",), "522": ("Lucknow",), "512": ("Kanpur",),
    "712": ("Nagpur",), "731": ("Indore",), "755": ("Bhopal",), "261": ("Surat",), "265": ("Vadodara",),
    "821": ("Mysuru", "Mysore"), "824": ("Mangaluru", "Mangalore"), "891": ("Visakhapatnam",),
    "866": ("Vijayawada",), "612": ("Patna",), "674": ("Bhubaneswar", "Bhubaneshwar"), "361": ("Guwahati",),
    "124": ("Gurugram", "Gurgaon"), "542": ("Varanasi",), "452": ("Madurai",), "651": ("Ranchi",),
    "161": ("Ludhiana",),
}  # fmt: skip
AREA_NAMES = tuple(sorted(names[0] for names in AREAS.values()))
_PREFIX_OF = {name.casefold(): prefix for prefix, names in AREAS.items() for name in names}
_MOBILES_FROM = {"79": "6"}  # where mobile numbers begin earlier than with 8
_AFTER_DIGITS = ":"  # follows 9 in every order of characters


def area_named(text: str) -> str | None:
    """Return the name of the area that `text` names by any of its names; None where it names none of AREAS."""
    prefix = _PREFIX_OF.get(text.strip().casefold())
    return None if prefix is None else AREAS[prefix][0]


def area_range(text: str) -> tuple[str, str]:
    """Return the E.164 digits at which an area's numbers begin and end, the end not included. ValueError: no area.

    `text`: a city of AREAS, or a prefix: `080` in the portal's region, `+44 20` abroad. The library's own table of
    areas costs 100 MB of memory; a test holds AREAS to it. Behind an Indian prefix a fixed line begins with 2 to 7,
    which tells it from a mobile number of the same digits.
    """
    if prefix := _PREFIX_OF.get(text.strip().casefold()):
        return f"91{prefix}2", f"91{prefix}{_MOBILES_FROM.get(prefix, '8')}"
    digits = re.sub(r"[\s()./-]", "", text)
    is_abroad = digits.startswith("+")
    digits = digits.removeprefix("+") if is_abroad else digits.lstrip("0")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > LONGEST:
        raise ValueError(text)
    if not is_abroad:
        digits = f"{phonenumbers.country_code_for_region(settings.DEFAULT_REGION)}{digits}"
    return digits, digits + _AFTER_DIGITS


def normalize_number(number: str | None, region: str | None = None) -> str | None:
    """Return the number as E.164 digits without `+` where it is one, else its own digits, else None.

    Vobiz leaves out the `+` and writes national numbers with a leading 0 (quirk 7). So a number without `+` is read as
    one of `region` (two letters; None: DEFAULT_REGION) where that is valid, else as international:
    `18002095577` is toll-free in India. Extensions and service prefixes are left out; digits of any script count.
    """
    if not number:
        return None
    written = dialled(number)
    parsed = None if _LETTER.search(written) else _parse(written, (region or settings.DEFAULT_REGION).upper())
    if parsed is not None:
        return f"{parsed.country_code}{phonenumbers.national_significant_number(parsed)}"
    return re.sub(r"\D", "", written)[:LONGEST] or None


def format_number(number: str | None, digits: str | None = None) -> str:
    """Return the number the way its country writes it (`+91 96247 05678`); as given where it is not one.

    `digits`: as `normalize_number` stored them, which knows the account's region.
    """
    return _formatted(number, digits, PhoneNumberFormat.INTERNATIONAL) or number or ""


def e164_number(number: str | None, digits: str | None = None) -> str | None:
    """Return the number as E.164 with its `+` where it is known to be one; as given where it is not."""
    return _formatted(number, digits, PhoneNumberFormat.E164) or number


def without_extras(number: str) -> str:
    """Return the number without service prefix and extension."""
    return _SERVICE_PREFIX.sub("", _EXTENSION.sub("", number)).strip().rstrip("#")


def area_digits(digits: str) -> str | None:
    """Return `9180` for `080`: the digits of an area code, as numbers of DEFAULT_REGION have them; None for others."""
    if not digits.startswith("0") or not digits.strip("0"):
        return None
    code: int = phonenumbers.country_code_for_region(settings.DEFAULT_REGION)
    return f"{code}{digits.lstrip('0')}" if code else None


def _formatted(number: str | None, digits: str | None, form: int) -> str | None:
    """Return the number of the stored digits; None for a SIP address, whatever digits it holds, and for no number."""
    if not number or _LETTER.search(dialled(number)):
        return None
    digits = digits or normalize_number(number)
    return _number_of(digits, form) if digits else None


@lru_cache(maxsize=8_192)
def _number_of(digits: str, form: int) -> str | None:
    """Format E.164 digits, cached: a list shows the same numbers again, and parsing them was a tenth of its page."""
    parsed = _valid(f"+{digits}", None)
    if parsed is None:
        return None
    in_area = _area_number(digits) if form == PhoneNumberFormat.INTERNATIONAL else None
    return in_area or phonenumbers.format_number(parsed, form)


def _area_number(digits: str) -> str | None:
    """Return `+91 80 7138 7423` for a fixed line of AREAS: the library writes lines of one city in two ways."""
    for prefix in (digits[2:4], digits[2:5]):
        if digits.startswith("91") and prefix in AREAS and len(digits) == 12:
            line = digits[2 + len(prefix) :]
            if "2" <= line[0] < _MOBILES_FROM.get(prefix, "8"):
                return f"+91 {prefix} {line[:-4]} {line[-4:]}"
    return None


@lru_cache(maxsize=8_192)
def dialled(number: str) -> str:
    """Return the number itself, in ASCII: without display name, scheme, host, parameters, service prefix, extension.

    Of two numbers the first. What a phone number cannot hold, a name or a word, stays as it is.
    """
    text = _plain(number[:LONGEST_WRITTEN])
    if bracketed := _IN_BRACKETS.search(text):
        text = bracketed[1]
    if "%" in text:
        text = unquote(text)
    text = _SCHEME.sub("", text.strip(_QUOTES))
    context = _CONTEXT.search(text)
    user = re.sub(r"(?<=\d):.*", "", _PARAMETER.sub("", text.split("@", 1)[0]))  # a password, or a port
    user = _AS_DECIMAL.sub("", without_extras(_first_of_two(user)))
    if context and user[:1].isdigit():
        return context[1] + user.lstrip("0")
    return user


def _first_of_two(text: str) -> str:
    parts = _BETWEEN.split(text)
    if len(parts) > 1 and all(len(re.sub(r"\D", "", part)) >= SHORTEST_OF_TWO for part in parts):
        return parts[0]
    return text


def _plain(number: str) -> str:
    """Return the text with ASCII digits, hyphens and blanks, and without marks of direction."""
    if number.isascii():
        return number
    return "".join(map(_plain_character, unicodedata.normalize("NFKC", number)))


def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Cf":
        return ""
    return "-" if category == "Pd" or character == "\N{MINUS SIGN}" else character


@lru_cache(maxsize=8_192)
def _parse(written: str, region: str) -> PhoneNumber | None:
    """Parse a number, cached: a sync sees the same numbers again, and parsing is a hundred times slower."""
    if written.startswith("+") and (parsed := _valid(written, None)):
        return parsed
    digits = re.sub(r"\D", "", written)
    # `091 …`: a trunk prefix before the country's code
    found = None if written.startswith("+") else _valid(written, region) or _valid(f"+{digits}", None)
    return found or _valid(f"+{digits.lstrip('0')}", None)


def _valid(spelling: str, region: str | None) -> PhoneNumber | None:
    try:
        parsed = phonenumbers.parse(spelling, region)
    except NumberParseException:
        return None
    return parsed if phonenumbers.is_valid_number(parsed) else None
