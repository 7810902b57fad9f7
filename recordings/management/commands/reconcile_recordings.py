"""Check unfinished recordings against Vobiz once, as the worker does all the time."""

from __future__ import annotations

from typing import Any

from recordings import reconcile, tasks
from recordings.management.portal_command import PortalCommand, requested_accounts


class Command(PortalCommand):
    """The command `reconcile_recordings`."""

    help = (
        "Check unfinished recordings against Vobiz: callbacks not processed yet, starts that Vobiz did not confirm, "
        "and recordings that should have ended."
    )
    examples = ("", "--account MA_PU0XU668 --json")
    done = "Vobiz answered; what is still open is checked again later"
    failure = "Vobiz could not be asked about an account"
    takes_account = True

    def act(self, **options: Any) -> None:
        """Check each account's unfinished recordings and report the counts."""
        entries, problems = [], []
        for account in requested_accounts(options["account"]):
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
        self.progress()
        document: dict[str, Any] = {
            "settled": sum(entry["settled"] for entry in entries),
            "open": sum(entry["open"] for entry in entries),
            "accounts": entries,
        }
        sentence = (
            f"Checked unfinished recordings: {document['settled']} finished, {document['open']} still open."
        )
        if any(entry["already_running"] for entry in entries):
            sentence += " Another process was checking them already."
        self.report(document, sentence, failed=" ".join(problems) or None)
