"""Converted copies: made once, of what no browser plays; bounded in number, age and room."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from recordings import playback
from recordings.models import Account, Recording
from recordings.playback import AudioRequest, TooManyStreamsError, converted
from recordings.playback.converted import ConversionError, converted_copy, delete_old_copies
from tests.archived import an_archived
from tests.audio.making import CASES, KINDS, encoded, look, pcm, wav
from tests.object_storage import ObjectStorage

GSM = (CASES / "w06-gsm610.wav").read_bytes()
pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path / "var"
    return tmp_path / "var" / "converted"


def kept(account: Account, body: bytes) -> Recording:
    """An archived recording as the reader found it."""
    found = look(body).audio
    assert found is not None
    facts = {
        "audio_codec": found.codec,
        "audio_regular": found.regular,
        "audio_duration_ms": found.duration_ms,
    }
    return an_archived(account, body, container=found.container, **facts)


def body_of(recording: Recording, kind: str) -> tuple[bytes, str]:
    given = playback.open_audio(recording, AudioRequest(converted=kind, to_play=True))
    try:
        return b"".join(given.body), given.content_type
    finally:
        given.body.close()


@pytest.mark.parametrize(("kind", "content_type"), [("mp3", "audio/mpeg"), ("opus", "audio/ogg")])
@pytest.mark.parametrize(
    "name",
    ["w06-gsm610.wav", "w38-g726.wav", "o06-amr.mp3", "o16-speex.spx", "x05-prompt-then-call-other-rate.mp3"],
)
def test_the_copy_is_as_long_as_the_recording(
    account: Account, archive_folder: Path, name: str, kind: str, content_type: str
) -> None:
    recording = kept(account, (CASES / name).read_bytes())
    assert not playback.plays_as_it_is(recording)
    body, given = body_of(recording, kind)
    found = look(body).audio
    assert given == content_type
    assert found is not None
    assert found.regular
    assert found.duration_ms == pytest.approx(recording.audio_duration_ms, rel=0.02)


@pytest.mark.parametrize(
    ("body", "as_it_is", "browser_type"),
    [
        (wav(pcm()), True, ""),
        (encoded(KINDS[11]), True, ""),
        (encoded(KINDS[14]), False, 'audio/ogg; codecs="opus"'),
        (encoded(KINDS[19]), False, 'audio/mp4; codecs="mp4a.40.2"'),
        (wav(pcm(), promised=0x7FFFFFFF), False, ""),
        (GSM, False, ""),
    ],
)
def test_what_each_browser_needs_a_copy_of(
    account: Account, archive_folder: Path, body: bytes, browser_type: str, *, as_it_is: bool
) -> None:
    recording = kept(account, body)
    assert playback.plays_as_it_is(recording) is as_it_is
    assert playback.browser_type(recording) == browser_type


def test_a_copy_is_made_once(account: Account, archive_folder: Path, folder: Path) -> None:
    recording = kept(account, GSM)
    first = converted_copy(recording, "mp3")
    made_at = first.stat().st_ino
    assert converted_copy(recording, "mp3").stat().st_ino == made_at
    assert [path.name for path in folder.iterdir()] == [f"{recording.audio_sha256}.mp3"]


def test_listeners_at_the_same_time_share_one(account: Account, archive_folder: Path, folder: Path) -> None:
    recording = kept(account, GSM)
    paths: list[Path] = []
    threads = [
        threading.Thread(target=lambda: paths.append(converted_copy(recording, "mp3"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 1
    assert len(paths) == 2


def test_no_more_are_made_at_once_than_leave_the_machine_usable(
    account: Account, archive_folder: Path
) -> None:
    recording = kept(account, GSM)
    for _ in range(converted.AT_ONCE):
        converted._places.acquire()
    try:
        with pytest.raises(TooManyStreamsError):
            converted_copy(recording, "mp3")
    finally:
        for _ in range(converted.AT_ONCE):
            converted._places.release()
    assert converted_copy(recording, "mp3").is_file()


def test_a_part_of_the_copy_is_given(account: Account, archive_folder: Path) -> None:
    recording = kept(account, GSM)
    whole, _type = body_of(recording, "mp3")
    asked = playback.ByteRange.parse("bytes=0-1")
    given = playback.open_audio(recording, AudioRequest(asked, converted="mp3", to_play=True))
    assert (b"".join(given.body), given.is_part, given.size) == (whole[:2], True, len(whole))
    given.body.close()


def test_object_storage_is_read_too(account: Account, s3_archive: ObjectStorage) -> None:
    assert look(body_of(kept(account, GSM), "mp3")[0]).audio is not None


@pytest.mark.parametrize("container", ["wav", "unknown"])
def test_what_cannot_be_converted_says_why(
    account: Account, archive_folder: Path, folder: Path, container: str
) -> None:
    recording = an_archived(account, bytes(20_000), container=container)
    with pytest.raises(playback.AudioUnavailableError) as none:
        body_of(recording, "mp3")
    assert none.value.status == 415
    assert not folder.exists() or list(folder.iterdir()) == []
    if container == "wav":
        with pytest.raises(ConversionError):
            converted_copy(recording, "mp3")


def test_old_copies_are_deleted_and_then_the_oldest_that_take_too_much_room(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    now = time.time()
    for name, days, size in (("old", 8, 10), ("a", 3, 600), ("b", 2, 600), ("c", 1, 300)):
        path = folder / name
        path.write_bytes(bytes(size))
        os.utime(path, (now - days * 86_400, now - days * 86_400))
    monkeypatch.setattr(converted, "MAX_BYTES", 1_000)
    assert delete_old_copies(keep=folder / "a") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b", "c"]
    assert delete_old_copies() == 1
    assert sorted(path.name for path in folder.iterdir()) == ["b", "c"]
