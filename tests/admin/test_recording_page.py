"""A recording's page: where it stands, what is known and from where, and what happened in the order of time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from recordings.models import AccessEvent, Account, Recording, Waveform
from tests.admin.conftest import Person
from tests.admin.rows import a_recording, a_running, a_transcript, an_event

pytestmark = pytest.mark.once

AT = datetime(2025, 11, 6, 12, tzinfo=UTC)
HOSTILE = '<script>alert(1)</script>\u202e"&'


def raw_page(client: Client, recording: Recording, tab: str = "") -> str:
    address = reverse("admin:recordings_recording_change", args=[recording.pk])
    return client.get(address, {"tab": tab} if tab else {}).content.decode()


def page_of(client: Client, recording: Recording, tab: str = "") -> str:
    return unescape(raw_page(client, recording, tab))


def strip_of(client: Client, recording: Recording) -> str:
    page = page_of(client, recording)
    return page[page.index('class="vp-strip"') :].partition("</dl>")[0]


def log(recording: Recording, by: User, words: str, at: datetime) -> None:
    LogEntry.objects.log_actions(
        user_id=by.pk, queryset=[recording], action_flag=CHANGE, change_message=words
    )
    LogEntry.objects.filter(change_message=words).update(action_time=at)


def test_the_strip_says_until_when_vobiz_keeps_it_and_how_long_that_is(
    account: Account, boss: Client
) -> None:
    now = timezone.now()
    fresh = a_recording(account, added_at=now - timedelta(days=9, hours=1))
    soon = a_recording(account, added_at=now - timedelta(days=26, hours=1))
    past = a_recording(account, added_at=now - timedelta(days=31))
    gone = a_recording(account, gone_at_provider_at=AT)

    assert ">in 20 days<" in strip_of(boss, fresh)
    assert "! In 3 days" in strip_of(boss, soon)
    assert "Past Vobiz's retention" in strip_of(boss, past)
    assert "Lost" in strip_of(boss, gone)
    assert "Deleted<small>6 Nov 2025" in strip_of(boss, gone)
    for never in (a_running(account), a_running(account, status="failed", recording_id=None)):
        assert "At Vobiz until</dt><dd>–</dd>" in strip_of(boss, never)
        assert "Deleted by Vobiz on" not in page_of(boss, never)


def test_the_strip_says_status_and_limit(account: Account, boss: Client) -> None:
    cut = a_running(account, status="completed", duration_ms=3_600_000)

    assert "! Cut short" in strip_of(boss, cut)
    assert "✓ Completed" in strip_of(boss, cut)
    assert "limit 1 h" in strip_of(boss, cut)
    running = strip_of(boss, a_running(account))
    assert '<span class="dot on"></span> Recording' in running
    assert "stops at" in running


@pytest.mark.parametrize(
    ("milliseconds", "is_cut"), [(59_499, False), (59_500, True), (60_500, True), (60_501, False)]
)
def test_one_of_60_s_whose_limit_is_unknown_is_probably_cut(
    account: Account, boss: Client, milliseconds: int, is_cut: bool
) -> None:
    recording = a_recording(account, duration_ms=milliseconds)
    known = a_running(account, status="completed", duration_ms=milliseconds, time_limit=3_600)

    assert ("Probably cut" in page_of(boss, recording)) is is_cut
    assert "Probably cut" not in page_of(boss, known)
    assert list(Recording.objects.probably_cut()) == ([recording] if is_cut else [])


def test_the_title_says_who_when_how_long_and_which_account(account: Account, boss: Client) -> None:
    recording = a_recording(account, happened_at=AT, duration_ms=608_000)

    title = page_of(boss, recording).partition("<title>")[2].partition("</title>")[0]

    assert title.startswith("+91 80 7138 7423 → +91 96247 05678, 6 Nov 2025, 17:30 IST, 10:08, Main")


def test_the_tab_is_in_the_address_and_an_unknown_one_is_the_first(account: Account, boss: Client) -> None:
    recording = a_recording(account, provider_data={"said": "by Vobiz itself"})

    tabs = {"": "Details", "timeline": "Timeline", "heard": "Listened to", "raw": "Raw data", "x": "Details"}
    for tab, label in tabs.items():
        page = page_of(boss, recording, tab)
        assert re.search(rf'aria-current="page">{label}\b', page), tab
        assert ("by Vobiz itself" in page) is (tab == "raw")


def test_previous_and_next_are_of_the_list_that_the_reader_came_from(account: Account, boss: Client) -> None:
    rows = [
        a_recording(account, happened_at=AT + timedelta(hours=n), file_format="mp3" if n % 2 else "wav")
        for n in range(5)
    ]
    address = [reverse("admin:recordings_recording_change", args=[row.pk]) for row in rows]

    def beside(n: int, query: str = "") -> list[tuple[str, str]]:
        page = boss.get(address[n], {"_changelist_filters": query} if query else {})
        return [(one.label, one.url) for one in page.context["neighbours"]]

    assert beside(2) == [("Previous", address[3]), ("Next", address[1])]
    assert beside(0) == [("Previous", address[1])]
    kept = "?_changelist_filters=format%3Dwav"
    assert beside(2, "format=wav") == [("Previous", address[4] + kept), ("Next", address[0] + kept)]
    assert beside(2, "format=nonsense&nothing=1&after=x") == []


@pytest.mark.parametrize(
    ("channels", "said", "has_hint"), [(2, "stereo", False), (2, None, True), (1, None, False)]
)
def test_two_sides_that_vobiz_does_not_name_say_so(
    account: Account, boss: Client, channels: int, said: str | None, *, has_hint: bool
) -> None:
    recording = a_recording(account, channels=said)
    Waveform.objects.create(recording=recording, channels=channels, points=bytes(8))

    page = page_of(boss, recording)

    assert ("Vobiz does not say which side is the caller." in page) is has_hint
    assert ("</span>Left</li>" in page) is has_hint
    assert ("</span>Caller</li>" in page) is (channels == 2 and not has_hint)


def test_what_was_too_large_to_transcribe_says_what_to_do(account: Account, boss: Client) -> None:
    recording = a_recording(account)
    a_transcript(recording, status="failed", text=None, error="File too large", charge="0.006", rate="0.006")

    page = page_of(boss, recording)

    assert "Vobiz could not transcribe it: File too large" in page
    assert "Record MP3 next time" in page


def test_a_transcript_shows_its_charge_and_rate(account: Account, boss: Client) -> None:
    recording = a_recording(account)
    a_transcript(recording, charge="0.00600000", rate="0.01200000", duration=61)

    page = page_of(boss, recording)

    assert "Good morning" not in page
    for words in (">0.006<", ">0.012<", "1:01", "Read the transcript"):
        assert words in page


def test_a_transcript_is_opened_by_a_click_that_is_written_down(account: Account, boss: Client) -> None:
    recording = a_recording(account)
    a_transcript(recording)
    endpoint = reverse("admin:recordings_recording_transcript", args=[recording.pk])

    opened = unescape(boss.post(endpoint).content.decode())

    assert "Good morning, Lotus Parcels." in opened
    assert endpoint not in opened
    event = AccessEvent.objects.get()
    assert (event.action, event.result, event.recording_pk) == ("transcript", "ok", recording.pk)


def test_where_there_is_no_transcript_nothing_is_opened_or_written_down(
    account: Account, boss: Client
) -> None:
    without, failed = a_recording(account), a_recording(account)
    a_transcript(failed, status="failed", text=None, error="no words")

    for recording in (without, failed):
        assert "Read the transcript" not in page_of(boss, recording)
        answer = boss.post(reverse("admin:recordings_recording_transcript", args=[recording.pk]))
        assert answer.status_code == 302
    assert not AccessEvent.objects.exists()


def test_what_happened_is_one_list_in_the_order_of_time(account: Account, boss: Client) -> None:
    asha, ravi = (User.objects.create_user(name, is_staff=True) for name in ("asha", "ravi"))

    def at(minutes: int) -> datetime:
        return AT + timedelta(minutes=minutes)

    recording = a_running(
        account, status="completed", requested_by=asha, requested_at=at(0), started_at=at(1), stop_requested_by=ravi,
        stop_requested_at=at(3), ended_at=at(4), synced_at=at(8), happened_at=at(1),
        sources={"started_at": "callback", "ended_at": "api"},
    )  # fmt: skip
    log(recording, ravi, "Looked into it.", at(6))
    event = an_event(account, recording, received_at=at(5), trust="unsigned", deliveries=3)
    a_transcript(recording, received_at=at(7))

    page = page_of(boss, recording, "timeline")
    rows = page[page.index("portal-happenings") :].partition("</table>")[0].split("<tr>")[2:]

    expected = [
        ("Recording started", "asha", "accepted"),
        ("Recording began", "Not confirmed"),
        ("Stop requested", "ravi"),
        ("Recording ended", "Vobiz"),
        ("Callback about a recording", "! Unsigned", "✓ Applied", "3 deliveries"),
        ("In the portal", "ravi", "Looked into it."),
        ("Transcript: completed", "✓ Signed"),
        ("Last changed at Vobiz", "Vobiz"),
    ]
    assert len(rows) == len(expected)
    assert "–" not in "".join(rows)  # no cell that says nothing
    for row, words in zip(rows, expected, strict=True):
        for word in words:
            assert word in row
    assert reverse("admin:recordings_callbackevent_change", args=[event.pk]) in rows[4]


def test_a_failed_start_keeps_vobizs_answer_in_the_history(account: Account, boss: Client) -> None:
    failed = a_running(account, status="failed", start_answer="refused", error="Vobiz wants payment first")

    page = page_of(boss, failed, "timeline")

    assert "Vobiz's answer: refused. Vobiz wants payment first" in page
    assert "Command line" in page


def test_callbacks_are_only_in_the_history_of_those_who_may_see_them(account: Account, staff: Person) -> None:
    recording = a_recording(account)
    an_event(account, recording)

    page = page_of(staff("view_recording", accounts=[account]), recording, "timeline")

    assert "Callback about" not in page
    assert "You cannot see callbacks." in page


def test_what_only_a_callback_claimed_is_marked(account: Account, boss: Client) -> None:
    recording = a_recording(account, sources={"duration_ms": "callback"})

    assert "! Not confirmed" in page_of(boss, recording)
    assert "All values confirmed" not in page_of(boss, recording)
    assert "All values confirmed" in page_of(boss, a_recording(account, synced_at=AT))


def test_words_from_outside_stay_words(account: Account, boss: Client) -> None:
    person = User.objects.create_user("x", is_staff=True)
    User.objects.filter(pk=person.pk).update(username=HOSTILE)
    hostile: dict[str, Any] = {"file_format": HOSTILE[:30], "error": HOSTILE, "conference_name": HOSTILE}
    recording = a_running(account, status="failed", requested_by=person, **hostile)
    a_transcript(recording, text=HOSTILE)
    log(recording, person, HOSTILE, AT)

    page = raw_page(boss, recording)

    assert "<script>alert" not in page
    assert "\u202e" not in page.replace("\u202e</option>", "")
    assert "style=" not in page


@pytest.mark.parametrize("n", [30])
def test_the_page_costs_the_same_queries_however_much_happened(
    account: Account, boss: Client, n: int
) -> None:
    person = User.objects.get(username="boss")
    recording = a_running(account, requested_by=person, stop_requested_by=person, stop_requested_at=AT)
    a_transcript(recording)

    def queries() -> int:
        raw_page(boss, recording)
        with CaptureQueriesContext(connection) as captured:
            raw_page(boss, recording)
        return len(captured)

    an_event(account, recording)
    log(recording, person, "first", AT)
    one = queries()
    for number in range(n):
        an_event(account, recording)
        log(recording, person, f"entry {number}", AT)

    assert queries() == one <= 19


def test_the_page_of_a_transcript_names_the_parties_and_shows_no_empty_charge(
    account: Account, boss: Client
) -> None:
    held = a_transcript(a_recording(account), received_at=timezone.now())

    page = boss.get(f"/admin/recordings/transcription/{held.pk}/change/").content.decode()

    heading = page[page.index("<h1>") : page.index("</h1>")]
    assert heading.count("<bdi") == 2  # a line breaks between the numbers, not in one
    facts = page[page.index("Transcription</h2>") :]
    assert "Transcript received" in facts
    assert "Transcript charge" not in facts
    assert "Storage at Vobiz" not in page
    assert "Caller" in page
    assert "Callee" in page
