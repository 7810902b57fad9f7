"""Show the live calls, freshly asked for."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from recordings import live
from recordings.management.portal_command import PortalCommand, accounts_asked, add_account
from recordings.models import Call
from recordings.vobiz.wire import one_line


class Command(PortalCommand):
    """One line a call: UUID, from → to, and the recordings running on it."""

    help = "Show the live calls of the connected accounts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_account(parser)

    def act(self, **options: Any) -> None:
        accounts = accounts_asked(options["account"])
        failures = [
            f"{account.auth_id}: {account.live_error}"
            for account in accounts
            if not live.refresh(account, now=timezone.now())
        ]
        calls = Call.objects.live().filter(account__in=accounts).select_related("account").order_by("pk")
        rows = [_row(call) for call in calls.prefetch_related("recordings")]
        lines = [_line(row) for row in rows]
        lines.append("1 live call." if len(rows) == 1 else f"{len(rows)} live calls.")
        failed = None
        if failures:
            failed = "These are the last known calls: " + " ".join(failures)
        self.report({"calls": rows}, "\n".join(lines), failed=failed)


def _row(call: Call) -> dict[str, Any]:
    return {
        "account": call.account.auth_id,
        "call_uuid": call.call_uuid,
        "from": call.from_number,
        "to": call.to_number,
        "direction": call.direction,
        "started_at": call.started_at,
        "recordings": [row.recording_id for row in call.recordings.all() if row.is_open and row.recording_id],
    }


def _line(row: dict[str, Any]) -> str:
    """For a terminal, where a number from outside must not move the cursor."""
    ends = " → ".join(one_line(row[end] or "?") for end in ("from", "to"))
    running = "".join(f"  ● {recording_id}" for recording_id in row["recordings"])
    return f"{row['call_uuid']}  {ends}{running}"
