"""The version of the portal, which a report of a fault should name."""

from __future__ import annotations

import tomllib
from pathlib import Path

from django.test import Client

ROOT = Path(__file__).parents[2]


def test_every_page_ends_with_the_version_of_the_project(boss: Client) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for page in ("/admin/", "/admin/recordings/recording/"):
        footer = boss.get(page).content.decode().partition("<footer")[2].partition("</footer>")[0]
        assert f"Vobiz Portal {version}" in footer


def test_the_changelog_has_a_section_for_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
