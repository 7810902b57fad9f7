"""Every path that the documents name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# In backquotes, with a slash or a known ending: `recordings/mirror.py`, `callbacks/payload.py`, `docs/adr/`.
QUOTED = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/?)`")
LINK = re.compile(r"\]\(([^)#:]+?)(?:#[\w-]*)?\)")
ENDINGS = (".py", ".md", ".toml", ".html", ".css", ".js", ".sh")
# Short for a path in the app, as in docs/architecture.md.
BASES = (ROOT, ROOT / "recordings")
# What exists only once the portal runs, or in another project.
ELSEWHERE = {"var/demo", "var/demo/settings.env", "var/sandbox.json"}


def named_paths(text: str) -> set[str]:
    quoted = {
        path
        for path in QUOTED.findall(text)
        if path.endswith(ENDINGS) or (path.endswith("/") and "/" in path[:-1])
    }
    return {path for path in quoted if not path.startswith(("/", "."))} - ELSEWHERE


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_in_it_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    missing = {path for path in named_paths(text) if not any((base / path).exists() for base in BASES)}
    missing |= {link for link in LINK.findall(text) if not (document.parent / link).exists()}
    assert missing == set()


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "adr"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}
