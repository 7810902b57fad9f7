"""Times as people write them."""

from __future__ import annotations

import pytest
from django import forms

from recordings.forms import SpanField, parse_span, span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90 s", 90), ("90s", 90), ("90 seconds", 90), ("15 min", 900), ("15m", 900), ("4 h", 14_400), ("4H", 14_400),
        ("1 h 30 min", 5_400), ("1h30m", 5_400), ("1.5 h", 5_400), ("1,5 h", 5_400), (" 2 h 1 s ", 7_201),
        ("25", 1_500), (" 90 ", 5_400), ("0", 0),
    ],
)  # fmt: skip
def test_a_time_is_understood(text: str, seconds: int) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "25.5", "٢٥", "99999", "h", "1 d", "4 h 4 h", "-4 h", "1:30", "1e3 s", "٤ h", "999999 s"],
)
def test_what_could_mean_anything_is_asked_again(text: str) -> None:
    with pytest.raises(forms.ValidationError):
        parse_span(text)


@pytest.mark.parametrize("seconds", [1, 59, 60, 90, 900, 3_600, 5_400, 14_400, 28_800])
def test_a_time_that_is_shown_is_understood_again(seconds: int) -> None:
    assert parse_span(span(seconds)) == seconds


def test_another_spelling_of_the_same_time_is_no_change() -> None:
    field = SpanField()

    assert not field.has_changed(14_400, "240 min")
    assert field.has_changed(14_400, "3 h")
    assert field.has_changed(14_400, "soon")
