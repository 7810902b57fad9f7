"""live_calls: the live calls, refreshed; the last known ones, with exit 1, where Vobiz does not answer."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from recordings.models import Account, Call, Recording
from tests.commands.shell import run
from tests.conftest import MAIN, SUB
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState


def test_each_call_has_the_documented_keys(account: Account, world: SandboxState, now: datetime) -> None:
    call = world.place_call(MAIN)
    run("start_recording", call.call_uuid)
    (recording,) = world.running()

    ran = run("live_calls", "--json")

    assert (ran.code, ran.stderr) == (0, "")
    assert ran.json == {"calls": [{
        "account": MAIN, "call_uuid": call.call_uuid, "from": "+919876543210", "to": "+918071387423",
        "direction": "inbound", "started_at": "2025-11-07T09:00:00Z", "recordings": [recording.recording_id],
    }]}  # fmt: skip


def test_every_account_that_is_switched_on_is_shown_or_the_one_named(
    account: Account, subaccount: Account, world: SandboxState
) -> None:
    mine, its = world.place_call(MAIN), world.place_call(SUB)
    assert [call["call_uuid"] for call in run("live_calls", "--json").json["calls"]] == [
        mine.call_uuid,
        its.call_uuid,
    ]
    only = run("live_calls", "--json", "--account", SUB).json["calls"]
    assert [call["call_uuid"] for call in only] == [its.call_uuid]
    Account.objects.filter(auth_id=SUB).update(is_active=False)
    assert len(run("live_calls", "--json").json["calls"]) == 1
    assert run("live_calls", "--account", SUB).code == 2


def test_people_get_a_line_for_each_call_and_a_closing_sentence(
    account: Account, world: SandboxState
) -> None:
    world.place_call(MAIN, from_number="\x1b[2Jevil")
    ran = run("live_calls")
    assert ran.stdout.splitlines()[-1] == "1 live call."
    assert "\x1b" not in ran.stdout
    assert "evil → +918071387423" in ran.stdout


def test_people_read_which_recordings_run(account: Account, world: SandboxState) -> None:
    call = world.place_call(MAIN)
    run("start_recording", call.call_uuid)
    world.quirks.async_start = True
    run("start_recording", call.call_uuid)
    known = Recording.objects.get(recording_id__isnull=False)

    assert f"  ● {known.recording_id}  ● id not known yet\n" in run("live_calls").stdout


def test_an_account_that_was_not_reached_in_time_is_not_taken_for_fresh(
    account: Account, subaccount: Account, world: SandboxState, now: datetime
) -> None:
    Account.objects.filter(pk=subaccount.pk).update(live_refresh_started_at=timezone.now())

    ran = run("live_calls")

    assert ran.code == 1
    assert f"{SUB}: Vobiz was slow, so it has not been asked yet." in ran.stderr
    assert MAIN not in ran.stderr


def test_where_vobiz_does_not_answer_the_last_known_calls_are_shown_and_the_exit_is_1(
    account: Account, world: SandboxState
) -> None:
    world.place_call(MAIN)
    run("live_calls")
    Account.objects.update(live_tried_at=None)
    world.faults.plan(Fault(on="call.list", status=401, times=2))

    ran = run("live_calls", "--json")

    assert (ran.code, len(ran.json["calls"])) == (1, 1)
    assert "These are the last known calls: MA_PU0XU668: Vobiz refused Auth ID MA_…668" in ran.stderr


def test_without_an_account_it_is_a_usage_error(db: None) -> None:
    ran = run("live_calls", "--json")
    assert (ran.code, ran.stdout) == (2, "")
    assert "connect_account" in ran.stderr
    assert not Call.objects.exists()
