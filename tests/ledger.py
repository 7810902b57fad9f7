"""What the sandbox really received."""

from __future__ import annotations

from vobiz_portal.sandbox.entities import Entry
from vobiz_portal.sandbox.state import SandboxState


def asked(world: SandboxState, operation: str | None = None) -> list[Entry]:
    """The requests that came, in order: all, or those of one operation such as `record.start`."""
    requests = world.ledger.of("request")
    return [entry for entry in requests if operation in (None, entry.detail["operation"])]
