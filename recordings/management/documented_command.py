"""The base class of every command: `--help` with examples and exit codes. It knows nothing of the portal's data."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter

FAILED, USAGE = 1, 2
LEADING = re.compile(r" *(?:\d+ +)?")  # a line's indent and exit code, under which its second line begins


class HelpFormatter(DjangoHelpFormatter):
    """A formatter that keeps the line breaks of the examples and exit codes; argparse joins all lines to one."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = []
        for line in text.splitlines():
            hanging = indent + " " * len(LEADING.match(line)[0])  # type: ignore[index] # it matches every line
            lines.append(textwrap.fill(line, width, initial_indent=indent, subsequent_indent=hanging))
        return "\n".join(lines)


class DocumentedCommand(BaseCommand):
    """A command whose `--help` ends with examples and the meaning of its exit codes."""

    examples: tuple[str, ...]
    """Arguments of useful calls, without the command's name."""
    done: str
    """The meaning of exit code 0."""
    failure: str
    """The meaning of exit code 1."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return Django's parser with the examples and exit codes below the options."""
        examples = [f"  manage.py {subcommand} {arguments}".rstrip() for arguments in self.examples]
        codes = [f"  {code:<4} {meaning}" for code, meaning in sorted(self.exit_codes().items())]
        epilog = "\n".join(["examples:", *examples, "", "exit codes:", *codes])
        return super().create_parser(
            prog_name, subcommand, formatter_class=HelpFormatter, epilog=epilog, **kwargs
        )

    def exit_codes(self) -> dict[int, str]:
        """Return the meaning of each exit code."""
        return {0: self.done, FAILED: self.failure, USAGE: "an option or a setting is wrong"}
