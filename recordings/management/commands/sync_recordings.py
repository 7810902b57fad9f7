"""Bring every Recording object Vobiz lists into the portal, and settle what is due.

manage.py sync_recordings                       everything, of every account that is switched on
manage.py sync_recordings --full                and settle which recordings are gone at Vobiz
manage.py sync_recordings --since 2026-11-01    until rows older than that
manage.py sync_recordings --call CALL_UUID      one call's
manage.py sync_recordings --dry-run --json      what it would do, changing nothing
"""

from __future__ import annotations

import re
from argparse import ArgumentParser
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

from django.core.management.base import CommandError

from recordings import sync, tasks
from recordings.management.portal_command import USAGE, PortalCommand, accounts_asked, add_account, id_asked
from recordings.models import Account, Recording

TYPE = re.compile(r"[a-z][a-z_]{1,31}", re.ASCII)
COUNTS = ("seen", "created", "updated", "unchanged", "gone", "failed")


class Command(PortalCommand):
    """Exit 1 where a sync was partial; 0 where another of the account was running already."""

    help = "Bring every Recording object of the connected accounts into the portal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_account(parser)
        parser.add_argument(
            "--full", action="store_true", help="also settle which recordings are gone at Vobiz"
        )
        parser.add_argument("--since", metavar="TIME", help="a date or time; without a zone, the account's")
        parser.add_argument("--call", metavar="CALL_UUID")
        parser.add_argument("--recording", metavar="RECORDING_ID")
        parser.add_argument("--type", metavar="TYPE", help="call, conference, trunk …")
        parser.add_argument(
            "--limit", type=int, metavar="N", help="at most this many recordings of each account"
        )
        parser.add_argument("--dry-run", action="store_true", help="change nothing, count what would change")

    def act(self, **options: Any) -> None:
        entries, problems = [], []
        for account in _owner_first(accounts_asked(options["account"]), options["recording"]):
            synced = tasks.sync_account(
                account, _scope(account, options), by=None, progress=partial(self._show, account)
            )
            if options["recording"] and synced.result.seen:
                # one recording is one account's: that the others do not have it is no failure
                entries, problems = [_entry(account, synced)], _problems(account, synced)
                break
            entries.append(_entry(account, synced))
            problems += _problems(account, synced)
        self.progress_end()
        document: dict[str, Any] = {name: sum(entry[name] for entry in entries) for name in COUNTS}
        document["complete"] = all(entry["complete"] for entry in entries)
        document["accounts"] = entries
        sentence = (
            f"{document['seen']} recordings seen: {document['created']} new, {document['updated']} updated, "
            f"{document['unchanged']} unchanged, {document['gone']} gone at Vobiz, {document['failed']} failed. "
            + ("Complete." if document["complete"] else "Not complete.")
        )
        if any(entry["already_running"] for entry in entries):
            sentence += " Another sync was running already."
        self.report(document, sentence, failed=" ".join(problems) or None)

    def _show(self, account: Account, result: sync.SyncResult) -> None:
        total = f" of {result.total_count}" if result.total_count else ""
        self.progress(f"{account.auth_id}: {result.pages} pages, {result.seen}{total} recordings")


def _owner_first(accounts: list[Account], recording_id: str | None) -> list[Account]:
    """The accounts in the order they are asked in: whose the recording is, where that is known here, before all."""
    if recording_id is None:
        return accounts
    owners = set(Recording.objects.filter(recording_id=recording_id).values_list("account", flat=True))
    return sorted(accounts, key=lambda account: account.pk not in owners)


def _scope(account: Account, options: dict[str, Any]) -> sync.SyncRequest:
    for name in ("call", "recording"):
        if options[name] is not None:
            id_asked(options[name], f"--{name}")
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
    """What makes this run a failure; being cut by --limit, or another running, does not."""
    result = synced.result
    reasons = []
    if not (synced.already_running or result.complete or (result.limit_reached and not result.failed)):
        reasons += [result.error] if result.error else []
        reasons += [_failed_words(result)] if result.failed else []
    if synced.settled is not None and synced.settled.error is not None:
        reasons.append(synced.settled.error)
    return [f"{account.auth_id}: {' '.join(reasons)}"] if reasons else []


def _failed_words(result: sync.SyncResult) -> str:
    """How many failed, and why the first did where the run's own error does not say it."""
    words = "1 row or page failed" if result.failed == 1 else f"{result.failed} rows or pages failed"
    if result.error or not result.failures:
        return f"{words}."
    return f"{words}{'' if result.failed == 1 else ', first'}: {result.failures[0]['reason']}"
