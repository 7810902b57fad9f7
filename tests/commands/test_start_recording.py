"""start_recording: with the account's defaults or the options given, of a call that need not be known here."""

from __future__ import annotations

import pytest

from recordings.models import Account, Recording
from tests.commands.shell import run
from tests.conftest import MAIN, SUB
from tests.ledger import asked
from vobiz_portal.sandbox.entities import Call as LiveCall
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState


@pytest.fixture
def call(account: Account, world: SandboxState) -> LiveCall:
    """A live call the portal has never seen."""
    return world.place_call(MAIN)


def test_a_call_that_is_not_known_here_is_recorded_with_the_accounts_defaults(
    call: LiveCall, world: SandboxState
) -> None:
    ran = run("start_recording", call.call_uuid, "--json")

    row = Recording.objects.get()
    (running,) = world.running()
    assert ran.code == 0
    assert ran.json.keys() == {"id", "status", "recording_id", "cuts_at"}
    assert (ran.json["id"], ran.json["status"], ran.json["recording_id"]) == (
        row.pk,
        "active",
        running.recording_id,
    )
    assert ran.json["cuts_at"].endswith("Z")
    assert (running.time_limit, running.file_format, running.channels, running.transcribe) == (
        14_400,
        "mp3",
        2,
        False,
    )
    assert row.requested_by is None


def test_every_option_is_said_to_vobiz(call: LiveCall, world: SandboxState) -> None:
    options = ["--time-limit", "90", "--file-format", "wav", "--channels", "mono", "--transcribe"]
    assert run("start_recording", call.call_uuid, *options).code == 0
    (running,) = world.running()
    assert (running.time_limit, running.file_format, running.channels, running.transcribe) == (
        90,
        "wav",
        1,
        True,
    )


def test_an_accounts_default_can_be_declined(call: LiveCall, world: SandboxState) -> None:
    Account.objects.update(default_transcribe=True)
    run("start_recording", call.call_uuid, "--no-transcribe")
    assert not world.running()[0].transcribe


@pytest.mark.parametrize(
    "arguments",
    [
        ["--time-limit", "0"],
        ["--time-limit", "28801"],
        ["--account", "MA_NOTHERE1"],
    ],
)
def test_what_cannot_be_asked_for_is_a_usage_error(
    call: LiveCall, world: SandboxState, arguments: list[str]
) -> None:
    assert run("start_recording", call.call_uuid, *arguments).code == 2
    assert asked(world) == []
    assert not Recording.objects.exists()


@pytest.mark.parametrize("call_uuid", ["../Recording", "BulkDelete", "a?x=1", "x"])
def test_what_is_no_call_uuid_is_a_usage_error(account: Account, world: SandboxState, call_uuid: str) -> None:
    assert run("start_recording", call_uuid).code == 2
    assert asked(world) == []


def test_a_refused_start_says_why_and_exits_1(call: LiveCall, world: SandboxState) -> None:
    world.hang_up(call.call_uuid)
    ran = run("start_recording", call.call_uuid, "--json")
    assert (ran.code, ran.json["status"]) == (1, "failed")
    assert "The call is over, so nothing was recorded." in ran.stderr


def test_a_lost_answer_exits_1_and_warns_of_starting_again(call: LiveCall, world: SandboxState) -> None:
    world.faults.plan(Fault(on="record.start", drop="after"))
    ran = run("start_recording", call.call_uuid, "--json")
    assert (ran.code, ran.json["status"], ran.json["recording_id"]) == (1, "requested", None)
    assert "may record the call twice" in ran.stderr


def test_of_several_accounts_the_one_that_knows_the_call_is_meant_else_it_must_be_named(
    account: Account, subaccount: Account, world: SandboxState
) -> None:
    its = world.place_call(SUB)
    ran = run("start_recording", its.call_uuid)
    assert ran.code == 2
    assert "--account" in ran.stderr
    assert run("start_recording", its.call_uuid, "--account", SUB).code == 0
    assert run("start_recording", its.call_uuid).code == 0
    assert [one.auth_id for one in world.running()] == [SUB, SUB]


def test_people_are_told_when_it_cuts(call: LiveCall, world: SandboxState) -> None:
    ran = run("start_recording", call.call_uuid)
    (running,) = world.running()
    assert ran.stdout.startswith(f"Recording {running.recording_id} started. It stops at ")
    key = Recording.objects.get().callback_key
    assert key
    assert key not in ran.stdout
