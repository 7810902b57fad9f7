"""A live call, known here, and starts of its recording."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

import pytest

from recordings import control, live
from recordings.control import StartOptions
from recordings.models import Account, Call, Recording
from vobiz_portal.sandbox.state import SandboxState


class Start(Protocol):
    """Start a recording of the live call; `how` as in StartOptions, and `intent`."""

    def __call__(self, **how: Any) -> Recording: ...


@pytest.fixture
def call(account: Account, world: SandboxState, now: datetime) -> Call:
    """One live call."""
    placed = world.place_call(account.auth_id)
    live.refresh_all([account], now=now)
    found: Call = Call.objects.select_related("account").get(call_uuid=placed.call_uuid)
    return found


@pytest.fixture
def start(call: Call, now: datetime) -> Start:
    """With a limit of ten minutes, unless told otherwise."""

    def start(**how: Any) -> Recording:
        intent = how.pop("intent", None)
        options = StartOptions(**{"time_limit": 600, "file_format": "mp3", "channels": "stereo", **how})
        return control.start(call, options, by=None, now=now, idempotency_key=intent)

    return start
