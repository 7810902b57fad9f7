"""Sync recordings from Vobiz, then check the unfinished ones. Safe to run by hand or from cron beside the worker."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

from django.core.management.base import CommandError

from recordings import sync, tasks
from recordings.management.documented_command import USAGE
from recordings.management.portal_command import (
    PortalCommand,
    requested_accounts,
    require_id,
)
from recordings.models import Account, Recording

TYPE = re.compile(r"[a-z][a-z_]{1,31}", re.ASCII)
COUNTS = ("seen", "created", "updated", "unchanged", "gone", "failed")


class Command(PortalCommand):
    """The command `sync_recordings`."""

    help = "Sync recordings of all active accounts from Vobiz."
    examples = (
        "",
        "--full",
        "--account MA_PU0XU668 --since 2026-11-01",
        "--call 6f1b8e0c-7a52-4e0e-9d3a-2f6c1d0a9b11",
        "--dry-run --json",
    )
    done = "everything asked for was read, or another sync of the account was running already"
    failure = "a page or a recording failed, or Vobiz did not answer; what was read is kept"
    takes_account = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument("--full", action="store_true", help="also detect recordings deleted at Vobiz")
        parser.add_argument(
            "--since",
            metavar="TIME",
            help="only recordings added since this date or time (default zone: the account's)",
        )
        parser.add_argument("--call", metavar="CALL_UUID", help="only the recordings of this call")
        parser.add_argument("--recording", metavar="RECORDING_ID", help="only this recording")
        parser.add_argument("--type", metavar="TYPE", help="only this type: call, conference or trunk")
        parser.add_argument(
            "--limit", type=int, metavar="N", help="at most this many recordings of each account"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="count what would change, and change nothing"
        )

    def act(self, **options: Any) -> None:
        """Sync each account and report the counts."""
        entries, problems = [], []
        for account in _owner_first(requested_accounts(options["account"]), options["recording"]):
            synced = tasks.sync_account(
                account, _scope(account, options), by=None, progress=partial(self._show, account)
            )
            if options["recording"] and synced.result.seen:
                # one recording is one account's: that the others do not have it is no failure
                entries, problems = [_entry(account, synced)], _problems(account, synced)
                break
            entries.append(_entry(account, synced))
            problems += _problems(account, synced)
        self.progress()
        document: dict[str, Any] = {name: sum(entry[name] for entry in entries) for name in COUNTS}
        document["complete"] = all(entry["complete"] for entry in entries)
        document["accounts"] = entries
        sentence = (
            f"{'Would sync' if options['dry_run'] else 'Synced'} "
            f"{document['seen']} {'recording' if document['seen'] == 1 else 'recordings'}: {document['created']} new, "
            f"{document['updated']} changed, {document['unchanged']} unchanged, {document['gone']} deleted at Vobiz, "
            f"{document['failed']} failed." + ("" if document["complete"] else " Not everything was read.")
        )
        if any(entry["already_running"] for entry in entries):
            sentence += " Another sync was running already."
        self.report(document, sentence, failed=" ".join(problems) or None)

    def _show(self, account: Account, result: sync.SyncResult) -> None:
        total = f" of {result.total_count}" if result.total_count else ""
        self.progress(f"{account.auth_id}: {result.pages} pages, {result.seen}{total} recordings")


def _owner_first(accounts: list[Account], recording_id: str | None) -> list[Account]:
    """Return the accounts in the order of asking: the account that owns the recording, if known here, comes first."""
    if recording_id is None:
        return accounts
    owners = set(Recording.objects.filter(recording_id=recording_id).values_list("account", flat=True))
    return sorted(accounts, key=lambda account: account.pk not in owners)


def _scope(account: Account, options: dict[str, Any]) -> sync.SyncRequest:
    """Return the request that the options describe; raise CommandError (exit 2) where one is wrong."""
    for name in ("call", "recording"):
        if options[name] is not None:
            require_id(options[name], f"--{name}")
    kind = options["type"].lower() if options["type"] is not None else None
    if kind is not None and not TYPE.fullmatch(kind):
        raise CommandError("--type must be one word, such as call, conference or trunk.", returncode=USAGE)
    if options["limit"] is not None and options["limit"] < 1:
        raise CommandError("--limit must be 1 or more.", returncode=USAGE)
    return sync.SyncRequest(
        full=options["full"],
        since=_moment(options["since"], account.zone) if options["since"] else None,
        call_uuid=options["call"],
        recording_id=options["recording"],
        kind=kind,
        limit=options["limit"],
        dry_run=options["dry_run"],
    )


def _moment(text: str, zone: tzinfo) -> datetime:
    """Parse --since, in `zone` where it names none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"--since {text!r} is not a date or time such as 2026-11-01.", returncode=USAGE
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _entry(account: Account, synced: tasks.SyncOutcome) -> dict[str, Any]:
    counts = {name: getattr(synced.result, name) for name in COUNTS}
    return {
        "account": account.auth_id,
        **counts,
        "complete": synced.result.complete,
        "already_running": synced.already_running,
        "error": synced.result.error,
        "failures": synced.result.failures,
    }


def _problems(account: Account, synced: tasks.SyncOutcome) -> list[str]:
    """Return why this run failed. Reaching --limit, or a sync that runs already, is no failure."""
    result = synced.result
    reasons = []
    if not (synced.already_running or result.complete or (result.limit_reached and not result.failed)):
        reasons += [result.error] if result.error else []
        reasons += [_failed_words(result)] if result.failed else []
    if synced.settled is not None and synced.settled.error is not None:
        reasons.append(synced.settled.error)
    return [f"{account.auth_id}: {' '.join(reasons)}"] if reasons else []


def _failed_words(result: sync.SyncResult) -> str:
    """Return how many rows or pages failed, and the first reason unless the run's own error says it."""
    words = "1 row or page failed" if result.failed == 1 else f"{result.failed} rows or pages failed"
    if result.error or not result.failures:
        return f"{words}."
    return f"{words}{'' if result.failed == 1 else ', first'}: {result.failures[0]['reason']}"
