"""An account that nobody can ask Vobiz about, and a recording asked for on a call of it."""

from __future__ import annotations

from datetime import datetime

import pytest

from recordings.models import Account, Recording
from tests.callbacks.rows import asked_for
from tests.conftest import MAIN, OTHER, SUB, connected


@pytest.fixture
def account(db: None, now: datetime) -> Account:
    """The main account. Nothing listens at VOBIZ_API_URL."""
    return connected(MAIN, now=now, name="Main")


@pytest.fixture
def subaccount(account: Account, now: datetime) -> Account:
    """Its sub-account."""
    return connected(SUB, now=now, name="Sub", parent=account)


@pytest.fixture
def stranger(account: Account, now: datetime) -> Account:
    """An account of another family."""
    return connected(OTHER, now=now, name="Other")


@pytest.fixture
def recording(account: Account) -> Recording:
    """Asked for here; Vobiz has not answered yet."""
    return asked_for(account)
