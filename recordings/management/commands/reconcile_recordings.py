"""Settle what is open, once, by hand: as the worker does it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from recordings import reconcile, tasks
from recordings.management.portal_command import PortalCommand, accounts_asked, add_account


class Command(PortalCommand):
    """Exit 1 where Vobiz could not be asked; what is still open, or settled by another just now, is no failure."""

    help = (
        "Settle what is open: callbacks, read-backs, starts whose answer was lost, recordings past their end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_account(parser)

    def act(self, **options: Any) -> None:
        entries, problems = [], []
        for account in accounts_asked(options["account"]):
            self.progress(account.auth_id)
            settled = tasks.reconcile_account(account)
            entry = {
                "account": account.auth_id,
                "settled": settled.settled if settled is not None else 0,
                "open": settled.open if settled is not None else reconcile.count_open(account),
                "already_running": settled is None,
                "error": settled.error if settled is not None else None,
            }
            entries.append(entry)
            if entry["error"] is not None:
                problems.append(f"{account.auth_id}: {entry['error']}")
        self.progress_end()
        document: dict[str, Any] = {
            "settled": sum(entry["settled"] for entry in entries),
            "open": sum(entry["open"] for entry in entries),
            "accounts": entries,
        }
        sentence = f"{document['settled']} settled, {document['open']} still open."
        if any(entry["already_running"] for entry in entries):
            sentence += " Another was settling already."
        self.report(document, sentence, failed=" ".join(problems) or None)
