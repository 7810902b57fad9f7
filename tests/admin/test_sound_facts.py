"""What was measured in a recording's copy: on its page, in its history and in the list's filter."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from recordings.choices import ArchiveFlag
from recordings.models import Account, Recording
from tests.admin.test_exports import listed
from tests.admin.test_recording_page import page_of
from tests.archived import an_archived

FACTS: dict[str, Any] = {
    "container": "wav", "audio_codec": "gsm_ms", "audio_sample_rate": 8_000, "audio_channels": 2, "channels": "stereo",
    "file_format": "wav",
    "audio_regular": True, "talk_left_ms": 130_000, "talk_right_ms": 4_000, "double_talk_ms": 2_000,
    "longest_silence_ms": 75_000, "clipped_ms": 1_500, "one_side_silent": False, "is_silent": False,
}  # fmt: skip
pytestmark = pytest.mark.django_db


def a_copy(account: Account, **columns: Any) -> Recording:
    recording = an_archived(account, **{name: FACTS[name] for name in ("container", "channels")})
    Recording.objects.filter(pk=recording.pk).update(**{**FACTS, **columns})
    recording.refresh_from_db()
    return recording


def test_the_page_says_what_the_file_is_and_who_talked_how_long(
    account: Account, boss: Client, archive_folder: Path
) -> None:
    page = page_of(boss, a_copy(account))
    assert "WAV, GSM 6.10, 8 kHz, 2 channels" in page
    assert "Caller 2:10, Callee 0:04" in page
    for words in ("Both talking", "Longest silence", "1:15", "Clipped"):
        assert words in page
    assert "One side silent" not in page


def test_one_way_audio_names_the_silent_side(account: Account, boss: Client, archive_folder: Path) -> None:
    page = page_of(boss, a_copy(account, talk_right_ms=0, one_side_silent=True))
    assert "One side silent" in page
    assert "! Callee" in page


def test_silence_throughout_is_said_instead_of_talk(
    account: Account, boss: Client, archive_folder: Path
) -> None:
    page = page_of(boss, a_copy(account, is_silent=True))
    assert "digital silence from start to end" in page
    assert "Talk time" not in page


def test_what_was_measured_has_columns_in_the_exported_list(
    account: Account, boss: Client, archive_folder: Path
) -> None:
    a_copy(account, one_side_silent=True, audio_duration_ms=140_000)
    (row,) = listed(boss)
    measured = {
        "audio_codec": "gsm_ms", "audio_duration_ms": "140000", "talk_left_ms": "130000", "talk_right_ms": "4000",
        "double_talk_ms": "2000", "longest_silence_ms": "75000", "one_side_silent": "True", "clipped_ms": "1500",
        "is_silent": "False", "account_name": account.name,
    }  # fmt: skip
    assert {name: row[name] for name in measured} == measured


def test_a_withdrawn_flag_is_in_the_history(account: Account, boss: Client, archive_folder: Path) -> None:
    at = datetime(2026, 11, 29, 3, tzinfo=UTC)
    recording = a_copy(account, inspected_at=at, withdrawn_flag=ArchiveFlag.CUT_BY_VOBIZ)
    page = page_of(boss, recording, "timeline")
    assert "inspected again" in page
    assert "“cut by Vobiz” was withdrawn" in page


@pytest.mark.parametrize(
    ("choice", "columns"),
    [
        ("one_sided", {"one_side_silent": True}),
        ("silent", {"is_silent": True}),
        ("clipped", {"clipped_ms": 100}),
        ("long_silence", {"longest_silence_ms": 60_000}),
    ],
)
def test_the_list_is_filtered_by_the_sound(
    account: Account, boss: Client, archive_folder: Path, choice: str, columns: dict[str, Any]
) -> None:
    quiet = {"clipped_ms": 20, "longest_silence_ms": 59_000}
    found, other = a_copy(account, **{**quiet, **columns}), a_copy(account, **quiet)
    page = boss.get("/admin/recordings/recording/", {"sound": choice}).content.decode()
    assert f"/{found.pk}/change/" in page
    assert f"/{other.pk}/change/" not in page


def test_a_list_is_given_the_copies_a_player_can_fall_back_on(
    account: Account, boss: Client, archive_folder: Path
) -> None:
    recording = a_copy(account)
    given = boss.get(f"/admin/recordings/recording/{recording.pk}/play/").json()
    assert given["src"] == given["mp3"]
    assert given["mp3"].endswith("&as=mp3")
    assert given["opus"].endswith("&as=opus")
    assert {"lost", "unplayable"} <= set(given["words"])
