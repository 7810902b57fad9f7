"""What every test may ask for: a Vobiz in a box that stands still at `now`, and an account connected to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from recordings import connect
from recordings.models import Account
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.world import World

NOW = datetime(2025, 11, 7, 9, 0, tzinfo=UTC)  # the day after the documented recording was made
MAIN, SUB, OTHER = "MA_PU0XU668", "SA_TEST0002", "MA_OTHER003"
TOKENS = {MAIN: "main_token_0123456789", SUB: "sub_token_9876543210", OTHER: "other_token_5555555555"}


@pytest.fixture
def now() -> datetime:
    """The moment at which the sandbox's time stands still."""
    return NOW


@pytest.fixture
def world(now: datetime) -> World:
    """A main account, a sub-account of it, and an account that has nothing to do with them."""
    world = World(clock=now.timestamp, seed=1)
    world.add_account(MAIN, TOKENS[MAIN], name="Main")
    world.add_account(SUB, TOKENS[SUB], name="Sub", parent=MAIN)
    world.add_account(OTHER, TOKENS[OTHER], name="Other")
    return world


@pytest.fixture
def sandbox(world: World, settings: Settings) -> Iterator[Sandbox]:
    """The world on real sockets; callbacks go out only when a test sends them (`outbox.deliver_now()`)."""
    with Sandbox(world, deliver=False) as sandbox:
        settings.VOBIZ_API_URL = sandbox.api_url
        settings.VOBIZ_MEDIA_HOSTS = ["127.0.0.1"]
        yield sandbox


@pytest.fixture
def account(db: None, sandbox: Sandbox, now: datetime) -> Account:
    """The main account, connected to the sandbox."""
    return connect.store(MAIN, TOKENS[MAIN], now=now, name="Main")[0]


@pytest.fixture
def subaccount(account: Account, now: datetime) -> Account:
    """The sub-account, connected, with the main account as its parent."""
    return connect.store(SUB, TOKENS[SUB], now=now, name="Sub", parent=account)[0]
