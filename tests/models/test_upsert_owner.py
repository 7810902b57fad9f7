"""Whose a listed recording is: a parent's list may show its sub-accounts' rows, and never another family's."""

from __future__ import annotations

from datetime import datetime

import pytest

from recordings import connect
from recordings.models import Account, Recording, upsert_recordings
from tests.conftest import MAIN, OTHER, SUB, TOKENS
from tests.models.listed import listed


@pytest.fixture
def other(account: Account, now: datetime) -> Account:
    """A main account that has nothing to do with the first."""
    return connect.store(OTHER, TOKENS[OTHER], now=now)[0]


def owner_of(recording_id: str = "rec-1") -> str:
    found: Recording = Recording.objects.select_related("account", "call__account").get(
        recording_id=recording_id
    )
    assert found.call.account == found.account
    return found.account.auth_id


def test_shown_by_parent_and_subaccount_it_is_one_row_of_the_one_its_uri_names(
    account: Account, subaccount: Account, now: datetime
) -> None:
    for asked in (account, subaccount, account):
        upsert_recordings(asked, [listed("rec-1", owner=SUB)], now=now)

    assert (Recording.objects.count(), owner_of()) == (1, SUB)


def test_where_the_uri_names_no_account_it_is_the_one_that_was_asked(
    account: Account, subaccount: Account, now: datetime
) -> None:
    upsert_recordings(subaccount, [listed("rec-1", owner=None)], now=now)
    assert owner_of() == SUB


def test_where_the_uri_names_no_account_it_stays_with_who_has_it(
    account: Account, subaccount: Account, now: datetime
) -> None:
    upsert_recordings(subaccount, [listed("rec-1", owner=SUB)], now=now)
    report = upsert_recordings(account, [listed("rec-1", owner=None)], now=now)
    assert (owner_of(), report.unchanged) == (SUB, 1)


def test_of_a_subaccount_that_is_not_connected_it_is_the_parents(account: Account, now: datetime) -> None:
    upsert_recordings(account, [listed("rec-1", owner=SUB)], now=now)
    assert owner_of() == MAIN


def test_it_becomes_the_subaccounts_once_that_is_connected(account: Account, now: datetime) -> None:
    upsert_recordings(account, [listed("rec-1", owner=SUB)], now=now)
    connect.store(SUB, TOKENS[SUB], now=now, parent=account)

    upsert_recordings(account, [listed("rec-1", owner=SUB)], now=now)

    assert (Recording.objects.count(), owner_of()) == (1, SUB)


def test_a_subaccount_whose_parent_nobody_has_told_yet_owns_what_names_it(
    account: Account, now: datetime
) -> None:
    alone, _ = connect.store(SUB, TOKENS[SUB], now=now)
    for asked in (account, alone, account):
        report = upsert_recordings(asked, [listed("rec-1", owner=SUB)], now=now)
        assert report.failed == []
    assert owner_of() == SUB


@pytest.mark.parametrize("named", [OTHER, "MA_NOTHERE1"])
def test_of_another_main_account_it_is_a_failed_row(
    account: Account, other: Account, now: datetime, named: str
) -> None:
    report = upsert_recordings(account, [listed("rec-1", owner=named), listed("rec-2")], now=now)

    assert [row.recording_id for row in report.failed] == ["rec-1"]
    assert named in report.failed[0].reason
    assert report.seen == {"rec-2"}
    assert not Recording.objects.filter(recording_id="rec-1").exists()


def test_of_a_subaccount_of_another_family_it_is_a_failed_row(
    account: Account, other: Account, now: datetime
) -> None:
    connect.store(SUB, TOKENS[SUB], now=now, parent=other)
    report = upsert_recordings(account, [listed("rec-1", owner=SUB)], now=now)
    assert [row.recording_id for row in report.failed] == ["rec-1"]


@pytest.mark.parametrize("named", [MAIN, None, "SA_UNKNOWN1"])
def test_an_id_that_belongs_to_another_family_is_a_failed_row_and_never_a_move(
    account: Account, other: Account, now: datetime, named: str | None
) -> None:
    upsert_recordings(other, [listed("rec-1", owner=OTHER)], now=now)

    report = upsert_recordings(account, [listed("rec-1", owner=named, from_number="x")], now=now)

    assert [row.recording_id for row in report.failed] == ["rec-1"]
    assert "another account family" in report.failed[0].reason
    assert owner_of() == OTHER
