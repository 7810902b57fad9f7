"""Recordings and their pages: every fact with its source, and nothing shown that may not be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from recordings.admin import list_page
from recordings.choices import ATTENTION_WORDS, Attention
from recordings.models import Account, Recording
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_recording, a_running, a_transcript, an_event

LIST = "/admin/recordings/recording/"
CALLS = "/admin/recordings/call/"


def page_of(recording: Recording) -> str:
    return reverse("admin:recordings_recording_change", args=[recording.pk])


def found(client: Client, term: str, url: str = LIST) -> list[object]:
    return list(client.get(url, {"q": term}).context["cl"].result_list)


@pytest.mark.parametrize(
    "term",
    [
        "+919624705678", "919624705678", "09624705678", "9624705678", "96247 05678", "+91 96247-05678",
        "(0) 96247.05678", "0091 96247 05678", "705678", "24705", "096247", "+91 80 7138 7423",
    ],
)  # fmt: skip
def test_a_number_is_found_in_any_spelling(account: Account, boss: Client, term: str) -> None:
    recording = a_recording(account)
    a_recording(account, call=a_call(account, from_number="+14155550132", to_number="+14155550133"))

    assert found(boss, term) == [recording]
    assert found(boss, term, CALLS) == [recording.call]


@pytest.mark.parametrize(
    "term", ["4155550132", "415-555-0132", "(415) 555-0132", "0132", "+1 415 555 0132", "14155550132"]
)
def test_another_countrys_number_is_found_as_its_people_write_it(
    account: Account, boss: Client, term: str
) -> None:
    recording = a_recording(
        account, call=a_call(account, from_number="+14155550132", to_number="+14155550133")
    )
    a_recording(account)

    assert found(boss, term) == [recording]


def test_a_recording_is_found_by_its_id_its_call_and_a_name(account: Account, boss: Client) -> None:
    wanted = a_recording(
        account, call=a_call(account, from_number="sip:agent7@pbx.example", to_number="front desk")
    )
    a_recording(account)
    assert wanted.recording_id is not None

    for term in (
        wanted.recording_id, wanted.recording_id[:8], wanted.recording_id.upper(), wanted.call.call_uuid, "agent7",
        "front desk", f"  {wanted.recording_id} ",
    ):  # fmt: skip
        assert found(boss, str(term)) == [wanted], term


@pytest.mark.parametrize(
    "term", ["%", "_", "()", "zz-no-such", "%25", "\\", "'; drop table", "٩٩٩٩٩", "5" * 500]
)
def test_a_search_that_means_nothing_finds_nothing(account: Account, boss: Client, term: str) -> None:
    a_recording(account)

    assert found(boss, term) == []
    assert "Nothing matches" in boss.get(LIST, {"q": term}).content.decode()


def test_only_values_that_a_callback_alone_claimed_are_marked(account: Account, boss: Client) -> None:
    recording = a_recording(
        account, api_id="api-1", ended_at=timezone.now(), storage_rate=Decimal("0.005"), billed_seconds=60,
        sources={
            "recording_url": "answer", "file_format": "api", "duration_ms": "callback", "ended_at": "callback",
            "storage_rate": "api", "billed_seconds": "api", "kind": "api", "api_id": "answer",
        },
    )  # fmt: skip

    page = boss.get(page_of(recording)).content.decode()

    assert page.count("! Not confirmed") == 2
    assert "USD 0.005" in page
    assert "10080 milliseconds" in page
    assert "0:10" in page


def test_times_are_in_the_zone_of_the_only_account_named_once_and_in_utc_on_hover(
    account: Account, boss: Client
) -> None:
    at = datetime(2025, 11, 6, 13, 48, 59, 422000, tzinfo=UTC)
    recording = a_recording(account, started_at=at, happened_at=at)

    assert ">6 Nov 2025" in boss.get(LIST).content.decode()
    for url, shown in ((page_of(recording), "6 Nov 2025, 19:18:59"), (LIST, "19:18")):
        page = boss.get(url).content.decode()
        assert f'title="2025-11-06 13:48:59 UTC">{shown}</time>' in page
        assert page.count("Time zone: Asia/Kolkata (IST)") == 1
    Account.objects.update(time_zone="America/New_York")
    assert "6 Nov 2025, 08:48:59<" in boss.get(page_of(recording)).content.decode()


@pytest.mark.once
@pytest.mark.parametrize("attention", Attention.values)
def test_what_needs_attention_is_said_in_words(account: Account, boss: Client, attention: str) -> None:
    recording = a_recording(account, needs_attention=attention)

    page = boss.get(page_of(recording))

    assert page.context["attention"] == ATTENTION_WORDS[Attention(attention)]
    assert found_by_filter(boss, "?attention=yes") == [recording]


def found_by_filter(client: Client, query: str) -> list[object]:
    return list(client.get(f"{LIST}{query}").context["cl"].result_list)


def test_a_recording_cut_at_its_limit_says_so(account: Account, boss: Client) -> None:
    cut = a_running(account, status="completed", time_limit=60, duration_ms=59_500, call=a_call(account))

    assert "Cut short?" in boss.get(page_of(cut)).content.decode()
    assert "cut at its limit" in boss.get(LIST).content.decode()


def test_a_failed_start_shows_why_who_and_when(account: Account, boss: Client) -> None:
    failed = a_running(
        account, status="failed", error="The call is over, so nothing was recorded.", start_answer="refused",
        call=a_call(account), recording_id=None, recording_url=None,
    )  # fmt: skip

    page = boss.get(page_of(failed)).content.decode()

    assert "The call is over, so nothing was recorded." in page
    assert "Command line" in page
    assert "Not known yet" not in page
    assert "Stop this recording" not in page


def test_it_says_when_vobiz_is_said_to_delete_it_or_that_it_is_gone(account: Account, boss: Client) -> None:
    at = timezone.now() - timedelta(days=20, hours=1)
    recording = a_recording(account, added_at=at)
    assert (
        "in 9 days; Vobiz deletes audio after 30 days (account setting)"
        in boss.get(page_of(recording)).content.decode()
    )

    Recording.objects.update(gone_at_provider_at=timezone.now(), synced_at=timezone.now())
    page = boss.get(page_of(recording)).content.decode()
    assert "Deleted at Vobiz" in page
    assert "never listed" not in page

    Recording.objects.update(synced_at=None)
    for tab in ("", "?tab=timeline"):
        page = boss.get(page_of(recording) + tab).content.decode()
        assert "API never listed this recording" in page


def test_an_address_of_vobiz_is_text_and_never_a_link(account: Account, boss: Client) -> None:
    recording = a_recording(account, provider_data={"recording_url": "https://media.vobiz.ai/a.mp3"})

    page = boss.get(page_of(recording), {"tab": "raw"}).content.decode()

    assert str(recording.recording_url) in page
    assert "https://media.vobiz.ai/a.mp3" in page
    assert 'href="https' not in page
    assert 'src="https' not in page


@pytest.mark.parametrize("where", ["recording", "transcription"])
def test_a_transcript_is_read_only_by_those_who_may(account: Account, staff: Person, where: str) -> None:
    recording = a_recording(account)
    held = a_transcript(recording, text="My card number is 4111.")
    url = reverse(
        f"admin:recordings_{where}_change", args=[recording.pk if where == "recording" else held.pk]
    )
    without = staff(f"view_{where}", accounts=[account])
    listener = staff(f"view_{where}", "read_transcription", accounts=[account])

    assert "4111" not in without.get(url).content.decode()
    assert "You do not have the permission to read transcripts." in without.get(url).content.decode()
    assert "4111" not in listener.get(url).content.decode()  # until they ask for it
    url_of_text = url.replace("change", "transcript" if where == "recording" else "read")
    assert "My card number is 4111." in listener.post(url_of_text).content.decode()
    assert without.post(url_of_text).status_code == 403
    assert "4111" not in listener.get(f"/admin/recordings/{where}/").content.decode()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"status": "expected", "text": None}, "sends it by a callback, usually within 5 minutes"),
        ({"status": "missing", "text": None}, "has no transcripts to fetch later"),
        (
            {"status": "failed", "text": None, "error": "Recording file size too large for transcription"},
            "Record MP3 next time",
        ),
        ({"status": "failed", "text": None, "error": "language not supported"}, "language not supported"),
        ({"status": "completed", "text": "Hello", "trust": "unsigned"}, "From an unsigned callback"),
        ({"status": "completed", "text": "Hello", "trust": "signed"}, "in a signed callback"),
    ],
)
def test_a_transcript_says_how_it_stands(
    account: Account, boss: Client, columns: dict[str, str], words: str
) -> None:
    recording = a_recording(account)
    a_transcript(recording, **columns)

    assert words in boss.get(page_of(recording)).content.decode()


def test_a_transcript_without_words_says_so_once_it_is_opened(account: Account, boss: Client) -> None:
    recording = a_recording(account)
    a_transcript(recording, text="")

    opened = boss.post(page_of(recording).replace("change", "transcript"), follow=True)

    assert "Vobiz found no speech." in opened.content.decode()


def test_without_a_transcript_it_says_why(account: Account, boss: Client) -> None:
    assert "No transcription was requested" in boss.get(page_of(a_running(account))).content.decode()
    assert "did not request one" in boss.get(page_of(a_recording(account))).content.decode()


def test_its_callbacks_are_listed_for_those_who_may_see_them(account: Account, staff: Person) -> None:
    recording = a_recording(account)
    event = an_event(account, recording)
    address = reverse("admin:recordings_callbackevent_change", args=[event.pk])
    without = staff("view_recording", accounts=[account])
    with_it = staff("view_recording", "view_callbackevent", accounts=[account])

    assert address in with_it.get(page_of(recording), {"tab": "timeline"}).content.decode()
    assert address not in without.get(page_of(recording), {"tab": "timeline"}).content.decode()


def test_the_key_of_its_callbacks_is_shown_to_nobody(account: Account, boss: Client) -> None:
    recording = a_running(account)

    page = boss.get(page_of(recording), {"tab": "raw"}).content.decode()

    assert "http://127.0.0.1:8000" in page
    assert str(recording.callback_key) not in page


def test_a_call_lists_every_attempt_to_record_it(account: Account, boss: Client) -> None:
    call = a_call(account)
    good = a_recording(account, call=call)
    failed = a_running(account, call=call, status="failed", error="Vobiz wants payment first")

    page = boss.get(reverse("admin:recordings_call_change", args=[call.pk])).content.decode()

    assert page_of(good) in page
    assert page_of(failed) in page
    assert "Vobiz wants payment first" in page
    assert "Record…" not in page
    assert "not every call of the account" in boss.get(CALLS).content.decode()


def test_the_list_offers_what_people_look_for_before_any_link_chose_it(
    account: Account, boss: Client
) -> None:
    a_recording(account)

    offered = filters_on(boss)

    for name, value in (
        ("kept", "archived"), ("kept", "not_yet"), ("kept", "at_risk"), ("kept", "lost"), ("kept", "gone"),
        ("call__direction__exact", "inbound"), ("format", "wav"), ("transcript", "there"), ("transcript", "none"),
    ):  # fmt: skip
        assert value in offered[name], value
    assert "due" not in offered["kept"]
    assert "due" in filters_on(boss, "?kept=due")["kept"]


def filters_on(client: Client, query: str = "") -> dict[str, list[str]]:
    """The values on offer in each field of the panel of filters."""
    fields = list_page.filter_fields(client.get(f"{LIST}{query}").context["cl"])
    return {field.name: [choice.value for choice in field.choices] for field in fields}


def test_filters_that_are_on_are_chips_that_can_be_taken_off(account: Account, boss: Client) -> None:
    page = boss.get(f"{LIST}?kept=archived&format=wav&date_from=2025-11-06&q=387423")

    chips = {chip.label: dict(parse_qsl(chip.url[1:])) for chip in list_page.chips(page.context["cl"])}

    assert len(chips) == 3
    assert chips["from 6 Nov 2025"] == {"kept": "archived", "format": "wav", "q": "387423"}
    assert chips["Audio: archived"] == {"format": "wav", "date_from": "2025-11-06", "q": "387423"}


def test_the_panel_sends_empty_fields_that_the_address_does_not_keep(account: Account, boss: Client) -> None:
    answer = boss.get(f"{LIST}?kept=archived&format=&date=&q=")

    assert answer.headers["Location"] == f"{LIST}?kept=archived"


def test_recordings_are_found_by_their_audio_direction_format_and_transcript(
    account: Account, boss: Client
) -> None:
    now = timezone.now()
    inbound, outbound = (a_call(account, direction=which) for which in ("inbound", "outbound"))
    copied = {"archived_at": now, "audio": "a", "audio_sha256": "b", "audio_bytes": 1, "container": "mp3"}
    archived = a_recording(account, call=inbound, file_format="wav", **copied)
    waiting = a_recording(account, call=outbound)
    gone = a_recording(account, call=outbound, gone_at_provider_at=now)
    running = a_running(account, call=inbound)
    a_transcript(archived)
    a_transcript(waiting, status="missing", text=None)

    rows = {
        query: set(found_by_filter(boss, f"?{query}"))
        for query in (
            "kept=archived", "kept=not_yet", "kept=gone", "call__direction__exact=inbound", "format=wav",
            "format=nonsense", "transcript=there", "transcript=none",
        )
    }  # fmt: skip

    assert rows == {
        "kept=archived": {archived},
        "kept=not_yet": {waiting},
        "kept=gone": {gone},
        "call__direction__exact=inbound": {archived, running},
        "format=wav": {archived},
        "format=nonsense": {archived, waiting, gone, running},
        "transcript=there": {archived},
        "transcript=none": {waiting, gone, running},
    }


@pytest.mark.parametrize("path", ["", "?q=nothing", "?kept=at_risk", "at-risk/"])
def test_a_portal_without_an_account_has_empty_lists(boss: Client, path: str) -> None:
    assert boss.get(f"{LIST}{path}").status_code == 200
