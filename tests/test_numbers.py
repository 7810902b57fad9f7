"""One phone number in any spelling is one number."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.numbers import AREAS, area_range, e164_number, format_number, normalize_number


@pytest.mark.parametrize(
    ("spelling", "digits"),
    [
        ("+919624705678", "919624705678"),
        ("919624705678", "919624705678"),
        ("09624705678", "919624705678"),
        ("9624705678", "919624705678"),
        ("+91 96247-05678", "919624705678"),
        ("tel:+919624705678", "919624705678"),
        ("sip:+919624705678@pbx.example.com", "919624705678"),
        ("+918071387423", "918071387423"),
        ("080 7138 7423", "918071387423"),
        ("+14155550100", "14155550100"),
        ("+6563330147", "6563330147"),
        ("6563330147", "916563330147"),
        ("06563330147", "916563330147"),
        ("18002095577", "9118002095577"),
        ("18602662666", "9118602662666"),
        ("9607712345", "919607712345"),
        ("6591234567", "916591234567"),
        ("9592123456", "919592123456"),
        ("6797012345", "916797012345"),
        ("+9607712345", "9607712345"),
        ("442071838750", "442071838750"),
        ("0014155552671", "14155552671"),
        ("+919624705678;ext=123", "919624705678"),
        ("9624705678x123", "919624705678"),
        ("9624705678 ext. 5", "919624705678"),
        ("+919624705678#77", "919624705678"),
        ("9624705678 extension 5", "919624705678"),
        ("96247 05678 extn 12", "919624705678"),
        ("9624705678,,123", "919624705678"),
        ("9624705678p123", "919624705678"),
        ("+91(0)9624705678", "919624705678"),
        ("*31#9624705678", "919624705678"),
        ("*67 9624705678", "919624705678"),
        ("০৯৬২৪৭০৫৬৭৮", "919624705678"),
        ("#31#+919624705678", "919624705678"),
        ("९६२४७०५६७८", "919624705678"),
        ("٩٦٢٤٧٠٥٦٧٨", "919624705678"),
        ("９６２４７０５６７８", "919624705678"),
        ("14155552671", "14155552671"),
        ("091 9624705678", "919624705678"),
        ("+0919624705678", "919624705678"),
        ("+91(0)96247/05678", "919624705678"),
        ("tel:09624705678;phone-context=+91", "919624705678"),
        ("tel:9624705678;phone-context=example.com", "919624705678"),
        ("sip:+919624705678;user=phone@10.0.0.1", "919624705678"),
        ("sip:9624705678:secret12@pbx.example.com:5060;user=phone", "919624705678"),
        ("sip:%2B919624705678@pbx.example.com", "919624705678"),
        ('"Priya 2" <sip:+919624705678@pbx.example.com>', "919624705678"),
        ("+919624705678;isub=12;postd=34", "919624705678"),
        ("+919624705678;ext=12;user=phone", "919624705678"),
        ("+919624705678 (ext. 12)", "919624705678"),
        ("+919624705678,,12#", "919624705678"),
        ("**21*9624705678#", "919624705678"),
        ("*679624705678", "919624705678"),
        ("\u202a+919624705678\u202c", "919624705678"),
        ("+91\u2011962\u20134705678", "919624705678"),
        ("\uff0b91\u3000\uff19\uff16247\uff0d05678", "919624705678"),
        ("'919624705678", "919624705678"),
        ('="919624705678"', "919624705678"),
        ("919624705678.0", "919624705678"),
        ("96247 05678 / 98765 43210", "919624705678"),
        ("9624705678;9876543210", "919624705678"),
        ("sip:agent7@pbx.example.com", "7"),
        ("sip:lobby@trunk.example.com", None),
        ("1800", "1800"),
        ("anonymous", None),
        ("", None),
        (None, None),
    ],
)
def test_a_spelling_has_these_digits(spelling: str | None, digits: str | None) -> None:
    assert normalize_number(spelling) == digits


@pytest.mark.parametrize(
    ("spelling", "shown"),
    [
        ("919624705678", "+91 96247 05678"),
        ("080 7138 7423", "+91 80 7138 7423"),
        ("+918045123400", "+91 80 4512 3400"),
        ("04842345600", "+91 484 234 5600"),
        ("+917965123456", "+91 79651 23456"),  # a mobile number in the prefix of Ahmedabad
        ("+917922345678", "+91 79 2234 5678"),
        ("+6563330147", "+65 6333 0147"),
        ("18002095577", "+91 1800 209 5577"),
        ("9624705678;ext=123", "+91 96247 05678"),
        ("sip:agent7@pbx", "sip:agent7@pbx"),
        ("1800", "1800"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_number_is_shown_the_way_its_country_writes_it(spelling: str | None, shown: str) -> None:
    assert format_number(spelling) == shown


@given(st.text(max_size=200))
def test_whatever_comes_is_some_digits_or_none(text: str) -> None:
    digits = normalize_number(text)
    assert digits is None or (digits.isascii() and digits.isdigit() and 1 <= len(digits) <= 32)
    format_number(text)


def test_a_long_text_costs_no_time() -> None:
    """A regular expression that goes back and forth took minutes for these."""
    started = time.process_time()
    for text in ("1" * 64_000, "1 -" * 20_000, "1," * 30_000, ";a" * 30_000, "1 (  " * 12_000):
        normalize_number(text)
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("number", "region", "digits"),
    [
        ("2125550123", "US", "12125550123"),
        ("07911 123456", "GB", "447911123456"),
        ("919624705678", "US", "919624705678"),
        ("2125550123", "us", "12125550123"),
        ("0061 2 9374 4000", "AU", "61293744000"),
        ("9624705678", None, "919624705678"),
    ],
)
def test_a_national_number_is_one_of_the_accounts_region(
    number: str, region: str | None, digits: str
) -> None:
    assert normalize_number(number, region) == digits


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("09624705678", "+919624705678"),
        ("919624705678", "+919624705678"),
        ("18002095577", "+9118002095577"),
        ("sip:agent14155550132@pbx", "sip:agent14155550132@pbx"),
        ("1800", "1800"),
        ("anonymous", "anonymous"),
        (None, None),
    ],
)
def test_a_number_leaves_the_portal_as_e164_where_it_is_one(number: str | None, written: str | None) -> None:
    assert e164_number(number, normalize_number(number)) == written


def test_the_stored_digits_decide_how_a_number_is_shown() -> None:
    assert format_number("2125550123", "12125550123") == "+1 212-555-0123"


def test_the_areas_are_those_of_the_library() -> None:
    """The library's table of areas is read here alone, for it takes 100 MB."""
    from phonenumbers import geocoder, parse

    for prefix, names in AREAS.items():
        begins, ends = area_range(names[0])
        for first in range(int(begins[-1]), int(ends[-1])):
            number = f"91{prefix}{first}".ljust(12, "3")
            described = geocoder.description_for_number(parse(f"+{number}"), "en")
            assert any(name.split()[0][:5].casefold() in described.casefold() for name in names), names
