"""An account that nobody can ask Vobiz about, and a recording asked for on a call of it."""

from __future__ import annotations

from datetime import datetime

import pytest

from recordings import connect
from recordings.models import Account, Recording
from tests.callbacks.rows import asked_for
from tests.conftest import MAIN, OTHER, SUB, TOKENS


@pytest.fixture
def account(db: None, now: datetime) -> Account:
    """The main account. Nothing listens at VOBIZ_API_URL."""
    return connect.store(MAIN, TOKENS[MAIN], now=now, name="Main")[0]


@pytest.fixture
def subaccount(account: Account, now: datetime) -> Account:
    """Its sub-account."""
    return connect.store(SUB, TOKENS[SUB], now=now, name="Sub", parent=account)[0]


@pytest.fixture
def stranger(account: Account, now: datetime) -> Account:
    """An account of another family."""
    return connect.store(OTHER, TOKENS[OTHER], now=now, name="Other")[0]


@pytest.fixture
def recording(account: Account) -> Recording:
    """Asked for here; Vobiz has not answered yet."""
    return asked_for(account)
