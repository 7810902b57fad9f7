"""The code uses the field's terms (the glossary of docs/domain.md); words it used before do not come back."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scripts.measure_code import ROOT, sources, words_of

# Each was once the name of what stands beside it. Only whole words of names, comments and docstrings are looked at.
FORMER = {
    "announced": "unmatched", "arrival": "delivery", "chores": "maintenance", "doors": "endpoints",
    "errand": "context", "hand_over": "reassign", "inbox": "deliveries", "keeper": "lease renewer",
    "mischief": "fault injection", "note_heard": "record_delivery", "open_to_strangers": "is_public",
    "patience": "timeout", "put_off": "reschedule", "shelf": "store", "spoken_for": "reserved",
    "take_id": "claim_recording_id", "taking_out": "export", "tally": "counts",
}  # fmt: skip


def former_words(text: str) -> Iterator[str]:
    """Yield each former word in the text, and the term that took its place."""
    for word, term in FORMER.items():
        if re.search(rf"(?<![A-Za-z]){word}(?![A-Za-z])", text, re.IGNORECASE):
            yield f"{word} (say: {term})"


def test_former_words_do_not_come_back() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {word}" for path in sources() for word in former_words(words_of(path))
    ]
    assert found == []


def test_a_former_word_is_found_in_a_name_and_in_a_comment() -> None:
    assert list(former_words("def put_off(row): ...")) == ["put_off (say: reschedule)"]
    assert list(former_words("# the Keeper renews them")) == ["keeper (say: lease renewer)"]
    assert list(former_words("input_offset = announcedly")) == []


def test_no_module_is_named_with_a_former_word() -> None:
    assert [path.name for path in sources() if path.stem in FORMER] == []
