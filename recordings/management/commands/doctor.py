"""Check the whole portal as an operator would by hand, and name the cure of what is wrong."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.db import DatabaseError, InterfaceError

from recordings import doctor
from recordings.management.portal_command import PortalCommand
from recordings.models import Account
from recordings.overview.problems import problems
from recordings.problem import Problem

MARKS = {"ok": "✓", "warning": "!", "failed": "×", "skipped": "-"}


class Command(PortalCommand):
    """The command `doctor`."""

    help = (
        "Check settings, files, database, worker, storage, the public address with its proxy, Vobiz, e-mail, and "
        "whether a callback would arrive. Prints one line for each, with the cure of what is wrong. Changes nothing."
    )
    examples = ("", "--json", "--only callbacks", "--only 'public address' --only certificate")
    done = "nothing failed; there may be warnings, and current problems of the work"
    failure = "a check failed; its line says what to do"
    requires_migrations_checks = False
    requires_system_checks = ()  # they are its first check

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument(
            "--only", metavar="CHECK", action="append", choices=list(doctor.CHECKS),
            help="only this check, and no problems; may be given again",
        )  # fmt: skip

    def act(self, **options: Any) -> None:
        """Run the checks, then list the current problems."""
        found = []
        for name, finding in doctor.examine(options["only"] or ()):
            found.append({"check": name, **asdict(finding)})
            self._say(f"{MARKS[finding.state]} {name}: {finding.words}", finding.cure)
        current = [] if options["only"] else _current_problems()
        accounts = Account.objects.in_bulk([one.account for one in current if one.account])
        for problem in current:
            whose = f"{accounts[problem.account].auth_id}: " if problem.account in accounts else ""
            why = f" ({problem.said})" if problem.said else ""
            self._say(f"! problem: {whose}{problem.cause}.{why}", problem.cure)
        count = sum(one["state"] == doctor.State.FAILED for one in found)
        document = {
            "ok": not count, "checks": found,
            "problems": [
                {
                    "code": one.code, "account": accounts[one.account].auth_id if one.account in accounts else None,
                    "since": one.since, "words": one.cause, "cure": one.cure,
                }
                for one in current
            ],
        }  # fmt: skip
        findings = f"{count} {'finding' if count == 1 else 'findings'} to cure."
        checked = len({one["check"] for one in found})
        self.report(document, f"{checked} checks made.", failed=findings if count else None)

    def _say(self, line: str, cure: str) -> None:
        if not self.as_json:
            self.stdout.write(line)
            if cure:
                self.stdout.write(f"    → {cure}")


def _current_problems() -> list[Problem]:
    """Return what the overview shows; nothing where the database is away, which a check has said."""
    try:
        return problems()
    except (DatabaseError, InterfaceError):
        return []
