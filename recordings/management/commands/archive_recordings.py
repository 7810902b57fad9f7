"""Keep our own copy of every recording that is due for one, nearest to leaving Vobiz first.

manage.py archive_recordings                    everything that is due, of every account that is switched on,
                                                archived automatically or not
manage.py archive_recordings --account MA_…     of one account
manage.py archive_recordings --limit 100        at most so many recordings
manage.py archive_recordings --workers 8        so many side by side
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
from recordings.archive import Report, Tally
from recordings.forms import span
from recordings.management.portal_command import USAGE, PortalCommand, accounts_asked, add_account
from recordings.models import Account, Recording

WORKERS, MOST_WORKERS = 4, 32


class Command(PortalCommand):
    """Exit 1 where a recording could not be archived, archiving of an account pauses, or audio is newly lost."""

    help = "Download and keep the audio of recordings before Vobiz deletes it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_account(parser)
        parser.add_argument("--limit", type=int, metavar="N", help="at most this many recordings")
        parser.add_argument(
            "--workers", type=int, metavar="N", default=WORKERS, help=f"recordings side by side ({WORKERS})"
        )

    def act(self, **options: Any) -> None:
        limit, workers = options["limit"], options["workers"]
        if limit is not None and limit < 1:
            raise CommandError("--limit must be 1 or more.", returncode=USAGE)
        if not 1 <= workers <= MOST_WORKERS:
            raise CommandError(f"--workers must be 1 to {MOST_WORKERS}.", returncode=USAGE)
        accounts, now = accounts_asked(options["account"]), timezone.now()
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
        self.progress_end()
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
        now = timezone.now()
        entries = [
            _entry(account, report.accounts.get(account.auth_id, Tally()), now) for account in accounts
        ]
        names = ("archived", "failed", "bytes", "due", "at_risk", "lost")
        document: dict[str, Any] = {name: sum(entry[name] for entry in entries) for name in names}
        document["stopped"] = next((entry["stopped"] for entry in entries if entry["stopped"]), None)
        document["accounts"] = entries
        sentence = (
            f"{document['archived']} archived ({_size(document['bytes'])}), {document['failed']} failed; "
            f"{document['due']} still to be archived, {document['at_risk']} at risk, {document['lost']} lost."
        )
        problems = [
            f"{entry['account']}: archiving pauses. {entry['stopped']} It goes on by itself once that is cured: "
            "a worker tries every minute, and this command whenever it is run."
            for entry in entries
            if entry["stopped"]
        ]
        problems += [
            f"{account}: {tally.failed} could not be archived, the last because: {tally.last_failure} "
            "Each row says why, and when it is tried again."
            for account, tally in report.accounts.items()
            if tally.failed
        ]
        if (newly := document["lost"] - lost_before) > 0:
            problems.append(f"{newly} newly lost: Vobiz has the audio no more, and there is no copy.")
        self.report(document, sentence, failed=" ".join(problems) or None)


def _entry(account: Account, tally: Tally, now: datetime) -> dict[str, Any]:
    mine = Recording.objects.filter(account=account).order_by()
    within = timedelta(days=settings.AT_RISK_DAYS)
    return {
        "account": account.auth_id,
        "archived": tally.archived,
        "failed": tally.failed,
        "bytes": tally.bytes,
        "due": mine.available_to_archive().count(),
        "at_risk": mine.at_risk(now, within, kept_days=[account.retention_days]).count(),
        "lost": _lost([account], now),
        "stopped": tally.stopped,
    }


def _lost(accounts: list[Account], now: datetime) -> int:
    return Recording.objects.order_by().lost(now, accounts).count()


def _size(count: int) -> str:
    return f"{count / 10**9:.1f} GB" if count >= 10**9 else f"{count / 10**6:.1f} MB"
