from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.sandbox.conftest import MAIN, START, Client
from tests.sandbox.receiver import Receiver
from vobiz_portal.sandbox.entities import Call
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.snapshot import SnapshotWriter, UnreadableSnapshotError, load, save
from vobiz_portal.sandbox.state import SandboxState


def again(path: Path, *, later: float = 1000.0) -> SandboxState:
    """Another SandboxState with the same accounts and seed, some time later, that remembers."""
    world = SandboxState(clock=lambda: START + later, seed=1)
    world.add_account(MAIN, "main_token_0123456789")
    load(world, path)
    return world


def test_recordings_outlive_a_restart_value_for_value(world: SandboxState, tmp_path: Path) -> None:
    for age in range(5):
        world.add_recording(MAIN, age_days=age, conference_name="Monday", timed=age % 2 == 0)
    before = [world.served(one) for one in world.recordings_of(MAIN)]
    save(world, tmp_path / "state.json")
    remembered = again(tmp_path / "state.json", later=0)
    assert [remembered.served(one) for one in remembered.recordings_of(MAIN)] == before


def test_what_was_deleted_stays_deleted(world: SandboxState, tmp_path: Path) -> None:
    gone = world.add_recording(MAIN)
    world.delete_recording(gone.recording_id)
    save(world, tmp_path / "state.json")
    assert again(tmp_path / "state.json").recordings_of(MAIN) == []


def test_live_calls_have_ended_when_it_was_written_and_their_callbacks_still_come(
    world: SandboxState, client: Client, call: Call, receiver: Receiver, tmp_path: Path
) -> None:
    started = client.record(
        call,
        time_limit=600,
        callback_url=f"{receiver.url}/r/",
        transcription_url=f"{receiver.url}/t/",
        transcription_type="auto",
    )
    world.advance(50)
    save(world, tmp_path / "state.json")
    remembered = again(tmp_path / "state.json")
    with Sandbox(remembered, deliver=False) as sandbox:
        recording = remembered.recording(started["recording_id"])
        assert (recording.duration_ms, recording.end_reason) == (50_000, "hangup")
        assert remembered.calls[call.call_uuid].state == "ended"
        sandbox.outbox.deliver_now()
    assert receiver.paths == ["/r/", "/t/"]
    assert receiver.deliveries[0].fields["api_id"] == started["api_id"]


def test_callbacks_owed_are_still_owed(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver, tmp_path: Path
) -> None:
    world.faults.plan(Fault(on="callback.recording", schemes=("v2",)))
    receiver.statuses = [500]
    client.record(call, callback_url=f"{receiver.url}/r/", time_limit=5)
    world.advance(5)
    sandbox.outbox.deliver_now()
    save(world, tmp_path / "state.json")
    with Sandbox(again(tmp_path / "state.json"), deliver=False) as remembered:
        assert remembered.outbox.deliver_now() == [200]
    assert receiver.deliveries[0].body == receiver.deliveries[1].body


def test_ids_after_a_restart_are_new_ones(world: SandboxState, tmp_path: Path) -> None:
    before = {world.place_call(MAIN).call_uuid for _ in range(20)}
    save(world, tmp_path / "state.json")
    once = again(tmp_path / "state.json")
    after = {once.place_call(MAIN).call_uuid for _ in range(20)}
    save(once, tmp_path / "state.json")
    twice = again(tmp_path / "state.json")
    assert before.isdisjoint(after)
    assert after.isdisjoint({twice.place_call(MAIN).call_uuid for _ in range(20)})


def test_the_file_holds_no_token_and_is_its_owners_only(world: SandboxState, tmp_path: Path) -> None:
    world.set_flow(MAIN, callback_url="https://portal.example/callbacks/account/k3y/")
    world.add_recording(MAIN)
    save(world, tmp_path / "state.json")
    assert "token_" not in (tmp_path / "state.json").read_text(encoding="utf-8")
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600
    flow = again(tmp_path / "state.json").accounts[MAIN].flow
    assert flow is not None
    assert flow.callback_url == "https://portal.example/callbacks/account/k3y/"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    world: SandboxState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    save(world, path)
    before = path.read_text(encoding="utf-8")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    world.add_recording(MAIN)
    with pytest.raises(OSError, match="No space left"):
        save(world, path)
    assert path.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", json.dumps({"version": 99}), '{"version": 1, "calls": [{}]}']
)
def test_an_unreadable_file_is_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableSnapshotError, match=r"\w"):
        again(tmp_path / "state.json")


def test_the_keeper_writes_when_something_has_changed_and_not_too_often(
    world: SandboxState, tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    writer = SnapshotWriter(world, path)

    def kept() -> int:
        return len(json.loads(path.read_text(encoding="utf-8"))["recordings"])

    writer.tick()
    assert kept() == 0
    world.add_recording(MAIN)
    writer.tick()
    assert kept() == 0
    world.advance(2)
    writer.tick()
    assert kept() == 1
    path.unlink()
    world.advance(10)
    writer.tick()
    assert not path.exists()
