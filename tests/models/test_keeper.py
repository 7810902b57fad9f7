"""Leases that are kept while work goes on: one that cannot be renewed is lost in time, and costs no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction

from recordings.models import Account
from recordings.models.lease import HELD_FOR, LEASE, RENEWED_EVERY
from recordings.models.lease_renewal import Hold, Keeper
from tests.conftest import MAIN, OTHER, SUB
from tests.waiting import eventually

OFTEN = timedelta(seconds=0.1)


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def taken(auth_id: str) -> Account:
    account: Account = Account.objects.create(auth_id=auth_id)
    assert Account.objects.filter(pk=account.pk).lease("me", limit=1)
    return account


def leased_until(account: Account) -> datetime:
    until = Account.objects.values_list("leased_until", flat=True).get(pk=account.pk)
    assert until is not None
    return until


def is_renewed(*accounts: Account) -> None:
    before = {account: leased_until(account) for account in accounts}
    eventually(lambda: all(leased_until(account) > until for account, until in before.items()))


@contextmanager
def locked(account: Account) -> Iterator[None]:
    """Another transaction has the row, and on SQLite with it all others, until the block ends."""
    held, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Account.objects.select_for_update().get(pk=account.pk)
            held.set()
            enough.wait(60)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(10)
        yield
    finally:
        enough.set()
        thread.join(60)


def test_a_holder_stops_by_itself_before_another_may_take_the_row(db: None) -> None:
    assert RENEWED_EVERY * 2 < HELD_FOR < LEASE  # one renewal may fail
    clock = Clock()
    hold = Hold(lambda: True, clock=clock)
    clock.at += HELD_FOR.total_seconds() - 1
    assert not hold.lost
    clock.at += 1
    assert hold.lost
    hold.renew()
    assert hold.lost  # who has stopped working has stopped


def test_a_lease_is_counted_from_when_its_renewal_was_sent(db: None) -> None:
    clock = Clock()

    def slow() -> bool:
        clock.at += 20
        return True

    hold = Hold(slow, clock=clock)
    clock.at += 4
    hold.renew()
    clock.at += HELD_FOR.total_seconds() - 20 - 1
    assert not hold.lost
    clock.at += 1
    assert hold.lost


@pytest.mark.django_db(transaction=True)
def test_a_database_that_comes_back_in_time_costs_no_lease() -> None:
    clock, troubles = Clock(), [OperationalError("the connection is lost")]

    def renew() -> bool:
        if troubles:
            raise troubles.pop()
        return True

    hold = Hold(renew, clock=clock)
    for _ in range(2):
        clock.at += RENEWED_EVERY.total_seconds()
        hold.renew()
    clock.at += RENEWED_EVERY.total_seconds()
    assert not hold.lost


@pytest.mark.django_db(transaction=True)
def test_a_hold_whose_row_another_has_taken_is_lost_at_the_next_renewal() -> None:
    account = taken(MAIN)
    with Keeper(OFTEN).keep(partial(account.renew, "me")) as hold:
        assert not hold.lost
        Account.objects.update(leased_by="another")
        eventually(lambda: hold.lost)


@pytest.mark.django_db(transaction=True)
def test_a_hold_that_cannot_be_renewed_is_lost_while_its_renewal_still_waits() -> None:
    account = taken(MAIN)
    with Keeper(OFTEN, lasts=timedelta(seconds=0.5)).keep(partial(account.renew, "me")) as hold:
        with locked(account):
            eventually(lambda: hold.lost, within=5)
        is_renewed(account)  # nobody has taken it meanwhile
        assert hold.lost


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks no single row")
def test_a_row_that_another_has_locked_keeps_no_other_from_being_renewed() -> None:
    blocked, others = taken(MAIN), [taken(SUB), taken(OTHER)]
    keeper = Keeper(OFTEN)
    with (
        keeper.keep(partial(others[0].renew, "me")) as first,
        keeper.keep(partial(blocked.renew, "me")) as waiting,
        keeper.keep(partial(others[1].renew, "me")) as last,
    ):
        with locked(blocked):
            is_renewed(*others)
            is_renewed(*others)  # in the next turn, too
        is_renewed(blocked)
        assert not any(hold.lost for hold in (first, waiting, last))
