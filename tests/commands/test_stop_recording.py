"""stop_recording: one by its id, or all of a call where that is said."""

from __future__ import annotations

from typing import Any

import pytest

from recordings.models import Account, Recording
from tests.commands.shell import run
from tests.conftest import MAIN
from tests.ledger import asked
from vobiz_portal.sandbox.entities import Call as LiveCall
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState


@pytest.fixture
def call(account: Account, world: SandboxState) -> LiveCall:
    """A live call with two recordings that were started here."""
    call = world.place_call(MAIN)
    for _ in range(2):
        assert run("start_recording", call.call_uuid).code == 0
    return call


def ids() -> list[str]:
    return [str(one) for one in Recording.objects.order_by("pk").values_list("recording_id", flat=True)]


def test_one_is_stopped_by_its_id(call: LiveCall, world: SandboxState) -> None:
    first, second = ids()
    ran = run("stop_recording", first, "--json")
    assert (ran.code, ran.json) == (0, {"stopped": 1})
    assert [one.recording_id for one in world.running()] == [second]


def test_all_of_a_call_are_stopped(call: LiveCall, world: SandboxState) -> None:
    ran = run("stop_recording", "--call", call.call_uuid, "--all", "--json")
    assert (ran.code, ran.json) == (0, {"stopped": 2})
    assert world.running() == []


def test_people_read_how_many_were_stopped(call: LiveCall) -> None:
    assert run("stop_recording", ids()[0]).stdout == "Stopping 1 recording.\n"
    words = run("stop_recording", "--call", call.call_uuid, "--all").stdout
    assert words == "Stopping 2 recordings started from the portal, and any other of the call.\n"


def test_a_call_that_is_not_known_here_can_be_stopped_too(account: Account, world: SandboxState) -> None:
    call = world.place_call(MAIN)
    world.start_recording(MAIN, call.call_uuid)
    ran = run("stop_recording", "--call", call.call_uuid, "--all", "--json")
    assert (ran.code, ran.json) == (0, {"stopped": 0})
    assert world.running() == []


@pytest.mark.once
@pytest.mark.parametrize("arguments", [
    [], ["rec-1", "--all"], ["rec-1", "--call", "call-1", "--all"], ["--call", "call-1"], ["--all"],
    ["no-such-recording"], ["../Call"], ["--call", "BulkDelete", "--all"], ["rec-1", "--account", "MA_NOTHERE1"],
])  # fmt: skip
def test_anything_unclear_is_a_usage_error_and_nothing_is_sent(
    account: Account, world: SandboxState, arguments: list[str]
) -> None:
    assert run("stop_recording", *arguments).code == 2
    assert asked(world) == []


@pytest.mark.parametrize("url", [None])
def test_without_its_url_one_cannot_be_stopped_alone_and_nothing_is_sent(
    call: LiveCall, world: SandboxState, url: str | None
) -> None:
    Recording.objects.update(recording_url=url)
    ran = run("stop_recording", ids()[0], "--json")
    assert (ran.code, ran.json) == (1, {"stopped": 0})
    assert "--call CALL_UUID --all" in ran.stderr
    assert len(world.running()) == 2


def test_what_is_over_or_was_asked_before_is_no_failure(call: LiveCall, world: SandboxState) -> None:
    first, second = ids()
    run("stop_recording", first)
    again = run("stop_recording", first)
    assert again.code == 0
    assert again.stdout.startswith("Already stopping since 20")
    assert again.stdout.endswith(" UTC, requested by the command line.\n")
    world.hang_up(call.call_uuid)
    over = run("stop_recording", second, "--json")
    assert (over.code, over.json) == (0, {"stopped": 0})


@pytest.mark.parametrize(("fault", "words"), [
    ({"status": 401}, "refused Auth ID"), ({"drop": "before", "times": 9}, "may still be running"),
])  # fmt: skip
def test_what_vobiz_did_not_do_is_said_and_exits_1(
    call: LiveCall, world: SandboxState, fault: dict[str, Any], words: str
) -> None:
    world.faults.plan(Fault(on="record.stop", **fault))
    ran = run("stop_recording", ids()[0], "--json")
    assert (ran.code, ran.json) == (1, {"stopped": 0})
    assert words in ran.stderr
