"""`make bench` measures, in the small: the real code against its baselines, every figure a number."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chromium import find_chromium
from tests.proxy import needs_nginx

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def with_a_prepared_database(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each bench copy a migrated database; one below makes its own, as an operator's does."""
    monkeypatch.setenv("BENCH_PREPARED", str(prepared))


def rows(bench: str, *arguments: str, **env: str) -> dict[str, list[str]]:
    """The table it prints, without its head: the figures of each line by its name."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "CHROMIUM", "BENCH_PREPARED")
        if name in os.environ
    }
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{bench}", *arguments],
        cwd=ROOT, env={**kept, **env}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    return {name: figures for name, *figures in cells}


def numbers(figures: list[str]) -> list[float]:
    return [float(figure.removesuffix("×")) for figure in figures if figure]


def test_archiving_is_measured_against_a_socket_and_the_plainest_code() -> None:
    found = rows(
        "archive", "--rounds", "1", "--hours", "0.05", "--many", "3", "--late", "8", "--latency", "5"
    )

    assert list(found) == [
        "WAV of 0.05 h",
        "MP3 of 0.05 h",
        "3 MP3s of 1 min, 4 at once",
        "8 of 500 KB, 5 ms, 8 at once",
    ]
    for figures in found.values():
        socket, plainest, kept, drawn, decoded, _of_socket, _of_plainest, peak = numbers(figures)
        assert socket > 0
        assert plainest > 0
        assert kept >= drawn > 0
        assert decoded > 0
        if Path("/proc/self/status").exists():
            assert 0 < peak < 20


def test_a_slice_is_measured_against_a_stock_file_response() -> None:
    found = rows(
        "playback", "--rounds", "1", "--megabytes", "1", "--hours", "0.01",
        CHROMIUM="/there/is/none", BENCH_PREPARED="",
    )  # fmt: skip

    assert list(found) == ["64 KiB of 1 MB, requests/s"]
    assert all(figure > 0 for figure in numbers(found["64 KiB of 1 MB, requests/s"]))


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine")
def test_the_first_sound_is_measured_in_a_browser() -> None:
    found = rows("playback", "--rounds", "1", "--megabytes", "1", "--hours", "0.01")

    assert numbers(found["0.01 h, click to first sound, ms"])[1] > 0
    assert numbers(found["0.01 h, page and picture, ms"])[0] > 0


def test_callbacks_are_measured_against_a_bare_view() -> None:
    found = rows("callbacks", "--rounds", "1", "--count", "16", "--connections", "2")

    assert list(found) == ["portal", "bare", "portal : bare"]
    for name in ("portal", "bare"):
        assert all(figure > 0 for figure in numbers(found[name]))


def test_lists_are_measured_against_stock_admin_and_rows_by_key() -> None:
    found = rows("lists", "--rows", "300", "--repeat", "1", "--only", "recordings, page 1")

    superuser, member, stock, *_ratios, by_key, over = found["recordings, page 1"]
    assert all(re.fullmatch(r"\d+ \(\d+\)", cost) for cost in (superuser, member, stock, by_key))
    assert re.fullmatch(r"[\d.]+× \([\d.]+×\)", over)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells what a process uses")
def test_an_idle_worker_is_measured() -> None:
    found = rows("worker", "--rows", "300", "--seconds", "2", "--settling", "5")

    own, _all, memory = numbers(found["300 recordings"])
    assert own >= 0
    assert 20 < memory < 400


def test_syncs_are_measured_against_pages_one_after_another() -> None:
    found = rows("sync", "--rows", "300", "--sample", "100", "--latency", "1")

    assert list(found) == ["first", "unchanged", "a day later"]


@needs_nginx
def test_callbacks_are_measured_while_passwords_are_guessed() -> None:
    found = rows("attack", "--guessers", "2", "--seconds", "1", "--guesses", "0")

    assert list(found) == ["without a proxy", "behind nginx"]
    assert all(numbers(figures)[1] >= 1 for figures in found.values())


def test_make_lists_it() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert re.search(r"^make bench ", said, re.MULTILINE)
