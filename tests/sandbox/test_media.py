from __future__ import annotations

import io
import re
import wave
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import MAIN, OTHER, SUB, Client
from tests.sandbox.test_audio import frames_of
from vobiz_portal.sandbox.entities import Call, Recording
from vobiz_portal.sandbox.media import parse_range
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState


@pytest.fixture
def recording(world: SandboxState) -> Recording:
    return world.add_recording(MAIN, duration=20.16)


def fetch(world: SandboxState, recording: Recording, **how: Any) -> requests.Response:
    how.setdefault("headers", world.headers(MAIN))
    return requests.get(world.url_of(recording), timeout=60, allow_redirects=False, **how)


def test_audio_comes_with_the_accounts_headers_and_not_without(
    sandbox: Sandbox, world: SandboxState, recording: Recording
) -> None:
    answer = fetch(world, recording)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "audio/mpeg")
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert frames_of(answer.content) == 280
    for headers in ({}, world.headers(OTHER), {"X-Auth-ID": MAIN, "X-Auth-Token": "no"}):
        assert fetch(world, recording, headers=headers).status_code == 401


def test_a_parent_may_fetch_its_sub_accounts_audio_but_not_the_reverse(
    sandbox: Sandbox, world: SandboxState
) -> None:
    sub, main = world.add_recording(SUB), world.add_recording(MAIN)
    assert fetch(world, sub).status_code == 200
    assert fetch(world, main, headers=world.headers(SUB)).status_code == 401


def test_audio_is_open_by_switch(sandbox: Sandbox, world: SandboxState, recording: Recording) -> None:
    world.quirks.media_needs_credentials = False
    assert fetch(world, recording, headers={}).status_code == 200


def test_an_mp3_may_be_wav_inside(sandbox: Sandbox, world: SandboxState, client: Client) -> None:
    recording = world.add_recording(MAIN, container="wav", channels=2, duration=3)
    answer = fetch(world, recording)
    assert answer.url.endswith(".mp3")
    assert answer.headers["Content-Type"] == "audio/mpeg"
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (2, 8000, 24_000)
    assert client.recordings()["objects"][0]["recording_format"] == "mp3"


def test_new_mp3_recordings_are_wav_inside_by_switch(world: SandboxState, client: Client, call: Call) -> None:
    world.quirks.mp3_is_wav = True
    started = client.record(call)
    world.advance(60)
    assert requests.get(started["url"], headers=client.headers, timeout=60).content[:4] == b"RIFF"


def test_a_file_is_not_there_until_the_recording_is_finished(
    world: SandboxState, client: Client, call: Call
) -> None:
    started = client.record(call)
    assert requests.get(started["url"], headers=client.headers, timeout=60).status_code == 404
    world.advance(60)
    assert requests.get(started["url"], headers=client.headers, timeout=60).status_code == 200


def test_old_deleted_and_unknown_files_are_404_and_rows_may_outlive_their_audio(
    sandbox: Sandbox, world: SandboxState, client: Client, recording: Recording
) -> None:
    world.quirks.retention_days = 30
    old = world.add_recording(MAIN, age_days=31)
    young = world.add_recording(MAIN, age_days=29)
    assert (fetch(world, old).status_code, fetch(world, young).status_code) == (404, 200)
    assert old.recording_id in client.listed_ids()
    url = world.url_of(recording)
    world.delete_recording(recording.recording_id)
    for gone in (url, url.replace(recording.recording_id, "0" * 36), url.replace(".mp3", ".wav")):
        assert requests.get(gone, headers=client.headers, timeout=60).status_code == 404


def test_files_also_live_under_v1_without_api(
    sandbox: Sandbox, world: SandboxState, recording: Recording
) -> None:
    world.quirks.media_prefix = "/v1"
    assert "/api/" not in world.url_of(recording)
    assert fetch(world, recording).status_code == 200


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=161000-", 161_000, None),
        ("bytes=-10", -10, None),
    ],
)
def test_ranges_are_served(
    sandbox: Sandbox, world: SandboxState, recording: Recording, asked: str, start: int, stop: int | None
) -> None:
    whole = fetch(world, recording).content
    part = fetch(world, recording, headers={**world.headers(MAIN), "Range": asked})
    assert (part.status_code, part.content) == (206, whole[start:stop])
    first = start % len(whole)
    assert part.headers["Content-Range"] == f"bytes {first}-{first + len(part.content) - 1}/{len(whole)}"


def test_a_range_past_the_end_is_416_and_odd_ones_get_the_whole(
    sandbox: Sandbox, world: SandboxState, recording: Recording
) -> None:
    headers = world.headers(MAIN)
    past = fetch(world, recording, headers={**headers, "Range": "bytes=999999999-"})
    assert (past.status_code, past.headers["Content-Range"]) == (416, "bytes */161280")
    for odd in ("bytes=5-2", "bytes=0-1,5-6", "lines=1-2", "bytes=-"):
        assert fetch(world, recording, headers={**headers, "Range": odd}).status_code == 200


def test_ranges_are_ignored_by_switch(sandbox: Sandbox, world: SandboxState, recording: Recording) -> None:
    world.quirks.media_ranges = False
    answer = fetch(world, recording, headers={**world.headers(MAIN), "Range": "bytes=0-0"})
    assert (answer.status_code, len(answer.content)) == (200, 161_280)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", None), ("bytes=0-9", (0, 10)), ("bytes=-0", (0, 0)), ("bytes=10-", (0, 0)), ("bytes=-99", (0, 10))],
)
def test_a_range_header_is_read(header: str, expected: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == expected


def test_head_tells_the_length_and_sends_nothing(
    sandbox: Sandbox, world: SandboxState, recording: Recording
) -> None:
    answer = requests.head(world.url_of(recording), headers=world.headers(MAIN), timeout=60)
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, "161280", b"")


def test_audio_may_be_redirected_to_a_store_that_asks_for_no_headers(
    sandbox: Sandbox, world: SandboxState, recording: Recording
) -> None:
    whole = fetch(world, recording).content
    world.quirks.media_redirect = sandbox.media_url.replace("127.0.0.1", "localhost")
    redirect = fetch(world, recording)
    assert redirect.status_code == 302
    where = redirect.headers["Location"]
    assert where.startswith("http://localhost:")
    assert requests.get(where, timeout=60).content == whole
    forged = re.sub(r"signed/[^/]+/", "signed/00000000-0000-4000-8000-000000000000/", where)
    assert requests.get(forged, timeout=60).status_code == 403
    assert fetch(world, recording, headers={}).status_code == 401
