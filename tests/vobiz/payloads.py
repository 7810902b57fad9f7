"""Captured and documented bodies, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "payloads"


def payload(name: str) -> Any:
    """The JSON document `tests/payloads/<name>.json`."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
