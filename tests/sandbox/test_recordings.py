"""The Recording list, retrieve and delete, and the shape of the object."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import MAIN, SUB, Client
from vobiz_portal.sandbox.entities import Call
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

PAYLOADS = Path(__file__).parents[1] / "payloads"


def documented(name: str) -> dict[str, Any]:
    text = (PAYLOADS / f"recordings__documented_{name}.json").read_text(encoding="utf-8")
    return dict(json.loads(text)["objects"][0])


@pytest.mark.parametrize("name", ["conference", "call"])
def test_the_documented_objects_are_served_value_for_value(
    world: SandboxState, client: Client, name: str
) -> None:
    example = documented(name)
    world.add_recording(MAIN, **example)
    page = client.recordings()
    assert page["objects"] == [example]
    assert list(page["objects"][0]) == list(example)
    assert page["meta"] == {"limit": 20, "next": None, "offset": 0, "previous": None, "total_count": 1}
    assert set(page) == {"api_id", "meta", "objects"}


def test_a_recording_made_here_is_what_the_documents_show_but_for_its_ids(
    world: SandboxState, client: Client, call: Call
) -> None:
    """The same call, at the same moment, for the same 10.08 s."""
    world.quirks.finalise_after = 1.249756
    started = client.record(call)
    world.advance(10.08)
    client.delete(f"Call/{call.call_uuid}/Record/", json={"URL": started["url"]})
    world.advance(1.3)
    made, example = client.recordings()["objects"][0], documented("call")
    ours = {"call_uuid", "recording_id", "recording_url", "resource_uri"}
    assert {name: value for name, value in made.items() if name not in ours} == {
        name: value for name, value in example.items() if name not in ours
    }
    assert {name: type(value) for name, value in made.items()} == {
        name: type(value) for name, value in example.items()
    }
    assert made["resource_uri"] == f"/v1/Account/{MAIN}/Recording/{made['recording_id']}/"


def test_retrieve_is_flat_with_an_api_id_and_an_envelope_by_switch(
    world: SandboxState, client: Client
) -> None:
    recording = world.add_recording(MAIN)
    path = f"Recording/{recording.recording_id}/"
    flat = client.get(path).json()
    listed = client.recordings()["objects"][0]
    assert flat == {"api_id": flat["api_id"], **listed}
    world.quirks.envelope_retrieve = True
    assert client.get(path).json()["objects"] == [listed]


def test_a_missing_recording_is_404_with_an_error(client: Client) -> None:
    answer = client.get("Recording/d7801b2e-e76d-4dd8-be9c-9e015a7267b8/")
    assert (answer.status_code, answer.json()["error"]) == (404, "Recording not found")
    assert set(answer.json()) == {"api_id", "error"}


def test_pages_are_twenty_rows_newest_first_with_a_relative_next_that_lacks_api(
    world: SandboxState, client: Client
) -> None:
    made = [world.add_recording(MAIN, age_days=age).recording_id for age in range(45)]
    first = client.recordings()
    assert [row["recording_id"] for row in first["objects"]] == made[:20]
    assert first["meta"]["next"] == f"/v1/Account/{MAIN}/Recording/?limit=20&offset=20"
    assert first["meta"]["previous"] is None
    last = client.recordings(limit=20, offset=40)
    assert [row["recording_id"] for row in last["objects"]] == made[40:]
    assert last["meta"] == {
        "limit": 20,
        "next": None,
        "offset": 40,
        "previous": f"/v1/Account/{MAIN}/Recording/?limit=20&offset=20",
        "total_count": 45,
    }
    assert client.listed_ids(offset=45) == []


def test_a_larger_limit_than_allowed_is_clamped_without_a_word(world: SandboxState, client: Client) -> None:
    for age in range(120):
        world.add_recording(MAIN, age_days=age / 10)
    assert len(client.listed_ids(limit=250)) == 100
    world.quirks.max_limit = 20
    page = client.recordings(limit=100)
    assert (len(page["objects"]), page["meta"]["limit"]) == (20, 20)


def test_an_empty_list_is_no_error(client: Client) -> None:
    page = client.recordings()
    assert (page["objects"], page["meta"]["total_count"]) == ([], 0)


def test_filters_by_call_and_type_work_unknown_ones_are_ignored(world: SandboxState, client: Client) -> None:
    one = world.add_recording(MAIN, age_days=1)
    two = world.add_recording(MAIN, age_days=2, call_uuid=one.call_uuid, recording_type="trunk")
    world.add_recording(MAIN, age_days=3)
    assert client.listed_ids(call_uuid=one.call_uuid) == [one.recording_id, two.recording_id]
    assert client.listed_ids(recording_type="trunk") == [two.recording_id]
    assert client.listed_ids(call_uuid="no-such-call") == []
    assert len(client.listed_ids(from_date="2030-01-01")) == 3
    world.quirks.ignore_filters = True
    assert len(client.listed_ids(call_uuid=one.call_uuid)) == 3


def test_a_limit_that_is_no_number_is_400(client: Client) -> None:
    assert client.get("Recording/", params={"limit": "many"}).status_code == 400


def test_a_running_recording_is_not_listed_until_its_file_is_made(
    world: SandboxState, client: Client, call: Call
) -> None:
    world.quirks.finalise_after = 2.0
    started = client.record(call, time_limit=10)
    assert client.listed_ids() == []
    world.advance(11)
    assert client.listed_ids() == []
    assert client.get(f"Recording/{started['recording_id']}/").status_code == 404
    world.advance(1)
    assert client.listed_ids() == [started["recording_id"]]


def test_running_recordings_are_listed_without_a_url_by_switch(
    world: SandboxState, client: Client, call: Call
) -> None:
    world.quirks.unfinished_listed = True
    started = client.record(call)
    row = client.recordings()["objects"][0]
    assert (row["recording_id"], row["recording_url"]) == (started["recording_id"], "")
    assert row["recording_end_ms"] is None


def test_delete_is_204_then_404_and_takes_the_audio_along(world: SandboxState, client: Client) -> None:
    recording = world.add_recording(MAIN)
    path = f"Recording/{recording.recording_id}/"
    first = client.delete(path)
    assert (first.status_code, first.content) == (204, b"")
    assert client.delete(path).status_code == 404
    assert client.listed_ids() == []
    assert [entry.recording_id for entry in world.ledger.of("recording.deleted")] == [recording.recording_id]


def test_bulk_delete_is_no_route_and_deletes_nothing(world: SandboxState, client: Client) -> None:
    world.add_recording(MAIN)
    assert client.delete("Recording/BulkDelete/").status_code == 404
    assert len(client.listed_ids()) == 1


def test_a_sub_accounts_recordings_are_the_parents_only_by_switch(
    world: SandboxState, sandbox: Sandbox
) -> None:
    own, sub = world.add_recording(MAIN, age_days=2), world.add_recording(SUB, age_days=1)
    parent = Client(sandbox, MAIN)
    assert parent.listed_ids() == [own.recording_id]
    assert parent.get(f"Recording/{sub.recording_id}/").status_code == 404
    world.quirks.parent_sees_sub_accounts = True
    assert parent.listed_ids() == [sub.recording_id, own.recording_id]
    assert (
        parent.get(f"Recording/{sub.recording_id}/").json()["resource_uri"].startswith(f"/v1/Account/{SUB}/")
    )
    assert Client(sandbox, SUB).listed_ids() == [sub.recording_id]


def test_times_are_written_in_the_accounts_zone_and_without_idle_zeros(
    world: SandboxState, sandbox: Sandbox
) -> None:
    world.add_recording(SUB, added_at=1_778_127_335.79276)
    row = Client(sandbox, SUB).recordings()["objects"][0]
    assert row["add_time"] == "2026-05-07 09:45:35.79276+05:30"


def test_a_plain_calls_conference_name_is_null_or_empty_by_switch(
    world: SandboxState, client: Client
) -> None:
    world.add_recording(MAIN)
    assert client.recordings()["objects"][0]["conference_name"] is None
    world.quirks.empty_conference_name = ""
    assert client.recordings()["objects"][0]["conference_name"] == ""


def test_billed_seconds_are_whole_minutes_and_age_is_at_least_a_day(
    world: SandboxState, client: Client
) -> None:
    world.add_recording(MAIN, duration=61.2, age_days=6.5)
    world.add_recording(MAIN, duration=7.88)
    newest, older = client.recordings()["objects"]
    assert (newest["rounded_recording_duration"], newest["recording_storage_duration"]) == (60, 1)
    assert (older["rounded_recording_duration"], older["recording_storage_duration"]) == (120, 6)


def test_numbers_keep_their_odd_spellings(world: SandboxState, client: Client) -> None:
    for caller in ("sip:anita@pbx.lotus.example", "08012345678", ""):
        world.add_recording(MAIN, from_number=caller)
    assert {row["from_number"] for row in client.recordings()["objects"]} == {
        "sip:anita@pbx.lotus.example",
        "08012345678",
        "",
    }


def test_old_rows_vanish_from_the_list_by_switch(world: SandboxState, client: Client) -> None:
    young, old = world.add_recording(MAIN, age_days=20), world.add_recording(MAIN, age_days=40)
    world.quirks.rows_vanish_after_days = 33
    assert client.listed_ids() == [young.recording_id]
    assert client.listed_ids(call_uuid=old.call_uuid) == []
    assert client.get(f"Recording/{old.recording_id}/").status_code == 404


def test_ids_look_like_vobiz_ids(world: SandboxState) -> None:
    recording = world.add_recording(MAIN)
    for value in (recording.recording_id, recording.call_uuid):
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value)
