"""Archive every recording that is due, those that Vobiz deletes soonest first.

All active accounts take part, also those that are not archived automatically.
"""

from __future__ import annotations

import secrets
import time
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from recordings import archive
from recordings.archive import AccountCounts, Report
from recordings.forms import span
from recordings.management.documented_command import USAGE
from recordings.management.portal_command import PortalCommand, requested_accounts
from recordings.models import Account, Recording

WORKERS, MOST_WORKERS = 4, 32


class Command(PortalCommand):
    """The command `archive_recordings`."""

    help = "Download the audio of recordings that have no archived copy, before Vobiz deletes it."
    examples = ("", "--account MA_PU0XU668 --limit 100", "--workers 8 --json")
    done = "nothing failed; recordings beyond --limit wait for the next run"
    failure = "a recording could not be archived, archiving of an account pauses, or audio was newly lost"
    takes_account = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument("--limit", type=int, metavar="N", help="at most this many recordings")
        parser.add_argument(
            "--workers",
            type=int,
            metavar="N",
            default=WORKERS,
            help=f"number of parallel downloads (default {WORKERS})",
        )

    def act(self, **options: Any) -> None:
        """Archive, with progress on stderr, and report the counts of each account."""
        limit, workers = options["limit"], options["workers"]
        if limit is not None and limit < 1:
            raise CommandError("--limit must be 1 or more.", returncode=USAGE)
        if not 1 <= workers <= MOST_WORKERS:
            raise CommandError(f"--workers must be 1 to {MOST_WORKERS}.", returncode=USAGE)
        accounts, now = requested_accounts(options["account"]), timezone.now()
        for account in accounts:
            account.schedule_archive_probe(now=now)
        lost_before = _lost(accounts, now)
        self.due = min(Recording.objects.due_for_archive(now, accounts).count(), limit or 10**9)
        self.began = time.monotonic()
        report = archive.run(
            accounts,
            limit=limit,
            workers=workers,
            by=f"archive_recordings:{secrets.token_hex(4)}",
            now=now,
            progress=self._show,
        )
        self.progress()
        self._conclude(report, accounts, lost_before)

    def _show(self, report: Report) -> None:
        left = max(0, self.due - report.tried)
        seconds = (time.monotonic() - self.began) * left / report.tried if report.tried else 0.0
        failed = f", {report.failed} failed" if report.failed else ""
        self.progress(
            f"{report.archived} of {self.due} archived, {_size(report.bytes)}{failed}; "
            f"about {span(round(seconds) or 1)} left"
        )

    def _conclude(self, report: Report, accounts: list[Account], lost_before: int) -> None:
        """Print the last line or the JSON document; exit 1 where something failed."""
        now = timezone.now()
        entries = [
            _entry(account, report.accounts.get(account.auth_id, AccountCounts()), now)
            for account in accounts
        ]
        names = ("archived", "failed", "bytes", "due", "at_risk", "lost")
        document: dict[str, Any] = {name: sum(entry[name] for entry in entries) for name in names}
        document["stopped"] = next((entry["stopped"] for entry in entries if entry["stopped"]), None)
        document["accounts"] = entries
        what = "1 recording" if document["archived"] == 1 else f"{document['archived']} recordings"
        sentence = (
            f"Archived {what} ({_size(document['bytes'])}): {document['failed']} failed, "
            f"{document['due']} not archived yet, {document['at_risk']} at risk, {document['lost']} lost."
        )
        problems = [
            f"{entry['account']}: archiving pauses. {entry['stopped']} Archiving continues by itself when this is "
            "solved: a worker tries every minute, and this command each time it runs."
            for entry in entries
            if entry["stopped"]
        ]
        problems += [
            f"{account}: {counts.failed} not archived. Last reason: {counts.last_failure} "
            "The page of each recording shows its reason and the next attempt."
            for account, counts in report.accounts.items()
            if counts.failed
        ]
        if (newly := document["lost"] - lost_before) > 0:
            problems.append(f"{newly} newly lost: Vobiz deleted the audio before it was archived.")
        self.report(document, sentence, failed=" ".join(problems) or None)


def _entry(account: Account, counts: AccountCounts, now: datetime) -> dict[str, Any]:
    mine = Recording.objects.filter(account=account).order_by()
    within = timedelta(days=settings.AT_RISK_DAYS)
    return {
        "account": account.auth_id,
        "archived": counts.archived,
        "failed": counts.failed,
        "bytes": counts.bytes,
        "due": mine.available_to_archive().count(),
        "at_risk": mine.at_risk(now, within, kept_days=[account.retention_days]).count(),
        "lost": _lost([account], now),
        "stopped": counts.stopped,
    }


def _lost(accounts: list[Account], now: datetime) -> int:
    """Return how many recordings have neither audio at Vobiz nor an archived copy."""
    return Recording.objects.order_by().lost(now, accounts).count()


def _size(count: int) -> str:
    """Return a number of bytes in decimal MB or GB."""
    return f"{count / 10**9:.1f} GB" if count >= 10**9 else f"{count / 10**6:.1f} MB"
