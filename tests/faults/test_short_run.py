"""The short form of the fault harness; CONTRIBUTING.md names the long one."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from tests.faults import harness
from tests.faults.rig import clock_library

pytestmark = [pytest.mark.once, pytest.mark.long(waits=True)]  # the long form runs on both databases

SEED, SECONDS = 14, 12.0


def test_nothing_is_lost_doubled_stuck_or_hidden(tmp_path: Path, prepared: Path) -> None:
    if clock_library() is None:
        pytest.skip(
            "no C compiler, which makes the library that sets clocks wrong: apt-get install gcc libc6-dev"
        )
    figures = harness.run(
        tmp_path,
        seed=SEED,
        seconds=SECONDS,
        database=connection.vendor,
        is_short=True,
        prepared=prepared,
        say=lambda _what: None,
    )
    assert figures.is_clean, figures.as_json()
    assert figures.counts["callbacks acknowledged"] > 0
    assert figures.counts["starts that reached Vobiz"] > 0
    assert figures.counts["files archived and compared"] > 0
