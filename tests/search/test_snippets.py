"""The words around a match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.search.query import parse_query
from recordings.search.snippets import LONGEST, snippet


@pytest.mark.parametrize(
    ("typed", "text", "marked"),
    [
        ("parcel", "Where is my Parcel, please? The parcel!", ["Parcel", "parcel"]),
        ("parc*", "Two parcels.", ["parcels"]),
        ("re-sent", "It was re-sent.", ["re", "sent"]),
        ("पार्सल", "क्या आपका पार्सल आया?", ["पार्सल"]),
        ("₹1,500", "refund of ₹1,500 today", ["₹1", "500"]),
        ("nowhere", "Where is my parcel?", []),
    ],
)
def test_the_matching_words_are_marked(typed: str, text: str, marked: list[str]) -> None:
    assert [part.text for part in snippet(text, parse_query(typed)) if part.matches] == marked


def test_a_long_text_is_cut_around_the_first_match() -> None:
    text = "word " * 500 + "needle " + "word " * 500
    parts = snippet(text, parse_query("needle"))
    shown = "".join(part.text for part in parts)
    assert "needle" in shown
    assert len(shown) <= LONGEST + 4
    assert shown.startswith("… word ")
    assert shown.endswith("word …")


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    shown = "".join(part.text for part in snippet("needle," + "語" * 500, parse_query("needle")))
    assert (len(shown), shown[-2:]) == (LONGEST + 2, " …")


@given(st.text(max_size=300), st.text(max_size=40))
def test_what_is_shown_is_part_of_the_text(text: str, typed: str) -> None:
    shown = "".join(part.text for part in snippet(text, parse_query(typed)))
    assert shown.removeprefix("… ").removesuffix(" …") in text
