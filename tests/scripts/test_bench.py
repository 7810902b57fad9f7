"""`make bench` measures, in the small: the real code against its baselines, every figure a number."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chromium import find_chromium

ROOT = Path(__file__).parents[2]


def rows(bench: str, *arguments: str, **env: str) -> dict[str, list[str]]:
    """The table it prints, without its head: the figures of each line by its name."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "CHROMIUM") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{bench}", "--rounds", "1", *arguments],
        cwd=ROOT, env={**kept, **env}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    return {name: figures for name, *figures in cells}


def numbers(figures: list[str]) -> list[float]:
    return [float(figure.removesuffix("×")) for figure in figures if figure]


def test_archiving_is_measured_against_a_socket_and_the_plainest_code() -> None:
    found = rows("archive", "--hours", "0.05", "--many", "3")

    assert list(found) == ["WAV of 0.05 h", "MP3 of 0.05 h", "3 MP3s of 1 min, 4 at once"]
    for figures in found.values():
        socket, plainest, kept, drawn, _of_socket, _of_plainest, peak = numbers(figures)
        assert socket > 0
        assert plainest > 0
        assert kept >= drawn > 0
        if Path("/proc/self/status").exists():
            assert 0 < peak < 20


def test_a_slice_is_measured_against_a_stock_file_response() -> None:
    found = rows("playback", "--megabytes", "1", "--hours", "0.01", CHROMIUM="/there/is/none")

    assert list(found) == ["64 KiB of 1 MB, requests/s"]
    assert all(figure > 0 for figure in numbers(found["64 KiB of 1 MB, requests/s"]))


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine")
def test_the_first_sound_is_measured_in_a_browser() -> None:
    found = rows("playback", "--megabytes", "1", "--hours", "0.01")

    assert numbers(found["0.01 h, click to first sound, ms"])[1] > 0
    assert numbers(found["0.01 h, page and picture, ms"])[0] > 0


def test_make_lists_it() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert re.search(r"^make bench ", said, re.MULTILINE)
