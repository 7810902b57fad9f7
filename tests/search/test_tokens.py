"""One tokenizer for rows and queries, whatever the script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.tokens import tokenize, tokens_text


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Where is my parcel?", ["where", "is", "my", "parcel"]),
        ("re-sent it's", ["re", "sent", "it", "s"]),
        ("priya.rao@example.in", ["priya", "rao", "example", "in"]),
        ("₹1,500 and 3.14", ["1", "500", "and", "3", "14"]),
        ("नमस्ते, क्या पार्सल", ["नमस्ते", "क्या", "पार्सल"]),
        ("வணக்கம்", ["வணக்கம்"]),
        ("السلام عليكم", ["السلام", "عليكم"]),
        ("१२३ and ٣", ["123", "and", "3"]),
        ("ＡＢＣ ﬁne Straße", ["abc", "fine", "strasse"]),
        ("a_b", ["a", "b"]),
        ("\u0301 \u200d ?", []),
        ("", []),
    ],
)
def test_a_text_has_these_tokens(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@given(st.text(max_size=300))
def test_tokens_are_stable_and_separated_by_one_space(text: str) -> None:
    stored = tokens_text(text)
    assert stored is not None
    assert tokens_text(stored) == stored
    assert "  " not in stored
    assert not {"'", '"', "*", ":", "\\", "\x00"} & set(stored)


def test_no_text_has_no_tokens() -> None:
    assert tokens_text(None) is None
