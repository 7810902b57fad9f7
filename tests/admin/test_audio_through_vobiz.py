"""What is not archived yet is heard through the portal from Vobiz: the right bytes, as audio, and nothing kept."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from recordings import playback
from recordings.models import AccessEvent, Account, Recording
from recordings.playback import streaming
from recordings.playback.sources import MOST_OF_A_STREAM
from tests.admin.rows import a_recording
from tests.audio.making import CASES, look, pcm, wav
from tests.conftest import MAIN
from tests.ledger import asked as asked_of
from vobiz_portal.sandbox.audio import MP3_FRAME_BYTES
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.serializers import audio_of
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.once


def made(world: SandboxState, account: Account, **fields: Any) -> tuple[Recording, bytes]:
    """A recording that only Vobiz has, and its bytes."""
    at_vobiz = world.add_recording(MAIN, age_days=1, **{"duration": 20, **fields})
    recording = a_recording(account, recording_id=at_vobiz.recording_id, recording_url=world.url_of(at_vobiz))
    audio = audio_of(at_vobiz)
    return recording, b"".join(audio.read(0, audio.length))


def hear(client: Client, recording: Recording, method: str = "get", **headers: str) -> Any:
    return getattr(client, method)(f"/admin/recordings/recording/{recording.pk}/audio/", headers=headers)


def body(answer: Any) -> bytes:
    """All of it; reading to the end closes what it came from."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.fixture(params=[True, False], ids=["ranges", "no ranges"])
def ranges(request: pytest.FixtureRequest, world: SandboxState) -> bool:
    """Whether Vobiz's media host knows ranges."""
    world.quirks.media_ranges = request.param
    return bool(request.param)


def test_the_whole_and_every_kind_of_part(
    world: SandboxState, account: Account, boss: Client, ranges: bool
) -> None:
    recording, audio = made(world, account)
    size = len(audio)
    parts = {
        "bytes=0-99": (0, 100), "bytes=100-": (100, size), "bytes=-77": (size - 77, size), "bytes=0-": (0, size),
        f"bytes=9000-{size * 2}": (9_000, size),
    }  # fmt: skip

    whole = hear(boss, recording)
    assert (whole.status_code, whole["Content-Length"]) == (200, str(size))
    assert body(whole) == audio
    for asked, (start, stop) in parts.items():
        answer = hear(boss, recording, Range=asked)
        assert answer.status_code == 206, asked
        assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer["Content-Type"] == "audio/mpeg"
        assert body(answer) == audio[start:stop]
    past = hear(boss, recording, Range=f"bytes={size}-")
    assert (past.status_code, past["Content-Range"]) == (416, f"bytes */{size}")
    head = hear(boss, recording, "head")
    assert (head.status_code, head["Content-Type"]) == (200, "audio/mpeg")
    assert AccessEvent.objects.count() == 1 + len(parts)


@pytest.mark.parametrize("container", ["mp3", "wav"])
@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 1), (0, 11), (7, 9), (5_000, 5_001)])
def test_the_shortest_range_is_answered_as_if_the_whole_had_been_asked_for(
    world: SandboxState, account: Account, boss: Client, container: str, first: int, last: int, ranges: bool
) -> None:
    """Safari asks for two bytes before all others."""
    recording, audio = made(world, account, container=container)

    answer = hear(boss, recording, Range=f"bytes={first}-{last}")

    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {first}-{last}/{len(audio)}"
    assert answer["Content-Type"] == {"mp3": "audio/mpeg", "wav": "audio/wav"}[container]
    assert body(answer) == audio[first : last + 1]


@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-1"}])
def test_what_no_browser_plays_says_so_and_is_converted_or_downloaded(
    world: SandboxState,
    account: Account,
    boss: Client,
    settings: Settings,
    tmp_path: Path,
    asked: dict[str, str],
) -> None:
    settings.VAR_DIR = tmp_path
    recording, _audio = made(world, account)
    amr = (CASES / "o06-amr.mp3").read_bytes()
    world.faults.plan(Fault(on="media.get", body=amr, times=None))

    answer = hear(boss, recording, **asked)

    assert answer.status_code == 415
    assert answer.content.decode() == "Browsers cannot play AMR. The portal's player plays a converted copy."
    path = f"/admin/recordings/recording/{recording.pk}/audio/?as=mp3"
    copy = boss.get(path, headers=asked)
    assert (copy["Content-Type"], copy.status_code) == ("audio/mpeg", 206 if asked else 200)
    if asked:
        assert len(body(copy)) == 2
    else:
        found = look(body(copy)).audio
        assert found is not None
        assert found.duration_ms == pytest.approx(6_000, rel=0.02)
    fetched = len(asked_of(world, "media.get"))
    body(boss.get(path, headers={"Range": "bytes=100-199"}))
    assert len(asked_of(world, "media.get")) == fetched  # it is made once
    whole = boss.get(f"/admin/recordings/recording/{recording.pk}/download/")
    assert body(whole) == amr
    assert whole["Content-Disposition"].endswith('.amr"')


@pytest.mark.parametrize("name", ["m04-vbr-no-xing.mp3", "x01-vbr-streamed-no-xing.mp3"])
def test_an_mp3_without_a_seek_table_is_heard_as_a_copy_before_it_is_archived_too(
    world: SandboxState, account: Account, boss: Client, name: str
) -> None:
    recording, _audio = made(world, account)
    world.faults.plan(Fault(on="media.get", body=(CASES / name).read_bytes(), times=None))
    assert hear(boss, recording).status_code == 415
    assert hear(boss, recording, Range="bytes=0-0").status_code == 415


def test_an_mp3_with_a_seek_table_is_heard_as_it_is(
    world: SandboxState, account: Account, boss: Client
) -> None:
    recording, _audio = made(world, account)
    audio = (CASES / "m25-xing-counts-itself.mp3").read_bytes()
    world.faults.plan(Fault(on="media.get", body=audio, times=None))
    answer = hear(boss, recording)
    assert (answer.status_code, body(answer)) == (200, audio)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("n10-zip-stored-mp3.mp3", "is no audio"), ("n14-id3-only.mp3", "is no audio"),
        ("n16-html-after-wavhead.wav", "is no audio"), ("m06-freeformat.mp3", "cannot read this file's format"),
    ],
)  # fmt: skip
def test_what_is_no_audio_says_so_and_is_not_converted(
    world: SandboxState,
    account: Account,
    boss: Client,
    settings: Settings,
    tmp_path: Path,
    name: str,
    words: str,
) -> None:
    settings.VAR_DIR = tmp_path
    recording, _audio = made(world, account)
    world.faults.plan(Fault(on="media.get", body=(CASES / name).read_bytes(), times=None))
    assert words in hear(boss, recording).content.decode()
    copy = boss.get(f"/admin/recordings/recording/{recording.pk}/audio/?as=mp3")
    assert copy.status_code == 415
    assert "format" in copy.content.decode() or words in copy.content.decode()


@pytest.mark.parametrize("layers", [1, 3])
def test_a_gzip_file_is_heard_as_a_copy(
    world: SandboxState, account: Account, boss: Client, settings: Settings, tmp_path: Path, layers: int
) -> None:
    settings.VAR_DIR = tmp_path
    recording, _audio = made(world, account)
    packed = wav(pcm())
    for _layer in range(layers):
        packed = gzip.compress(packed)
    world.faults.plan(Fault(on="media.get", body=packed, times=None))
    assert hear(boss, recording).status_code == 415
    found = look(body(boss.get(f"/admin/recordings/recording/{recording.pk}/audio/?as=mp3"))).audio
    assert found is not None
    assert found.duration_ms == pytest.approx(6_000, rel=0.02)


def test_wav_under_an_mp3_name_is_served_as_what_it_is(
    world: SandboxState, account: Account, boss: Client
) -> None:
    recording, audio = made(world, account, container="wav")

    for asked in ("bytes=0-", "bytes=5000-"):
        answer = hear(boss, recording, Range=asked)
        assert answer["Content-Type"] == "audio/wav"
        body(answer)
    assert audio.startswith(b"RIFF")


def test_a_long_recording_comes_in_parts_that_hold_no_thread(
    world: SandboxState, account: Account, boss: Client
) -> None:
    recording, audio = made(world, account, duration=1_300)
    assert len(audio) > MOST_OF_A_STREAM

    first = hear(boss, recording, Range="bytes=0-")
    assert first["Content-Range"] == f"bytes 0-{MOST_OF_A_STREAM - 1}/{len(audio)}"
    rest = hear(boss, recording, Range=f"bytes={MOST_OF_A_STREAM}-")
    assert body(first) + body(rest) == audio


@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-"}, {"Range": "bytes=5000-"}])
def test_what_is_no_audio_is_never_given_on(
    world: SandboxState, account: Account, boss: Client, asked: dict[str, str]
) -> None:
    recording, _audio = made(world, account)
    world.faults.plan(Fault(on="media.get", reply="html", times=None))

    answer = hear(boss, recording, **asked)

    assert (answer.status_code, answer["Content-Type"]) == (502, "text/plain; charset=utf-8")
    assert "broke off" not in answer.content.decode()
    assert AccessEvent.objects.get().result == "failed"


@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=5000-"}])
@pytest.mark.parametrize(
    ("container", "cut"), [("mp3", 0), ("mp3", 3), ("mp3", MP3_FRAME_BYTES + 2), ("wav", 3), ("wav", 11)]
)
def test_audio_that_broke_off_at_its_beginning_is_not_said_to_be_none(
    world: SandboxState, account: Account, boss: Client, asked: dict[str, str], container: str, cut: int
) -> None:
    recording, _audio = made(world, account, container=container)
    world.faults.plan(Fault(on="media.get", cut=cut, no_length=True, times=None))

    answer = hear(boss, recording, **asked)

    assert answer.status_code == 502
    assert answer.content.decode() == (
        "The audio broke off on its way from Vobiz and is incomplete: try again."
    )


def test_what_vobiz_no_longer_has_says_so(world: SandboxState, account: Account, boss: Client) -> None:
    recording, _audio = made(world, account)
    world.delete_recording(str(recording.recording_id))

    answer = hear(boss, recording)

    assert answer.status_code == 502
    assert AccessEvent.objects.get().result == "failed"


def test_no_more_streams_run_at_once_than_leave_threads_for_callbacks(
    world: SandboxState, account: Account, boss: Client
) -> None:
    recording, audio = made(world, account)
    running = [hear(boss, recording) for _each in range(streaming.STREAMS_AT_ONCE)]

    refused = hear(boss, recording)
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert body(running.pop()) == audio
    assert body(hear(boss, recording)) == audio
    assert [body(answer) for answer in running] == [audio] * len(running)
    assert body(hear(boss, recording)) == audio


def test_a_place_is_given_back_whatever_goes_wrong(
    world: SandboxState, account: Account, boss: Client
) -> None:
    recording, audio = made(world, account)
    at = Recording.objects.filter(pk=recording.pk)
    at.update(recording_id="not-at-vobiz")
    for _each in range(streaming.STREAMS_AT_ONCE + 1):
        assert hear(boss, recording).status_code == 502
    at.update(recording_id=recording.recording_id)
    for _each in range(streaming.STREAMS_AT_ONCE + 1):
        hear(boss, recording, Range=f"bytes={len(audio)}-")
        hear(boss, recording, "head")

    assert body(hear(boss, recording)) == audio


def test_a_copy_that_is_spoilt_is_heard_from_vobiz_while_it_is_there(
    world: SandboxState, account: Account, boss: Client
) -> None:
    recording, audio = made(world, account)
    Recording.objects.filter(pk=recording.pk).update(
        audio="aa/bb/gone.mp3", audio_sha256="0" * 64, audio_bytes=5,
        container="mp3", needs_attention="audio_missing",
    )  # fmt: skip

    answer = hear(boss, recording, Range="bytes=0-99")

    assert (answer.status_code, "ETag" in answer) == (206, False)
    assert body(answer) == audio[:100]


def test_the_verb_says_what_it_opened(world: SandboxState, account: Account) -> None:
    recording, audio = made(world, account)

    opened = playback.open_audio(recording, playback.AudioRequest(playback.ByteRange(10, 19)))

    assert (opened.start, opened.stop, opened.size, opened.is_part) == (10, 20, len(audio), True)
    assert b"".join(opened.body) == audio[10:20]
    opened.body.close()
