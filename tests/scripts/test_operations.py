"""docs/operations.md names only what is there: commands, options, settings, and the README's own server line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).parent.parent.parent
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
CALLED = re.compile(r"(?<![-/\w])(?:manage\.py|portal) ([a-z]+(?:_[a-z]+)*)((?: --[a-z-]+)*)(?=[\s`]|$)")
SETTING = re.compile(r"^([A-Z][A-Z0-9_]+)=", re.MULTILINE)
SERVER = re.compile(r"waitress-serve [^`]*?vobiz_portal\.wsgi:application")


def called() -> list[tuple[str, tuple[str, ...]]]:
    code = re.findall(r"```.*?```|`[^`\n]+`", OPERATIONS, re.DOTALL)
    found = {(name, tuple(options.split())) for name, options in CALLED.findall("\n".join(code))}
    return sorted(found)


def flags(text: str) -> list[str]:
    (line,) = {" ".join(found.replace("\\\n", " ").split()) for found in SERVER.findall(text)}
    return line.split()


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


def test_the_web_server_is_started_as_in_the_readme() -> None:
    assert flags(OPERATIONS) == flags((ROOT / "README.md").read_text(encoding="utf-8"))
