"""Rows taken for work: one holder at a time, by the database's clock, and none for ever."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils import timezone

from recordings.lease import LEASE_DURATION
from recordings.models import Account
from tests.conftest import OTHER


def holder(account: Account) -> str | None:
    held: str | None = Account.objects.values_list("leased_by", flat=True).get(pk=account.pk)
    return held


def let_it_run_out(account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(leased_until=timezone.now() - timedelta(seconds=1))


def test_what_one_has_taken_nobody_else_gets(account: Account) -> None:
    assert Account.objects.all().lease("one", limit=5) == [account.pk]

    assert Account.objects.all().lease("two", limit=5) == []
    assert holder(account) == "one"
    until = Account.objects.get(pk=account.pk).leased_until
    assert until is not None
    assert abs(until - timezone.now() - LEASE_DURATION) < LEASE_DURATION / 2


def test_no_more_are_taken_than_asked_for_and_in_their_order(account: Account) -> None:
    other = Account.objects.create(auth_id=OTHER)
    newest_first = Account.objects.order_by("-pk")

    assert newest_first.lease("one", limit=1) == [other.pk]
    assert newest_first.lease("two", limit=1) == [account.pk]


def test_a_lease_that_ran_out_is_anybodys_and_its_former_holder_learns_so(account: Account) -> None:
    Account.objects.all().lease("one", limit=1)
    let_it_run_out(account)

    assert Account.objects.all().lease("two", limit=1) == [account.pk]
    assert not account.renew("one")
    assert not account.release("one", settled_at=timezone.now())
    assert holder(account) == "two"
    assert Account.objects.get(pk=account.pk).settled_at is None


def test_a_lease_that_ran_out_and_that_nobody_took_is_still_its_holders(account: Account) -> None:
    Account.objects.all().lease("one", limit=1)
    let_it_run_out(account)

    assert account.renew("one")
    assert Account.objects.all().lease("two", limit=1) == []


def test_the_end_of_the_work_and_what_it_found_are_one_update(account: Account) -> None:
    Account.objects.all().lease("one", limit=1)
    now = timezone.now()

    assert account.release("one", settled_at=now)
    assert (holder(account), Account.objects.get(pk=account.pk).settled_at) == (None, now)
    assert Account.objects.all().lease("two", limit=1) == [account.pk]


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_each_row_has_one_taker() -> None:
    pks = {Account.objects.create(auth_id=f"MA_LEASE{n:04}").pk for n in range(12)}
    together, taken = Barrier(4), {}

    def take(name: str) -> None:
        together.wait(60)
        taken[name] = Account.objects.order_by("pk").lease(name, limit=5)
        connection.close()

    threads = [Thread(target=take, args=(f"worker {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    every = [pk for some in taken.values() for pk in some]
    assert len(every) == len(set(every))
    assert set(every) <= pks
    assert all(holder(Account(pk=pk)) == name for name, some in taken.items() for pk in some)
