"""docs/operations.md names only what is there: commands, options, settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).parent.parent.parent
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
CALLED = re.compile(r"(?<![-/\w])(?:manage\.py|portal) ([a-z]+(?:_[a-z]+)*)((?: --[a-z-]+)*)(?=[\s`]|$)")
SETTING = re.compile(r"^([A-Z][A-Z0-9_]+)=", re.MULTILINE)


def called() -> list[tuple[str, tuple[str, ...]]]:
    code = re.findall(r"```.*?```|`[^`\n]+`", OPERATIONS, re.DOTALL)
    found = {(name, tuple(options.split())) for name, options in CALLED.findall("\n".join(code))}
    return sorted(found)


@pytest.mark.parametrize(("name", "options"), called())
def test_every_command_and_option_it_names_exists(name: str, options: tuple[str, ...]) -> None:
    app = get_commands()[name]
    command = load_command_class(app, name) if isinstance(app, str) else app
    parser = command.create_parser("manage.py", name)
    known = {option for action in parser._actions for option in action.option_strings}

    assert set(options) <= known


def test_the_commands_that_keep_a_portal_running_are_all_in_it() -> None:
    named = {name for name, _options in called()}

    assert {
        "worker",
        "sync_recordings",
        "reconcile_recordings",
        "archive_recordings",
        "verify_archive",
    } <= named
    assert {"prune_history", "test_storage", "migrate", "check"} <= named


def test_every_setting_it_gives_is_explained_in_the_example() -> None:
    explained = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert set(SETTING.findall(OPERATIONS)) <= explained | {"ENV_FILE"}
