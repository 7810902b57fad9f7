"""List the live calls, as Vobiz has them now."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from recordings import live
from recordings.management.portal_command import PortalCommand, requested_accounts
from recordings.models import Call, Recording
from recordings.vobiz.wire import one_line


class Command(PortalCommand):
    """The command `live_calls`: one line for each call, with its UUID, numbers and running recordings."""

    help = "List the live calls of all active accounts, and the recordings running on them."
    examples = ("", "--account MA_PU0XU668 --json")
    done = "Vobiz answered for every account"
    failure = "Vobiz did not answer for an account, so its calls may be out of date"
    takes_account = True

    def act(self, **options: Any) -> None:
        """Refresh the live calls and print them."""
        accounts = requested_accounts(options["account"])
        now = timezone.now()
        live.refresh_all(accounts, now=now)
        failures = [
            f"{account.auth_id}: {account.live_error or 'Vobiz was slow, so it has not been asked yet.'}"
            for account in accounts
            if live.is_stale(account, now)
        ]
        live_ones = Call.objects.live().filter(account__in=accounts).select_related("account").order_by("pk")
        calls = list(live_ones.prefetch_related("recordings"))
        lines = [_line(call) for call in calls]
        lines.append("1 live call." if len(calls) == 1 else f"{len(calls)} live calls.")
        failed = f"These are the last known calls: {' '.join(failures)}" if failures else None
        self.report({"calls": [_row(call) for call in calls]}, "\n".join(lines), failed=failed)


def _row(call: Call) -> dict[str, Any]:
    return {
        "account": call.account.auth_id,
        "call_uuid": call.call_uuid,
        "from": call.from_e164,
        "to": call.to_e164,
        "direction": call.direction,
        "started_at": call.started_at,
        "recordings": [row.recording_id for row in _running(call) if row.recording_id],
    }


def _running(call: Call) -> list[Recording]:
    """Return the call's running recordings, oldest first."""
    return sorted((row for row in call.recordings.all() if row.is_open), key=lambda row: row.pk)


def _line(call: Call) -> str:
    """Return one call's line for a terminal. A number from outside must not move the cursor."""
    ends = " → ".join(one_line(number or "?") for number in (call.from_e164, call.to_e164))
    running = "".join(f"  ● {row.recording_id or 'id not known yet'}" for row in _running(call))
    return f"{call.call_uuid}  {ends}{running}"
