"""Every command's --help: a sentence, examples that its own parser takes, and its exit codes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from recordings.management.documented_command import DocumentedCommand

ROOT = Path(__file__).parents[2]
OURS = {
    name: str(app)
    for name, app in get_commands().items()
    if str(app) in ("recordings", "vobiz_portal.sandbox")
}


def command_of(name: str) -> DocumentedCommand:
    command = load_command_class(OURS[name], name)
    assert isinstance(command, DocumentedCommand)
    return command


@pytest.mark.parametrize("name", sorted(OURS))
def test_help_has_a_sentence_examples_and_exit_codes(name: str) -> None:
    command = command_of(name)
    page = command.create_parser("manage.py", name).format_help()

    assert re.match(r"[A-Z].*\.$", command.help)
    assert f"examples:\n  manage.py {name}" in page
    codes = page.partition("exit codes:\n")[2]
    assert [int(code) for code in re.findall(r"^  (\d+)", codes, re.MULTILINE)] == sorted(
        command.exit_codes()
    )


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_examples_are_accepted(name: str) -> None:
    command = command_of(name)
    parser = command.create_parser("manage.py", name)
    for example in command.examples:
        parser.parse_args(shlex.split(example))


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_option_is_explained(name: str) -> None:
    parser = command_of(name).create_parser("manage.py", name)
    assert [action.dest for action in parser._actions if not action.help] == []


def test_the_readme_explains_every_command_and_no_other() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("\n## Commands\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([a-z_]+)\b", row)} == OURS.keys()
