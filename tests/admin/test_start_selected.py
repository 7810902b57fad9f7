"""Several ticked calls with one form, and what became of each in words."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from recordings.choices import CallState, RecordingStatus
from recordings.models import Account, Call, Recording
from tests.admin.conftest import Person
from tests.admin.rows import a_live_call, a_running
from tests.admin.test_starting import LIVE, filled, sent
from tests.conftest import MAIN
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

SELECTED = "/admin/recordings/call/record/"


@pytest.fixture
def calls(account: Account, world: SandboxState, boss: Client) -> list[Call]:
    """Three live calls, known here."""
    for _each in range(3):
        world.place_call(MAIN)
    boss.get(LIVE)
    return list(Call.objects.order_by("pk"))


def ticked(calls: list[Call], **values: Any) -> dict[str, Any]:
    return filled(**values) | {"call": [call.pk for call in calls]}


def words(page: Any) -> list[str]:
    return [outcome.words for outcome in page.context["outcomes"]]


def test_each_ticked_call_is_recorded_and_its_result_told(
    calls: list[Call], world: SandboxState, boss: Client
) -> None:
    form = boss.get(SELECTED, {"call": [call.pk for call in calls]})
    assert [row.call for row in form.context["rows"]] == calls
    assert "Start recording 3 calls" in form.content.decode()

    page = boss.post(SELECTED, ticked(calls, limit="3600"))

    assert all(said.startswith("Recording started. It stops at") for said in words(page))
    assert page.context["title"] == "3 recordings started"
    assert {recording.call_uuid for recording in world.running(MAIN)} == {call.call_uuid for call in calls}
    assert {body["time_limit"] for body in sent(world)} == {3_600}
    assert LogEntry.objects.filter(content_type__model="recording").count() == 3
    assert LogEntry.objects.filter(content_type__model="call").count() == 3


def test_a_form_sent_twice_starts_each_call_once(
    calls: list[Call], world: SandboxState, boss: Client
) -> None:
    form = ticked(calls)

    boss.post(SELECTED, form)
    again = boss.post(SELECTED, form)

    assert len(sent(world)) == Recording.objects.count() == 3
    assert all("This recording was already started." in said for said in words(again))
    assert LogEntry.objects.filter(content_type__model="recording").count() == 3


def test_a_call_that_is_being_recorded_is_skipped_unless_it_was_ticked_again(
    calls: list[Call], world: SandboxState, boss: Client
) -> None:
    a_running(calls[0].account, call=calls[0])
    form = boss.get(SELECTED, {"call": [call.pk for call in calls]}).content.decode()
    assert 'name="again"' in form

    page = boss.post(SELECTED, ticked(calls))
    assert words(page)[0].startswith("Skipped: this call is already being recorded.")
    assert len(sent(world)) == 2

    boss.post(SELECTED, ticked(calls[:1]) | {"again": [calls[0].pk]})
    assert len(sent(world)) == 3


def test_a_call_whose_recording_began_after_the_form_was_shown_is_skipped_though_ticked_again(
    calls: list[Call], world: SandboxState, boss: Client
) -> None:
    form = ticked(calls[:1])
    a_running(calls[0].account, call=calls[0])

    page = boss.post(SELECTED, form | {"again": [calls[0].pk]})

    assert words(page)[0].startswith("Skipped:")
    assert not sent(world)


def test_what_went_wrong_with_one_is_told_beside_what_went_well_with_others(
    calls: list[Call], world: SandboxState, boss: Client
) -> None:
    Call.objects.filter(pk=calls[0].pk).update(state=CallState.ENDED)
    world.faults.plan(Fault(on="record.start", path=f"*{calls[1].call_uuid}*", drop="after"))

    page = boss.post(SELECTED, ticked(calls))

    over, unknown, well = words(page)
    assert over == "This call is over, so it cannot be recorded."
    assert "so it may be recording. Starting again would make a second recording." in unknown
    assert well.startswith("Recording started")
    assert page.context["title"] == "1 of 3 recordings started, 1 not confirmed"
    assert Recording.objects.filter(status=RecordingStatus.ACTIVE).count() == 1


def test_a_refusal_among_several_names_its_call_and_what_runs_on_there(
    calls: list[Call], world: SandboxState, boss: Client
) -> None:
    a_running(calls[0].account, call=calls[0])
    world.faults.plan(
        Fault(on="record.start", path=f"*{calls[0].call_uuid}*", status=400, body={"error": "odd time_limit"})
    )

    refused, well, _other = words(boss.post(SELECTED, ticked(calls) | {"again": [calls[0].pk]}))

    assert refused.startswith(f"{calls[0]}: Recording not started.")
    assert refused.endswith("1 other recording of this call is still running.")
    assert well.startswith("Recording started")


def test_more_than_twenty_are_not_started(account: Account, world: SandboxState, boss: Client) -> None:
    many = [a_live_call(account) for _each in range(21)]

    assert "nothing was started" in boss.get(
        SELECTED, {"call": [call.pk for call in many]}
    ).content.decode()  # fmt: skip
    assert boss.post(SELECTED, ticked(many)).status_code == 422
    assert not sent(world)


def test_calls_of_foreign_accounts_are_as_absent_as_those_that_are_not_there(
    calls: list[Call], stranger: Account, world: SandboxState, staff: Person
) -> None:
    foreign = a_live_call(stranger)
    client = staff("start_recording", accounts=[calls[0].account])

    page = client.get(f"{SELECTED}?call={foreign.pk}&call={calls[0].pk}&call=99999999&call=x&call={'1' * 30}")
    assert [row.call for row in page.context["rows"]] == calls[:1]

    answer = client.post(SELECTED, ticked([foreign]))
    assert answer.status_code == 422
    assert "Select at least one call." in answer.content.decode()
    assert not sent(world)


def test_where_a_call_flow_records_one_of_them_the_form_asks_first(
    calls: list[Call], world: SandboxState, boss: Client
) -> None:
    Account.objects.update(recorded_by_flow=True)

    assert boss.post(SELECTED, ticked(calls)).status_code == 422
    assert not sent(world)
    boss.post(SELECTED, ticked(calls, despite_flow="on"))
    assert len(sent(world)) == 3


def test_the_live_calls_lead_there_with_what_is_ticked(calls: list[Call], boss: Client) -> None:
    text = boss.get(LIVE).content.decode()

    assert f'action="{SELECTED}" id="selected"' in text
    assert text.count('form="selected" name="call"') == 3
