"""Many past recordings, and a sync of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import pytest

from recordings import sync
from recordings.models import Account, Recording
from recordings.sync import SyncRequest, SyncResult
from vobiz_portal.sandbox.state import SandboxState


class Sync(Protocol):
    """Sync the account; `scope` as in SyncRequest."""

    def __call__(self, **scope: Any) -> SyncResult: ...


@pytest.fixture
def sync_now(account: Account, now: datetime) -> Sync:
    """Sync without a row for the run."""

    def sync_now(**scope: Any) -> SyncResult:
        return sync.run(account, SyncRequest(**scope), now=now, sync_run=None)

    return sync_now


@pytest.fixture
def past(world: SandboxState, account: Account) -> Callable[..., set[str]]:
    """Add past recordings, each older than the one before; their ids."""

    def past(count: int, *, first_age: float = 0.1, **fields: Any) -> set[str]:
        return {
            world.add_recording(
                account.auth_id, age_days=first_age + at / 100, duration=5.0, **fields
            ).recording_id
            for at in range(count)
        }

    return past


def known() -> set[str]:
    """The ids of all rows here."""
    return {str(one) for one in Recording.objects.values_list("recording_id", flat=True)}
