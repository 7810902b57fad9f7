"""Runs a command of the portal again and again, each time in a process of its own that is there at once.

Django is imported once; each line on stdin forks a child that runs the command given on the command line. The child's
pid is written on stdout, and its exit status (negative: the signal that killed it) once it has ended.
"""

from __future__ import annotations

import os
import sys

import django
from django.core.management import call_command, load_command_class


def main(command: str, *arguments: str) -> None:
    """Until stdin ends."""
    django.setup()
    load_command_class("recordings", command)  # and all that it imports
    for _line in sys.stdin:
        pid = os.fork()
        if not pid:
            with open(os.devnull, "w", encoding="ascii") as nowhere:  # noqa: PTH123 - the null device
                call_command(command, *arguments, stdout=nowhere, stderr=nowhere)
            os._exit(0)
        print(pid, flush=True)  # noqa: T201
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
