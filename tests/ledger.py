"""What the sandbox really received."""

from __future__ import annotations

from vobiz_portal.sandbox.facts import Entry
from vobiz_portal.sandbox.world import World


def asked(world: World, operation: str | None = None) -> list[Entry]:
    """The requests that came, in order: all, or those of one operation such as `record.start`."""
    requests = world.ledger.of("request")
    return [entry for entry in requests if operation in (None, entry.detail["operation"])]
