"""What a live calls page asks for again: only its rows and counts, and seldom anything of Vobiz."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recordings.choices import CallState
from recordings.models import Account, Call
from tests.admin.conftest import Person
from tests.admin.rows import a_live_call, a_running
from tests.conftest import MAIN
from tests.ledger import asked
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

LIVE = "/admin/recordings/call/live/"
AGAIN = {"X-Background-Refresh": "1"}


def numbers(page: Any) -> list[str]:
    return [row.call.from_number for row in page.context["rows"]]


def test_a_page_that_asks_again_is_sent_the_rows_and_not_the_frame(
    account: Account, world: SandboxState, boss: Client
) -> None:
    world.place_call(MAIN)
    whole = boss.get(LIVE)

    part = boss.get(LIVE, headers=AGAIN)

    text = part.content.decode()
    assert 'id="live-rows"' in text
    assert 'aria-live="polite"' in text
    assert "<html" not in text
    assert "<script" not in text
    assert len(part.content) < len(whole.content) / 2
    assert "X-Background-Refresh" in whole["Vary"]
    assert "no-store" in part["Cache-Control"]


def test_a_second_viewer_seconds_later_costs_no_request_to_vobiz(
    account: Account, world: SandboxState, boss: Client, staff: Person
) -> None:
    world.place_call(MAIN)
    boss.get(LIVE)
    before = len(asked(world))

    second = staff("view_live_calls", accounts=[account]).get(LIVE, headers=AGAIN)

    assert len(second.context["rows"]) == 1
    assert len(asked(world)) == before


def test_of_the_calls_it_shows_a_page_is_told_which_are_over_and_since_when(
    account: Account, stranger: Account, staff: Person
) -> None:
    live, over, foreign = a_live_call(account), a_live_call(account), a_live_call(stranger)
    now = timezone.now()
    Account.objects.update(live_tried_at=now)
    Call.objects.exclude(pk=live.pk).update(state=CallState.ENDED, ended_at=now)
    client = staff("view_live_calls", accounts=[account])

    page = client.get(LIVE, {"shown": f"{live.pk},{over.pk},{foreign.pk},x,99999999"}, headers=AGAIN)

    assert set(page.context["over"]) == {over.pk, foreign.pk, 99999999}
    assert page.context["over"][over.pk].startswith("Call ended ")
    assert page.context["over"][foreign.pk] == page.context["over"][99999999] == "No longer shown here"


@pytest.mark.parametrize("spelling", ["+91 96247 05678", "09624705678", "96247-05678", "4705", "sip:agent7"])
def test_a_box_narrows_the_rows_by_a_number_in_any_spelling(
    account: Account, world: SandboxState, boss: Client, spelling: str
) -> None:
    world.place_call(MAIN, from_number="919624705678", to_number="sip:agent7@pbx")
    world.place_call(MAIN, from_number="+912261234567", to_number="+912261234568")

    page = boss.get(LIVE, {"q": spelling})

    assert numbers(page) == ["919624705678"]
    assert "<b>2</b> live calls" in page.content.decode()


def test_a_box_that_matches_nothing_offers_to_show_all(
    account: Account, world: SandboxState, boss: Client
) -> None:
    world.place_call(MAIN)

    assert "No live calls match" in boss.get(LIVE, {"q": "555000"}).content.decode()


def test_only_calls_that_are_being_recorded_are_shown_where_that_is_ticked(
    account: Account, world: SandboxState, boss: Client
) -> None:
    world.place_call(MAIN, from_number="919624705678")
    boss.get(LIVE)
    a_running(account, call=Call.objects.get())
    world.place_call(MAIN, from_number="+912261234567")
    Account.objects.update(live_tried_at=None)

    assert len(numbers(boss.get(LIVE))) == 2
    assert numbers(boss.get(LIVE, {"recording": "on"})) == ["919624705678"]
    bare = boss.get(LIVE, {"recording": "off"})
    assert numbers(bare) == ["912261234567"]
    assert (bare.context["call_count"], bare.context["recorded_count"]) == (2, 1)


def test_an_account_that_does_not_answer_keeps_its_rows_beside_those_of_another_that_does(
    subaccount: Account, world: SandboxState, boss: Client
) -> None:
    world.place_call(MAIN, from_number="919624705678")
    boss.get(LIVE)
    world.place_call(subaccount.auth_id, from_number="+912261234567")
    Account.objects.update(live_tried_at=None)
    world.faults.plan(Fault(on="call.list", path=f"*{MAIN}*", drop="before", times=None))

    page = boss.get(LIVE, headers=AGAIN)

    assert sorted(numbers(page)) == ["912261234567", "919624705678"]
    assert len(page.context["silent"]) == 1
    assert "Try again" in page.content.decode()
