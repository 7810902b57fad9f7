"""Live calls: one refresh serves all viewers, and what is known stays when Vobiz does not answer."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from recordings import live
from recordings.choices import CallState
from recordings.models import Account, Call, Recording
from tests.ledger import asked
from tests.models.test_upsert_adoption import asked_for
from tests.models.together import together
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

LATER = timedelta(seconds=10)


def uuids() -> set[str]:
    return set(Call.objects.live().values_list("call_uuid", flat=True))


def test_the_live_calls_are_shown_with_their_details(
    account: Account, world: SandboxState, now: datetime
) -> None:
    calls = [world.place_call(account.auth_id), world.place_call(account.auth_id, direction="outbound")]
    world.place_call(account.auth_id, rings_for=30)
    world.place_call("MA_OTHER003")

    assert live.refresh_all([account], now=now)

    assert uuids() == {call.call_uuid for call in calls}
    row = Call.objects.get(call_uuid=calls[0].call_uuid)
    assert (row.from_number, row.to_number, row.direction) == ("919876543210", "918071387423", "inbound")
    assert row.started_at == now
    assert account.live_refreshed_at == now


def test_a_refresh_serves_every_viewer_for_some_seconds(
    account: Account, world: SandboxState, now: datetime
) -> None:
    world.place_call(account.auth_id)
    for seconds in (0, 1, 4):
        assert live.refresh_all([Account.objects.get()], now=now + timedelta(seconds=seconds))
    assert len(asked(world, "call.list")) == 1
    live.refresh_all([account], now=now + timedelta(seconds=4.1))
    assert len(asked(world, "call.list")) == 2


@pytest.mark.django_db(transaction=True)
def test_of_viewers_at_the_same_moment_one_asks(account: Account, world: SandboxState, now: datetime) -> None:
    world.faults.plan(Fault(on="call.list", delay_before=0.3))
    together(*[lambda: live.refresh_all([Account.objects.get()], now=now)] * 4)
    assert len(asked(world, "call.list")) == 1


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_vobiz_is_asked(
    account: Account, world: SandboxState, now: datetime
) -> None:
    """Rule: no request to Vobiz, and no wait, inside a transaction."""
    world.place_call(account.auth_id)
    mine, inside = connections["default"], list[bool]()
    world.faults.plan(Fault(on="*", times=None, first=lambda _: inside.append(mine.in_atomic_block)))
    live.refresh_all([account], now=now)
    assert inside == [False, False]


def test_a_refresh_that_died_is_forgotten_after_a_while(
    account: Account, world: SandboxState, now: datetime
) -> None:
    Account.objects.update(live_refresh_started_at=now)
    live.refresh_all([account], now=now + LATER)
    assert asked(world, "call.list") == []
    live.refresh_all([account], now=now + live.REFRESH_TIMEOUT + timedelta(seconds=1))
    assert len(asked(world, "call.list")) == 1


def test_details_are_asked_for_once_a_call(account: Account, world: SandboxState, now: datetime) -> None:
    world.place_call(account.auth_id)
    live.refresh_all([account], now=now)
    new = world.place_call(account.auth_id)
    live.refresh_all([account], now=now + LATER)
    assert len(asked(world, "call.retrieve")) == 2
    assert new.call_uuid in uuids()


def test_a_call_that_vanishes_between_list_and_details_is_over(
    account: Account, world: SandboxState, now: datetime
) -> None:
    stays, goes = world.place_call(account.auth_id), world.place_call(account.auth_id)
    Call.objects.note_listed(account, [goes.call_uuid], now=now - LATER)
    world.faults.plan(Fault(on="call.list", then=lambda world: world.hang_up(goes.call_uuid)))

    assert live.refresh_all([account], now=now)

    assert uuids() == {stays.call_uuid}
    assert Call.objects.get(call_uuid=goes.call_uuid).state == CallState.ENDED


@pytest.mark.parametrize(
    "fault", [{"status": 400}, {"reply": "garbage"}, {"status": 404, "body": {"message": "Not Found"}}]
)
def test_a_call_vobiz_cannot_tell_of_is_shown_without_details_and_asked_about_again(
    account: Account, world: SandboxState, now: datetime, fault: dict[str, object]
) -> None:
    call = world.place_call(account.auth_id)
    world.faults.plan(Fault(on="call.retrieve", **fault))  # type: ignore[arg-type]

    assert live.refresh_all([account], now=now)
    assert (uuids(), Call.objects.get().from_number) == ({call.call_uuid}, None)

    live.refresh_all([account], now=now + LATER)
    assert Call.objects.get().from_number == "919876543210"


def test_a_call_that_is_no_longer_listed_has_ended_and_its_recordings_are_read_back(
    account: Account, world: SandboxState, now: datetime
) -> None:
    call = world.place_call(account.auth_id)
    live.refresh_all([account], now=now)
    row = asked_for(account, recording_id="rec-1")
    Recording.objects.update(call=Call.objects.get(call_uuid=call.call_uuid))
    world.hang_up(call.call_uuid)

    live.refresh_all([account], now=now + LATER)

    ended = Call.objects.get(call_uuid=call.call_uuid)
    assert (ended.state, ended.ended_at) == (CallState.ENDED, now + LATER)
    row.refresh_from_db()
    assert row.read_back_due_at == now + LATER


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 503, "times": 9}, "503"),
        ({"status": 401, "times": 2}, "…668 with the token ending …6789"),
        ({"reply": "html", "status": 200}, "was not understood"),
        ({"status": 402}, "balance"),
    ],
)
def test_when_vobiz_does_not_answer_the_rows_stay_and_the_account_says_why(
    account: Account, world: SandboxState, now: datetime, fault: dict[str, object], words: str
) -> None:
    call = world.place_call(account.auth_id)
    live.refresh_all([account], now=now)
    world.hang_up(call.call_uuid)
    world.faults.plan(Fault(on="call.list", **fault))  # type: ignore[arg-type]

    assert not live.refresh_all([account], now=now + LATER)

    assert uuids() == {call.call_uuid}
    assert account.live_refreshed_at == now
    assert account.live_error is not None
    assert words in account.live_error
    assert not live.refresh_all(
        [account], now=now + LATER
    )  # the next viewer is told the same, and nothing is asked
    world.faults.clear()
    assert live.refresh_all([account], now=now + 2 * LATER)
    assert account.live_error is None


def test_an_account_that_is_switched_off_is_not_asked_about(
    account: Account, world: SandboxState, now: datetime
) -> None:
    Account.objects.update(is_active=False)
    account.refresh_from_db()
    assert not live.refresh_all([account], now=now)
    assert asked(world) == []


@pytest.mark.django_db(transaction=True)
def test_accounts_are_asked_side_by_side(subaccount: Account, world: SandboxState, now: datetime) -> None:
    accounts = list(Account.objects.order_by("pk"))
    for account in accounts:
        world.place_call(account.auth_id)
    met = threading.Barrier(2)
    world.faults.plan(Fault(on="call.list", first=lambda _world: met.wait(60), times=2))

    assert live.refresh_all(accounts, now=now)

    assert not met.broken
    assert sorted(Call.objects.live().values_list("account", flat=True)) == [one.pk for one in accounts]
    assert [account.live_refreshed_at for account in accounts] == [now, now]


def test_an_account_that_does_not_answer_does_not_keep_another_from_its_calls(
    subaccount: Account, world: SandboxState, now: datetime
) -> None:
    main, sub = Account.objects.order_by("pk")
    call = world.place_call(sub.auth_id)
    world.faults.plan(Fault(on="call.list", path=f"*{main.auth_id}*", drop="before", times=None))

    assert not live.refresh_all([main, sub], now=now)

    assert uuids() == {call.call_uuid}
    assert "could not be reached" in (main.live_error or "")
    assert (sub.live_error, sub.live_refreshed_at) == (None, now)


def test_an_account_whose_turn_did_not_come_in_time_is_asked_the_next_time(
    account: Account, world: SandboxState, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = world.place_call(account.auth_id)
    monkeypatch.setattr(live, "BUDGET", 0.05)
    world.faults.plan(Fault(on="call.list", delay_before=0.5))

    live.refresh_all([account], now=now)
    account.refresh_from_db()
    assert (account.live_refresh_started_at, account.live_tried_at) == (None, None)
    monkeypatch.undo()

    assert live.refresh_all([account], now=now)
    assert uuids() == {call.call_uuid}


def test_accounts_that_are_fresh_cost_no_request_and_two_queries(
    subaccount: Account, world: SandboxState, now: datetime, django_assert_num_queries: Any
) -> None:
    accounts = list(Account.objects.all())
    live.refresh_all(accounts, now=now)
    before = len(asked(world))

    with django_assert_num_queries(2):
        live.refresh_all(accounts, now=now + timedelta(seconds=3))

    assert len(asked(world)) == before
