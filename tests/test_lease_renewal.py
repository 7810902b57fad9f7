"""Leases that are kept while work goes on: one that cannot be renewed is lost in time, and costs no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction

from recordings.lease import HELD_FOR, LEASE_DURATION, RENEWED_EVERY, Lease, LeaseRenewer
from recordings.models import Account
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

    def lease() -> None:
        with transaction.atomic():
            Account.objects.select_for_update().get(pk=account.pk)
            held.set()
            enough.wait(60)
        connection.close()

    thread = threading.Thread(target=lease)
    thread.start()
    try:
        assert held.wait(60)
        yield
    finally:
        enough.set()
        thread.join(60)


def test_a_holder_stops_by_itself_before_another_may_take_the_row(db: None) -> None:
    assert RENEWED_EVERY * 2 < HELD_FOR < LEASE_DURATION  # one renewal may fail
    clock = Clock()
    lease = Lease(lambda: True, clock=clock)
    clock.at += HELD_FOR.total_seconds() - 1
    assert not lease.lost
    clock.at += 1
    assert lease.lost
    lease.renew()
    assert lease.lost  # who has stopped working has stopped


def test_a_lease_is_counted_from_when_its_renewal_was_sent(db: None) -> None:
    clock = Clock()

    def slow() -> bool:
        clock.at += 20
        return True

    lease = Lease(slow, clock=clock)
    clock.at += 4
    lease.renew()
    clock.at += HELD_FOR.total_seconds() - 20 - 1
    assert not lease.lost
    clock.at += 1
    assert lease.lost


@pytest.mark.django_db(transaction=True)
def test_a_database_that_comes_back_in_time_costs_no_lease() -> None:
    clock, troubles = Clock(), [OperationalError("the connection is lost")]

    def renew() -> bool:
        if troubles:
            raise troubles.pop()
        return True

    lease = Lease(renew, clock=clock)
    for _ in range(2):
        clock.at += RENEWED_EVERY.total_seconds()
        lease.renew()
    clock.at += RENEWED_EVERY.total_seconds()
    assert not lease.lost


@pytest.mark.django_db(transaction=True)
def test_a_hold_whose_row_another_has_taken_is_lost_at_the_next_renewal() -> None:
    account = taken(MAIN)
    with LeaseRenewer(OFTEN).renewing(partial(account.renew, "me")) as lease:
        assert not lease.lost
        Account.objects.update(leased_by="another")
        eventually(lambda: lease.lost)


@pytest.mark.django_db(transaction=True)
def test_a_hold_that_cannot_be_renewed_is_lost_while_its_renewal_still_waits() -> None:
    account = taken(MAIN)
    with LeaseRenewer(OFTEN, lasts=timedelta(seconds=0.5)).renewing(partial(account.renew, "me")) as lease:
        with locked(account):
            eventually(lambda: lease.lost, within=15)
        is_renewed(account)  # nobody has taken it meanwhile
        assert lease.lost


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks no single row")
def test_a_row_that_another_has_locked_keeps_no_other_from_being_renewed() -> None:
    blocked, others = taken(MAIN), [taken(SUB), taken(OTHER)]
    keeper = LeaseRenewer(OFTEN)
    with (
        keeper.renewing(partial(others[0].renew, "me")) as first,
        keeper.renewing(partial(blocked.renew, "me")) as waiting,
        keeper.renewing(partial(others[1].renew, "me")) as last,
    ):
        with locked(blocked):
            is_renewed(*others)
            is_renewed(*others)  # in the next turn, too
        is_renewed(blocked)
        assert not any(lease.lost for lease in (first, waiting, last))
