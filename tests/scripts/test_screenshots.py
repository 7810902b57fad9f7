"""The README's pictures: each there, each small, each made by `make screenshots` and by nothing else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from scripts.screenshots import FOLDER, MOST_BYTES, PICTURES

ROOT = Path(__file__).parents[2]


def test_the_readme_shows_just_the_pictures_that_are_made() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(docs/pictures/([a-z-]+)\.webp\)", (ROOT / "README.md").read_text())

    made = sorted(picture.name for picture in PICTURES)
    assert sorted(shown) == made
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.webp" for name in made}


def test_each_picture_is_small() -> None:
    for path in FOLDER.iterdir():
        assert 1_000 < path.stat().st_size <= MOST_BYTES, path.name


def test_they_show_day_and_night_and_a_telephone() -> None:
    assert {picture.scheme for picture in PICTURES} == {"light", "dark"}
    assert {picture.width for picture in PICTURES} == {1280, 390}


def test_make_lists_how_they_are_made() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "make screenshots" in said
