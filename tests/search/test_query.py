"""What was typed in the search box, and how it can be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.search.query import Reading, parse_query

NUMBER, ID, WORDS, NAME, AREA = Reading.NUMBER, Reading.ID, Reading.WORDS, Reading.NAME, Reading.AREA


@pytest.mark.parametrize(
    ("typed", "readings"),
    [
        ("+91 80713 87423", (NUMBER, WORDS)),
        ("08071387423", (NUMBER, WORDS, ID)),
        ("387423", (NUMBER, WORDS, ID)),
        ("74", (WORDS,)),
        ("000", (WORDS,)),
        ("123", (WORDS,)),
        ("from:+918071387423", (NUMBER,)),
        ("parcel", (WORDS, NAME, ID)),
        ("lost parcel", (WORDS, NAME)),
        ("bengaluru", (WORDS, AREA, NAME, ID)),
        ("New Delhi", (WORDS, AREA, NAME)),
        ("from: Bangalore", (AREA, NAME)),
        ("9d80c70a-aeab-4db5", (ID, WORDS, NAME)),
        ("०८०७१३८७४२३", (NUMBER, WORDS)),
        ("sip:lobby@trunk", (WORDS, NAME)),
        ("sip:+918071387423@trunk", (NUMBER, WORDS, NAME)),
        ("?!", ()),
        ("", ()),
    ],
)
def test_the_likeliest_reading_comes_first(typed: str, readings: tuple[Reading, ...]) -> None:
    assert parse_query(typed).readings == readings


@pytest.mark.parametrize(
    "typed",
    [
        "+91 80713 87423", "08071387423", "80713-87423", "०८०७१३८७४२३", "080", "०८०", "०80", "8071387423 x12",
        "8071387423;ext=5", "*31#8071387423", "８０７１３８７４２３", "00918071387423", "07138", "tel:+91-80-71387423",
        "sip:+918071387423@h;user=phone", '"Priya" <sip:08071387423@h>', "8071387423@10.0.0.5", "\uff0b918071387423",
        "\u200e+918071387423\u200f", "+91\u20118071387423", "'918071387423", "918071387423.0", "091 8071387423",
        "8071387423,12#", "from:tel:8071387423",
    ],
)  # fmt: skip
def test_every_spelling_of_a_number_looks_for_digits_that_its_row_has(typed: str) -> None:
    assert parse_query(typed).digits
    assert all(digits in "918071387423" for digits in parse_query(typed).digits)


def test_a_side_is_asked_for_in_front() -> None:
    query = parse_query("To: 387423")
    assert (query.side, query.digits) == ("to", ("387423",))


def test_quotes_make_a_phrase_and_a_star_a_prefix() -> None:
    query = parse_query('"lost parcel" re-send refun*')
    assert query.phrases == (("lost", "parcel"), ("re", "send"), ("refun",))
    assert query.prefix


@given(st.text(max_size=400))
def test_whatever_is_typed_can_be_read(typed: str) -> None:
    query = parse_query(typed)
    assert len(query.text) <= 200
    assert all(digits.isascii() and digits.isdigit() for digits in query.digits)
