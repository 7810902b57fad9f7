"""What is noted where a callback could not be applied: the reason, and nothing of what anybody said."""

from __future__ import annotations

from django.db import DataError

from recordings.callbacks.failures import words_for


def test_a_database_error_is_noted_without_the_row_it_quotes() -> None:
    quoting = DataError(
        'value too long for column "x"\nDETAIL:  Failing row contains (1, what was said, +9180713).'
    )
    assert words_for(quoting) == 'DataError: value too long for column "x"'


def test_any_other_error_is_noted_in_its_own_words() -> None:
    assert words_for(ValueError("no end")) == "ValueError: no end"
