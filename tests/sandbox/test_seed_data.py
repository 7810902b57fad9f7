"""The believable past, and the calls that keep coming."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.sandbox.conftest import MAIN, START, SUB
from vobiz_portal.sandbox.call_generator import AT_MOST, CallGenerator
from vobiz_portal.sandbox.seed_data import seed_recordings
from vobiz_portal.sandbox.serializers import DAY
from vobiz_portal.sandbox.state import SandboxState


@pytest.fixture
def past(world: SandboxState) -> SandboxState:
    seed_recordings(world, MAIN, 300)
    return world


def test_the_past_has_every_kind_of_row_over_six_weeks(past: SandboxState) -> None:
    recordings = past.recordings_of(MAIN)
    assert len(recordings) == 300
    kinds = Counter(one.kind for one in recordings)
    assert set(kinds) == {"call", "conference", "trunk"}
    assert all(one.conference_name for one in recordings if one.kind == "conference")
    ages = [(START - (one.added_at or 0)) / DAY for one in recordings]
    assert max(ages) > 40
    assert sum(age < 7 for age in ages) > 50
    assert all(one.ended_at is not None and one.ended_at <= START for one in recordings)
    assert any(not one.timed for one in recordings if one.kind == "trunk")
    assert any(one.file_format == "mp3" and one.container == "wav" for one in recordings)
    assert any(one.file_format == "wav" and one.url_extension == "mp3" for one in recordings)
    callers = {one.from_number for one in recordings} | {one.to_number for one in recordings}
    for beginning in ("+91", "+1415", "sip:", "0"):
        assert any(number.startswith(beginning) for number in callers)
    assert max(Counter(one.call_uuid for one in recordings).values()) > 1


def test_old_audio_is_gone_some_old_rows_are_still_listed_and_older_ones_have_vanished(
    past: SandboxState,
) -> None:
    past.quirks.retention_days, past.quirks.rows_vanish_after_days = 30.0, 33.0
    listed = past.recordings_of(MAIN)
    gone = [one for one in listed if past.audio_gone(one)]
    assert 0 < len(gone) < 60
    assert len(listed) < 300


def test_the_same_seed_has_the_same_past(past: SandboxState) -> None:
    twin = SandboxState(clock=lambda: START, seed=1)
    twin.add_account(MAIN, "another_token")
    twin.media_base = past.media_base
    twin.new_id()
    seed_recordings(twin, MAIN, 300)

    def told(world: SandboxState) -> list[tuple[str, str, int | None]]:
        return [(one.from_number, one.kind, one.duration_ms) for one in world.recordings_of(MAIN)]

    assert told(twin) == told(past)
    other = SandboxState(clock=lambda: START, seed=2)
    other.add_account(MAIN, "token")
    seed_recordings(other, MAIN, 300)
    assert told(other) != told(past)


def test_calls_keep_coming_ring_live_end_and_are_never_too_many(world: SandboxState) -> None:
    traffic = CallGenerator(world, [MAIN, SUB], per_minute=20)
    traffic.open(3)
    assert len(world.calls_of(MAIN, "live")) + len(world.calls_of(SUB, "live")) == 3
    most = 0
    for _ in range(3600):
        world.advance(1)
        traffic.tick()
        most = max(most, sum(call.state != "ended" for call in world.calls.values()))
    states = Counter(call.state for call in world.calls.values())
    assert states["ended"] > 50
    assert states["live"] >= 3
    assert most == AT_MOST
    assert {call.auth_id for call in world.calls.values()} == {MAIN, SUB}


def test_some_calls_of_an_account_with_a_flow_record_themselves(world: SandboxState) -> None:
    world.set_flow(MAIN, callback_url="https://portal.example/a/")
    traffic = CallGenerator(world, [MAIN], per_minute=10)
    for _ in range(600):
        world.advance(1)
        traffic.tick()
    flows = Counter(call.flow for call in world.calls.values())
    assert flows[True] > 0
    assert flows[False] > 0
