"""Remove what the access log and the callbacks no longer have to keep."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from recordings import history
from recordings.management.portal_command import PortalCommand


class Command(PortalCommand):
    """Old access events and old applied callback events; nothing else."""

    help = (
        "Remove access events older than ACCESS_RETENTION_DAYS, and callback events that were applied and are older "
        "than CALLBACK_RETENTION_DAYS."
    )

    def act(self, **options: Any) -> None:
        pruned = history.prune(timezone.now())
        self.report(
            {"events": pruned.events, "accesses": pruned.accesses},
            f"Removed {pruned.events} callback events and {pruned.accesses} access events.",
        )
