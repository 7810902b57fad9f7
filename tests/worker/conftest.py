"""Real workers, each a process of its own, against the sandbox in real time and the test's own database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.utils import timezone

from recordings import connect
from recordings.models import Account
from tests.conftest import MAIN, TOKENS
from tests.workers import Begin, Process, workers
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def world() -> SandboxState:
    """A Vobiz in which time passes: the workers' clock is the machine's."""
    world = SandboxState(seed=uuid.uuid4().hex)
    world.add_account(MAIN, TOKENS[MAIN], name="Main")
    return world


@pytest.fixture
def account(transactional_db: None, sandbox: Sandbox, now: datetime) -> Account:
    """Connected; nothing is archived, so that what Vobiz is asked is what the test is about."""
    made = connect.store(MAIN, TOKENS[MAIN], now=now, name="Main")[0]
    made.archive_automatically = False
    made.first_synced_at = now
    made.save()
    return made


@pytest.fixture
def begin(account: Account, tmp_path: Path) -> Iterator[Begin]:
    """Start workers that look at what is due several times a second; none outlives the test."""
    with workers(tmp_path) as begin:

        def start(*, looks: bool = True, **more: str) -> Process:
            more = {"SWEEP_SECONDS": "0.2" if looks else "60", "VAR_DIR": str(tmp_path / "var"), **more}
            return begin(**more)

        yield start
