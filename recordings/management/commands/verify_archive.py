"""Read archived files again and compare their SHA-256 with the stored one."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from itertools import islice
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from recordings import storage
from recordings.archive import verifying
from recordings.management.documented_command import USAGE
from recordings.management.portal_command import PortalCommand
from recordings.models import Account

MOST_NAMED = 1_000  # files without a row, in the JSON


class Command(PortalCommand):
    """The command `verify_archive`."""

    help = "Read every archived file and compare its SHA-256 with the one stored when it was archived."
    examples = ("", "--limit 1000", "--account MA_PU0XU668 --json")
    done = "every file that was read is unaltered"
    failure = "a file is missing, altered, or could not be read"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument(
            "--account", metavar="AUTH_ID", help="only this account (default: all, also inactive ones)"
        )
        parser.add_argument(
            "--limit", type=int, metavar="N", help="at most this many files, least recently verified first"
        )
        parser.add_argument(
            "--mark-many", action="store_true", help="mark missing files even if they are so many that the disk "
            "may not be mounted",
        )  # fmt: skip

    def act(self, **options: Any) -> None:
        """Verify the files, look for files without a recording, and report the counts."""
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit must be 1 or more.", returncode=USAGE)
        now = timezone.now()
        report = verifying.verify(
            _accounts(options["account"]),
            by=f"verify_archive:{secrets.token_hex(4)}",
            now=now,
            limit=options["limit"],
            mark_many=options["mark_many"],
            progress=self._show,
        )
        self.progress()
        unknown: list[str] = []
        try:
            names = verifying.unknown_files(now=now)
            unknown = list(islice(names, MOST_NAMED))
            orphaned = len(unknown) + sum(1 for _name in names)
        except storage.StorageError as error:
            report.stopped, orphaned = str(error), len(unknown)
        document = {
            **{what: report.total(what) for what in ("verified", "missing", "altered")},
            "orphaned": orphaned,
            "unread": report.unread,
            "bytes": report.bytes,
            "stopped": report.stopped,
            "orphans": unknown,
            "accounts": [
                {"account": auth_id, **{what: counts[what] for what in ("verified", "missing", "altered")}}
                for auth_id, counts in sorted(report.accounts.items())
            ],
        }
        self.report(document, _sentence(document), failed=_problems(report))

    def _show(self, report: verifying.Report) -> None:
        self.progress(f"{report.looked_at} files, {report.bytes / 10**6:.0f} MB read")


def _accounts(auth_id: str | None) -> list[Account]:
    """Return all accounts: archived copies are kept when an account becomes inactive."""
    accounts = list(Account.objects.filter(**({} if auth_id is None else {"auth_id": auth_id})))
    if not accounts:
        which = (
            f"No account {auth_id} is connected."
            if auth_id
            else "No account is connected. Run connect_account first."
        )
        raise CommandError(which, returncode=USAGE)
    return accounts


def _sentence(document: dict[str, Any]) -> str:
    files = "1 file" if document["verified"] == 1 else f"{document['verified']} files"
    words = f"{files} verified, {document['missing']} missing, {document['altered']} altered."
    if document["orphaned"]:
        words += " Files without a recording: {}, for example {}. They are kept.".format(
            document["orphaned"], ", ".join(document["orphans"][:3])
        )
    return words


def _problems(report: verifying.Report) -> str | None:
    reasons = []
    missing, altered = report.total("missing"), report.total("altered")
    if missing or altered:
        reasons.append(
            f"{missing} missing and {altered} altered. archive_recordings downloads again what Vobiz still has. "
            "Restore the others from a backup."
        )
    if report.unread:
        reasons.append(f"{report.unread} could not be read: {report.last_failure}")
    if report.stopped and report.stopped != report.last_failure:
        reasons.append(report.stopped)
    return " ".join(reasons) or None
