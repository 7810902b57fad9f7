"""The table of threats and failures is whole: each has a defence, and a test or a line that says why not."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINES = re.findall(
    r"^\| ([TF]\d+) \| (.+?) \| (.+) \| (.+?) \|$", (ROOT / "docs/threats.md").read_text(), re.MULTILINE
)


def test_every_threat_and_failure_has_its_line() -> None:
    wanted = [f"T{number}" for number in range(1, 36)] + [f"F{number}" for number in range(1, 28)]
    assert [name for name, *_rest in LINES] == wanted


def test_each_names_a_test_or_says_why_there_is_none() -> None:
    for name, _what, defence, tests in LINES:
        assert re.fullmatch(r"`tests/[\w/]+\.py`(, `tests/[\w/]+\.py`)*", tests) or (
            tests == "none" and defence.startswith(("Not built: ", "Nothing is deleted"))
        ), name
