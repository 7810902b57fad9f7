"""One phone number in any spelling is one number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.numbers import format_number, normalize_number


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
        ("6563330147", "6563330147"),
        ("06563330147", "916563330147"),
        ("14155552671", "14155552671"),
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
        ("6563330147", "+65 6333 0147"),
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
