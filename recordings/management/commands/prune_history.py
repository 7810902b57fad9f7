"""Delete access events and callback events that are past their retention."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from recordings import pruning
from recordings.management.portal_command import PortalCommand


class Command(PortalCommand):
    """The command `prune_history`."""

    help = (
        "Delete access events older than ACCESS_RETENTION_DAYS, and accepted callback events older than "
        "CALLBACK_RETENTION_DAYS. A worker does this every night."
    )
    examples = ("", "--json")
    done = "everything past its retention is deleted"
    failure = "the database could not be used"

    def act(self, **options: Any) -> None:
        """Delete old events and report how many."""
        pruned = pruning.prune(timezone.now())
        self.report(
            {"events": pruned.events, "accesses": pruned.accesses},
            f"Removed {pruned.events} callback events and {pruned.accesses} access events.",
        )
