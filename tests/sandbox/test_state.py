from __future__ import annotations

import pytest

from tests.sandbox.conftest import MAIN, OTHER, START
from vobiz_portal.sandbox.entities import Call
from vobiz_portal.sandbox.state import NotFoundError, SandboxState


def whats(world: SandboxState, *kinds: str) -> list[tuple[str, float]]:
    return [(entry.what, round(entry.at - START, 3)) for entry in world.ledger if entry.what in kinds]


def test_a_call_rings_is_answered_and_ends_by_itself(world: SandboxState) -> None:
    call = world.place_call(MAIN, rings_for=5, lasts=60)
    assert [one.call_uuid for one in world.calls_of(MAIN, "queued")] == [call.call_uuid]
    world.advance(5)
    assert [one.call_uuid for one in world.calls_of(MAIN, "live")] == [call.call_uuid]
    world.advance(60)
    assert call.state == "ended"
    assert call.ended_at == START + 65


def test_everything_due_in_a_long_leap_happens_in_its_order_and_at_its_own_moment(
    world: SandboxState,
) -> None:
    call = world.place_call(MAIN, rings_for=5, lasts=100)
    world.advance(10)
    world.start_recording(MAIN, call.call_uuid, time_limit=30)
    world.start_recording(MAIN, call.call_uuid, time_limit=3600)
    world.advance(100_000)
    assert whats(world, "recording.ended", "call.ended") == [
        ("recording.ended", 40.0),
        ("call.ended", 105.0),
        ("recording.ended", 105.0),
    ]


def test_a_call_that_ends_first_ends_its_recordings_even_if_their_limit_is_in_the_same_leap(
    world: SandboxState,
) -> None:
    call = world.place_call(MAIN, lasts=10)
    recording = world.start_recording(MAIN, call.call_uuid, time_limit=11)
    world.advance(3600)
    assert (recording.end_reason, recording.duration_ms) == ("hangup", 10_000)


def test_a_ringing_call_cannot_be_recorded(world: SandboxState) -> None:
    call = world.place_call(MAIN, rings_for=5)
    with pytest.raises(NotFoundError):
        world.start_recording(MAIN, call.call_uuid)


def test_another_accounts_call_cannot_be_recorded(world: SandboxState, call: Call) -> None:
    with pytest.raises(NotFoundError):
        world.start_recording(OTHER, call.call_uuid)


def test_hanging_up_twice_finds_no_call_the_second_time(world: SandboxState, call: Call) -> None:
    world.hang_up(call.call_uuid)
    with pytest.raises(NotFoundError):
        world.hang_up(call.call_uuid)


def test_the_same_seed_makes_the_same_ids_and_another_seed_does_not() -> None:
    def ids(seed: int) -> list[str]:
        world = SandboxState(clock=lambda: START, seed=seed)
        world.add_account(MAIN, "t")
        return [world.place_call(MAIN).call_uuid for _ in range(3)]

    assert ids(7) == ids(7)
    assert ids(7) != ids(8)


def test_time_goes_on_by_itself_without_a_clock_of_its_own() -> None:
    world = SandboxState()
    before = world.now()
    world.advance(100)
    assert world.now() >= before + 100


def test_the_ledger_keeps_the_newest_lines_and_counts_all(world: SandboxState) -> None:
    from vobiz_portal.sandbox.entities import Entry, Ledger

    ledger = Ledger(size=3)
    for at in range(5):
        ledger.write(Entry("tick", float(at)))
    assert [entry.at for entry in ledger] == [2.0, 3.0, 4.0]
    assert ledger.written == 5
