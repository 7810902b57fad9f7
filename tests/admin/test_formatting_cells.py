"""The lists' cells: short, in words as well as in colours, and the same row's whatever the page's width."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recordings.admin import formatting
from recordings.admin.recordings.admin import OfCall, from_to_in_group, length_cell, transcript_cell
from recordings.models import Account, Recording
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_recording, a_running, a_transcript

pytestmark = pytest.mark.once

LIST = "/admin/recordings/recording/"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WHOLE: dict[str, Any] = {
    "audio": "a/b.mp3",
    "audio_sha256": "0" * 64,
    "audio_bytes": 1_000,
    "container": "mp3",
}


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NOW - timedelta(hours=2), "Today 10:00"),
        (NOW - timedelta(hours=13), "Yesterday 23:00"),
        (NOW - timedelta(days=3), "18 Nov, 12:00"),
        (NOW - timedelta(days=365), "21 Nov 2025, 12:00"),
        (NOW + timedelta(days=1), "22 Nov, 12:00"),
    ],
)
def test_a_time_is_said_as_people_say_it_and_whole_in_utc_on_hover(at: datetime, words: str) -> None:
    cell = formatting.day_and_time(at, NOW)

    assert f">{words}</time>" in cell
    assert f'title="{at:%Y-%m-%d %H:%M:%S} UTC"' in cell


def test_the_day_is_the_readers() -> None:
    with timezone.override("Asia/Kolkata"):
        assert "Yesterday 23:59" in formatting.day_and_time(datetime(2026, 11, 20, 18, 29, tzinfo=UTC), NOW)
        assert "Today 00:00" in formatting.day_and_time(datetime(2026, 11, 20, 18, 30, tzinfo=UTC), NOW)


@pytest.mark.parametrize(
    ("left", "words", "role"),
    [
        (timedelta(days=29, hours=5), "29 days left", ""),
        (timedelta(days=7), "! 7 days left", "attention"),
        (timedelta(hours=47), "! 47 hours left", "attention"),
        (timedelta(hours=1), "! 1 hour left", "attention"),
        (timedelta(minutes=59), "! Less than an hour left", "attention"),
        (timedelta(seconds=-1), "! May be gone by now", "attention"),
    ],
)
def test_what_has_no_copy_says_how_long_vobiz_keeps_it(
    account: Account, left: timedelta, words: str, role: str
) -> None:
    recording = a_recording(account, added_at=NOW + left - timedelta(days=account.retention_days))

    cell = formatting.kept(recording, NOW)

    assert words in cell
    assert (f"portal-{role}" in cell) if role else "portal-" not in cell


def test_what_is_archived_says_so_whatever_vobiz_still_has(account: Account) -> None:
    here = a_recording(account, archived_at=NOW, verified_at=NOW, gone_at_provider_at=NOW, **WHOLE)
    fresh = a_recording(account, archived_at=NOW, **WHOLE)
    lost = a_recording(account, gone_at_provider_at=NOW)

    assert "✓ Archived" in formatting.kept(here, NOW)
    assert 'title="verified 21 Nov 2026"' in formatting.kept(here, NOW)
    assert "✓ Archived" in formatting.kept(fresh, NOW)
    assert "verified" not in formatting.kept(fresh, NOW)
    assert "× Deleted at Vobiz" in formatting.kept(lost, NOW)


def test_what_is_not_completed_says_how_it_stands_and_what_asks_for_a_person_is_said_beside(
    account: Account,
) -> None:
    running = a_running(account, needs_attention="stop_unconfirmed")
    stopping = a_running(account, stop_requested_at=NOW)

    assert '<span class="dot on"></span> Recording' in formatting.kept(running, NOW)
    assert "! Stop unconfirmed" in formatting.kept(running, NOW)
    assert "· Stopping" in formatting.kept(stopping, NOW)


def test_a_recording_that_its_limit_ended_says_so_beside_its_length(account: Account) -> None:
    cut = a_recording(account, time_limit=60, duration_ms=60_000)
    whole = a_recording(account, time_limit=60, duration_ms=40_000)

    assert "1:00" in length_cell(cut)
    assert "! Cut" in length_cell(cut)
    assert length_cell(whole) == "0:40"


def test_recordings_of_one_call_stand_together_the_earliest_first(account: Account, boss: Client) -> None:
    call = a_call(account)
    now = timezone.now()
    now = now.replace(hour=12)  # all on one day of the reader's
    last = a_recording(account, call=call, happened_at=now - timedelta(minutes=9))
    alone = a_recording(account, happened_at=now - timedelta(minutes=10))
    first = a_recording(account, call=call, happened_at=now - timedelta(minutes=11))

    answer = boss.get(LIST)

    rows = list(answer.context["cl"].result_list)
    assert rows == [first, last, alone]
    assert [row.shared for row in rows] == [OfCall(1, 2), OfCall(2, 2), None]
    page = answer.content.decode()
    assert page.count('<span class="vp-of-call">2 recordings</span>') == 1
    assert page.count("same call, recording 2 of 2") == 1
    assert page.count('class="multi"') == 1


def test_whose_a_recording_is_stands_in_its_row_only_for_those_who_see_several_accounts(
    account: Account, stranger: Account, staff: Person
) -> None:
    Account.objects.filter(pk=account.pk).update(name="Lotus Parcels")
    a_recording(account)
    one = staff("view_recording", "view_call", accounts=[account])
    both = staff("view_recording", "view_call", accounts=[account, stranger])

    for url in (LIST, "/admin/recordings/call/"):
        assert "Lotus Parcels" not in one.get(url).content.decode()
        assert f'title="{account.auth_id}">Lotus Parcels<' in both.get(url).content.decode()


def test_a_name_too_long_for_its_column_is_whole_on_hover() -> None:
    account = Account(auth_id="MA_LONG", name="N" * 29)

    assert f'title="{"N" * 29} (MA_LONG)"' in formatting.account_name(account)


def test_a_transcript_that_came_is_a_tick_with_a_word(account: Account) -> None:
    came = a_transcript(a_recording(account))
    missing = a_transcript(a_recording(account), status="missing", text=None)

    assert "✓" in transcript_cell(came)
    assert "<small>transcript</small>" in transcript_cell(came)
    assert "! Missing" in transcript_cell(missing)
    assert transcript_cell(None) == formatting.NOTHING


def test_a_number_as_the_list_writes_it_finds_its_row(account: Account, boss: Client) -> None:
    row = a_recording(account, call=a_call(account, from_number="+912261234567"))
    a_recording(account)
    page = boss.get(LIST).content.decode()
    assert "+91 22 6123 4567" in page

    found = boss.get(LIST, {"q": "+91 22 6123 4567"}).context["cl"].result_list

    assert [*found] == [Recording.objects.get(pk=row.pk)]


@pytest.mark.parametrize(
    ("direction", "arrow"),
    [
        ("inbound", '<i class="in" role="img" title="inbound"></i>'),
        ("outbound", '<i class="out" role="img" title="outbound"></i>'),
        (
            None,
            '<i class="unknown" role="img" title="Direction not known"></i>',
        ),
    ],
)
def test_a_row_begins_with_the_arrow_of_its_direction(
    account: Account, direction: str | None, arrow: str
) -> None:
    call = a_recording(account).call
    call.direction = direction

    assert from_to_in_group(call, None).startswith(arrow)
    assert formatting.from_to_of(call, account).startswith(arrow)
