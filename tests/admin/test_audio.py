"""The audio endpoints: which bytes, to whom, and what is logged of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.signing import TimestampSigner
from django.test import Client
from freezegun import freeze_time

from recordings.models import AccessEvent, Account, Recording
from recordings.playback import mint
from recordings.playback.play_tokens import SALT
from tests.admin.conftest import Person
from tests.admin.rows import a_recording, a_running
from tests.archived import an_archived, speech
from tests.object_storage import ObjectStorage

pytestmark = pytest.mark.once

AUDIO = speech(seconds=3)
SIZE = len(AUDIO)


def audio_url(recording: Recording, name: str = "audio") -> str:
    return f"/admin/recordings/recording/{recording.pk}/{name}/"


def hear(client: Client, recording: Recording, *, play: str = "", method: str = "get", **headers: str) -> Any:
    url = f"{audio_url(recording)}?play={play}" if play else audio_url(recording)
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return getattr(client, method)(url, headers=said)


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.fixture
def kept(account: Account, archive_folder: Path) -> Recording:
    """A recording whose audio is in the archive."""
    return an_archived(account, AUDIO)


@pytest.fixture
def listener(staff: Person, account: Account) -> Client:
    """Somebody who may hear the account's recordings."""
    return staff("hear_recording", accounts=[account], name="asha")


def an_id_for(user: str, recording: Recording) -> str:
    return mint(User.objects.get(username=user), recording)


# Which bytes


def test_the_whole_comes_as_audio_and_nothing_else(listener: Client, kept: Recording) -> None:
    answer = hear(listener, kept)

    assert answer.status_code == 200
    assert body(answer) == AUDIO
    assert answer["Content-Type"] == "audio/mpeg"
    assert answer["Content-Length"] == str(SIZE)
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["ETag"] == f'"{kept.audio_sha256}"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert {"private", "no-store"} <= set(answer["Cache-Control"].split(", "))
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Content-Disposition"] == "inline"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, SIZE),
        ("bytes=-100", SIZE - 100, SIZE),
        ("bytes=0-", 0, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        (f"bytes=10-{SIZE * 2}", 10, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
    ],
)
def test_a_range_is_that_part_and_says_which(
    listener: Client, kept: Recording, asked: str, start: int, stop: int
) -> None:
    answer = hear(listener, kept, Range=asked)

    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert answer["Content-Length"] == str(stop - start)
    assert body(answer) == AUDIO[start:stop]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0", f"bytes={SIZE + 5}-{SIZE + 9}"])
def test_a_range_past_the_end_is_416_with_the_size(listener: Client, kept: Recording, asked: str) -> None:
    answer = hear(listener, kept, Range=asked)

    assert answer.status_code == 416
    assert answer["Content-Range"] == f"bytes */{SIZE}"
    assert not AccessEvent.objects.exists()


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "bytes=9-1", "items=0-1", "bytes=abc"])
def test_a_range_that_is_not_one_is_answered_with_the_whole(
    listener: Client, kept: Recording, asked: str
) -> None:
    answer = hear(listener, kept, Range=asked)

    assert (answer.status_code, body(answer)) == (200, AUDIO)


def test_if_range_holds_for_the_same_bytes_only(listener: Client, kept: Recording) -> None:
    same = hear(listener, kept, Range="bytes=0-9", If_Range=f'"{kept.audio_sha256}"')
    assert same.status_code == 206
    for other in ('"abc"', f'W/"{kept.audio_sha256}"', "Sat, 21 Nov 2026 10:00:00 GMT"):
        answer = hear(listener, kept, Range="bytes=0-9", If_Range=other)
        assert (answer.status_code, body(answer)) == (200, AUDIO)


def test_head_says_what_get_would_of_the_whole_and_is_no_play(listener: Client, kept: Recording) -> None:
    answer = hear(listener, kept, method="head", Range="bytes=0-9")

    assert (answer.status_code, body(answer)) == (200, b"")
    assert answer["Content-Length"] == str(SIZE)
    assert answer["Content-Type"] == "audio/mpeg"
    assert answer["Accept-Ranges"] == "bytes"
    assert not AccessEvent.objects.exists()


def test_wav_that_vobiz_calls_mp3_is_served_as_what_it_is(
    listener: Client, account: Account, archive_folder: Path
) -> None:
    recording = an_archived(account, b"RIFF\x24\x00\x00\x00WAVE", container="wav", file_format="mp3")

    assert hear(listener, recording)["Content-Type"] == "audio/wav"


@pytest.mark.parametrize("container", ["html", "unknown"])
def test_a_copy_of_an_unknown_kind_is_not_played(
    listener: Client, account: Account, archive_folder: Path, container: str
) -> None:
    recording = an_archived(account, AUDIO, gone_at_provider_at=datetime.now(UTC))
    Recording.objects.filter(pk=recording.pk).update(container=container)

    answer = hear(listener, recording)

    assert (answer.status_code, answer["Content-Type"]) == (415, "text/plain; charset=utf-8")
    assert "cannot read this file's format" in answer.content.decode()


def test_no_other_method_is_known(listener: Client, kept: Recording) -> None:
    assert hear(listener, kept, method="post").status_code == 405
    assert hear(listener, kept, method="put").status_code == 405


def test_object_storage_gives_the_same_parts(
    listener: Client, account: Account, s3_archive: ObjectStorage
) -> None:
    recording = an_archived(account, AUDIO)

    whole, part, tail, head = (
        hear(listener, recording),
        hear(listener, recording, Range="bytes=100-199"),
        hear(listener, recording, Range="bytes=-5"),
        hear(listener, recording, method="head"),
    )

    assert (whole.status_code, body(whole)) == (200, AUDIO)
    assert (part.status_code, body(part)) == (206, AUDIO[100:200])
    assert part["Content-Range"] == f"bytes 100-199/{SIZE}"
    assert (tail.status_code, body(tail)) == (206, AUDIO[-5:])
    assert (head.status_code, head["Content-Length"]) == (200, str(SIZE))
    assert hear(listener, recording, Range=f"bytes={SIZE}-").status_code == 416


# None to be had


def test_what_runs_has_no_audio_yet(listener: Client, account: Account) -> None:
    answer = hear(listener, a_running(account))

    assert answer.status_code == 409
    assert AccessEvent.objects.get().result == "failed"


def test_what_was_lost_says_so(listener: Client, account: Account) -> None:
    answer = hear(listener, a_recording(account, gone_at_provider_at=datetime.now(UTC)))

    assert answer.status_code == 410
    assert "before it was archived" in answer.content.decode()


# To whom


def test_whoever_may_not_hear_is_refused_and_that_is_written_down(
    staff: Person, kept: Recording, account: Account
) -> None:
    client = staff("view_recording", "export_recording", accounts=[account], name="ravi")

    assert hear(client, kept).status_code == 403
    assert client.get(audio_url(kept, "play")).status_code == 403
    assert client.get(audio_url(kept, "download")).status_code == 403

    events = AccessEvent.objects.order_by("at")
    assert [(event.username, event.action, event.result) for event in events] == [
        ("ravi", "play", "refused"),
        ("ravi", "play", "refused"),
        ("ravi", "download", "refused"),
    ]
    assert {event.recording_pk for event in events} == {kept.pk}


def without_token(answer: Any) -> str:
    """The page as it is sent, without what differs each time it is."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())


@pytest.mark.parametrize("name", ["audio", "play", "download"])
def test_what_is_not_ones_own_answers_as_what_is_not_there_and_is_written_down(
    staff: Person, stranger: Account, archive_folder: Path, name: str
) -> None:
    client, foreign = staff("hear_recording", "export_recording"), an_archived(stranger, AUDIO)

    refused = client.get(audio_url(foreign, name), headers={"Range": "bytes=0-9"})
    absent = client.get(f"/admin/recordings/recording/999999/{name}/")

    assert refused.status_code == absent.status_code == 404
    assert without_token(refused) == without_token(absent)
    event = AccessEvent.objects.get()
    assert (event.result, event.account_auth_id, event.recording_pk) == (
        "refused", stranger.auth_id, foreign.pk,
    )  # fmt: skip


def test_somebody_who_has_not_signed_in_is_led_to_the_login(kept: Recording) -> None:
    assert hear(Client(), kept).status_code == 302
    assert not AccessEvent.objects.exists()


@pytest.mark.parametrize("object_id", ["abc", "1%00", "9" * 40, "-1", "1_2F2"])
def test_what_is_no_key_is_not_found(listener: Client, kept: Recording, object_id: str) -> None:
    assert listener.get(f"/admin/recordings/recording/{object_id}/audio/").status_code == 404


# Plays


def test_one_play_is_one_line_however_many_parts_it_takes(listener: Client, kept: Recording) -> None:
    play = an_id_for("asha", kept)

    for asked in ("bytes=0-", "bytes=1000-", "bytes=-10", "bytes=0-"):
        assert hear(listener, kept, play=play, Range=asked).status_code == 206

    event = AccessEvent.objects.get()
    assert (event.username, event.action, event.result) == ("asha", "play", "ok")
    assert (event.recording_pk, event.recording_id) == (kept.pk, kept.recording_id)
    assert (event.account_auth_id, event.address) == (kept.account.auth_id, "127.0.0.1")


def test_a_request_without_a_good_id_is_a_play_of_its_own(
    listener: Client, kept: Recording, account: Account, boss: Client
) -> None:
    another = an_archived(account, AUDIO)
    forged = TimestampSigner(salt="recordings.else").sign("1.1.x")
    with freeze_time(datetime.now(UTC) - timedelta(hours=25)):
        old = an_id_for("asha", kept)
    bad = ["", forged, old, "x", an_id_for("boss", kept), an_id_for("asha", another)]

    for play in bad:
        for _again in range(2):
            assert hear(listener, kept, play=play).status_code == 200

    assert AccessEvent.objects.count() == 2 * len(bad)


def test_an_id_says_nothing_of_its_play_and_cannot_be_made_up(kept: Recording, boss: Client) -> None:
    first, second = an_id_for("boss", kept), an_id_for("boss", kept)

    assert first != second
    user, recording, play_id = TimestampSigner(salt=SALT).unsign(first).split(".")
    assert (int(user), int(recording)) == (User.objects.get().pk, kept.pk)
    assert len(play_id) >= 20


def test_a_play_that_fails_again_and_again_is_one_line_and_a_later_one_that_works_another(
    listener: Client, kept: Recording
) -> None:
    play = an_id_for("asha", kept)
    rows = Recording.objects.filter(pk=kept.pk)
    rows.update(archived_at=None, gone_at_provider_at=datetime.now(UTC))
    for _again in range(3):
        hear(listener, kept, play=play)
    rows.update(archived_at=kept.archived_at)
    hear(listener, kept, play=play)

    assert sorted(AccessEvent.objects.values_list("result", flat=True)) == ["failed", "ok"]


def test_a_list_asks_for_an_address_for_one_play(listener: Client, kept: Recording) -> None:
    given = listener.get(audio_url(kept, "play"))

    assert "no-store" in given["Cache-Control"]
    assert given.json()["title"] == "+91 80 7138 7423 → +91 96247 05678"
    for _again in range(2):
        assert listener.get(given.json()["src"], headers={"Range": "bytes=0-9"}).status_code == 206
    assert AccessEvent.objects.get().result == "ok"


# Files


def test_a_download_has_a_readable_name_and_one_line(
    staff: Person, account: Account, archive_folder: Path
) -> None:
    client = staff("hear_recording", "export_recording", accounts=[account])
    recording = an_archived(
        account, AUDIO, happened_at=datetime(2025, 11, 6, 13, 49, 10, tzinfo=UTC), recording_id="rec-1"
    )

    answer = client.get(audio_url(recording, "download"), headers={"Range": "bytes=0-9"})

    assert (answer.status_code, body(answer)) == (200, AUDIO)
    assert answer["Content-Disposition"] == (
        'attachment; filename="2025-11-06_19-19-10_918071387423_919624705678_rec-1.mp3"'
    )
    event = AccessEvent.objects.get()
    assert (event.action, event.result) == ("download", "ok")
    assert client.head(audio_url(recording, "download"))["Content-Length"] == str(SIZE)
    assert AccessEvent.objects.count() == 1


def test_a_file_name_holds_only_safe_signs_and_the_readers_time(
    staff: Person, account: Account, archive_folder: Path
) -> None:
    account.time_zone = "Australia/Sydney"
    account.save()
    client = staff("hear_recording", "export_recording", accounts=[account])
    recording = an_archived(
        account, AUDIO, file_format="../wav", happened_at=datetime(2025, 11, 6, 20, tzinfo=UTC)
    )
    call = recording.call
    call.from_number, call.to_number = '"; rm -rf / "\r\n\u202e', "sip:agent@example.com"
    call.save()

    said = client.get(audio_url(recording, "download"))["Content-Disposition"]

    name = re.fullmatch(r'attachment; filename="([A-Za-z0-9._-]+)"', said)
    assert name is not None
    assert name[1].startswith("2025-11-07_07-00-00_rm-rf_sip-agent-example-com_")
    assert name[1].endswith(".mp3")


@pytest.mark.parametrize("permission", ["hear_recording", "export_recording"])
def test_a_download_takes_both_permissions(
    staff: Person, account: Account, kept: Recording, permission: str
) -> None:
    client = staff(permission, accounts=[account])

    assert client.get(audio_url(kept, "download")).status_code == 403
    event = AccessEvent.objects.get()
    assert (event.action, event.result) == ("download", "refused")


def test_a_download_of_what_is_lost_says_so(staff: Person, account: Account) -> None:
    client = staff("hear_recording", "export_recording", accounts=[account])

    answer = client.get(audio_url(a_recording(account, gone_at_provider_at=datetime.now(UTC)), "download"))

    assert answer.status_code == 410
    assert AccessEvent.objects.get().result == "failed"
