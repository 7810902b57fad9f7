"""Starting a recording: what is asked, what is sent, and what is said about how it went."""

from __future__ import annotations

import re
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from recordings.choices import RecordingStatus, StartAnswer
from recordings.models import Account, Call, Recording
from tests.admin.conftest import Person
from tests.admin.rows import a_recording, a_running
from tests.conftest import MAIN
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.once

LIVE = "/admin/recordings/call/live/"


@pytest.fixture
def call(account: Account, world: SandboxState, boss: Client) -> Call:
    """A live call, known here."""
    world.place_call(MAIN, from_number="+918071387423", to_number="919624705678")
    boss.get(LIVE)
    return Call.objects.get()


def record(call: Call) -> str:
    return reverse("admin:recordings_call_record", args=[call.pk])


def filled(**values: Any) -> dict[str, Any]:
    """The form as somebody sends it who was shown what runs."""
    running = ",".join(str(pk) for pk in Recording.objects.open().values_list("pk", flat=True))
    usual = {
        "intent": str(uuid4()), "running": running, "limit": "14400", "file_format": "mp3", "channels": "stereo",
    }  # fmt: skip
    return {**usual, **values}


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def sent(world: SandboxState) -> list[dict[str, Any]]:
    requests = [
        entry.detail for entry in world.ledger.of("request") if entry.detail["operation"] == "record.start"
    ]
    return [request["body"] for request in requests]


def test_the_form_begins_with_the_accounts_defaults_and_says_when_each_limit_cuts(
    call: Call, boss: Client
) -> None:
    Account.objects.update(default_time_limit=5_400, default_file_format="wav", default_channels="mono")

    page = boss.get(record(call))

    form, text = page.context["form"], page.content.decode()
    assert (form["limit"].value(), form["file_format"].value(), form["channels"].value()) == (
        "5400",
        "wav",
        "mono",
    )
    assert [value for value, _words in form.fields["limit"].choices] == [
        "900", "3600", "5400", "14400", "28800", "other"
    ]  # fmt: skip
    usual = dict(form.fields["limit"].choices)["5400"]
    assert re.fullmatch(r'<span>1 h 30 min</span><small data-cuts-in="5400">\d\d:\d\d</small>', usual)
    assert "English only, up to 4 h. Choose MP3" in text
    assert "+91 80 7138 7423" in text


def test_a_start_sends_what_was_chosen_and_says_when_it_cuts(
    call: Call, world: SandboxState, boss: Client
) -> None:
    answer = boss.post(record(call), filled(limit="3600", file_format="wav", channels="mono"), follow=True)

    recording = Recording.objects.get()
    assert recording.status == RecordingStatus.ACTIVE
    assert recording.requested_by is not None
    assert recording.requested_by.username == "boss"
    assert (recording.time_limit, recording.file_format, recording.channels) == (3_600, "wav", "mono")
    assert len(world.running(MAIN)) == 1
    assert world.running(MAIN)[0].time_limit == 3_600
    assert answer.redirect_chain == [(f"{LIVE}#call-{call.pk}", 302)]
    assert "Recording started. It stops at" in said(answer)
    assert " left</b>" in answer.content.decode()


def test_a_start_leaves_its_trace_in_both_histories(call: Call, boss: Client) -> None:
    boss.post(record(call), filled())

    recording = Recording.objects.get()
    of_recording = LogEntry.objects.get(object_id=str(recording.pk), content_type__model="recording")
    of_call = LogEntry.objects.get(object_id=str(call.pk), content_type__model="call")
    assert of_recording.is_addition()
    assert of_call.get_change_message().startswith("Asked Vobiz to record it: Recording started")


def test_a_double_click_starts_one_recording(call: Call, world: SandboxState, boss: Client) -> None:
    form = filled()

    first = boss.post(record(call), form, follow=True)
    second = boss.post(record(call), form, follow=True)

    assert len(world.ledger.of("recording.started")) == 1
    assert Recording.objects.count() == 1
    assert "sent before" not in said(first)
    assert "This recording was already started. It stops at" in said(second)
    assert LogEntry.objects.filter(content_type__model="recording").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_second_click_while_vobiz_still_thinks_starts_nothing(
    account: Account, world: SandboxState, boss: Client
) -> None:
    world.place_call(MAIN)
    boss.get(LIVE)
    call, form = Call.objects.get(), filled()
    answers: list[Any] = []

    def click_again() -> None:
        try:
            answers.append(boss.post(record(call), form, follow=True))
        finally:
            connection.close()
            clicked.set()

    clicked = Event()
    second = Thread(target=click_again)

    def while_it_thinks(_world: SandboxState) -> None:
        second.start()
        clicked.wait(60)

    world.faults.plan(Fault(on="record.start", first=while_it_thinks))

    boss.post(record(call), form)
    second.join(60)

    assert len(world.ledger.of("recording.started")) == 1
    assert "already started. Vobiz has not answered the start request yet." in said(answers[0])
    assert Recording.objects.get().status == RecordingStatus.ACTIVE


def test_two_forms_start_two_recordings_of_one_call(call: Call, world: SandboxState, boss: Client) -> None:
    boss.post(record(call), filled())
    form = boss.get(record(call))
    assert "1 recording of this call is running" in form.content.decode()
    boss.post(record(call), filled(limit="900"))

    assert len(world.running(MAIN, call.call_uuid)) == 2
    assert Recording.objects.filter(status=RecordingStatus.ACTIVE).count() == 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 404, "body": {"error": "call not found"}}, "The call is over, so nothing was recorded."),
        ({"status": 402, "body": {"error": "no balance"}}, "in Vobiz's console"),
        (
            {"status": 401, "body": {"error": "no"}},
            "Vobiz refused Auth ID MA_…668 with the token ending …6789",
        ),
        (
            {"status": 429, "headers": {"Retry-After": "12"}, "body": {"error": "slow down"}},
            "wait 12 seconds and try again",
        ),
        ({"status": 400, "body": {"error": "odd time_limit"}}, "odd time_limit"),
    ],
)
def test_a_refused_start_says_why_and_that_nothing_is_recorded(
    call: Call, world: SandboxState, boss: Client, fault: dict[str, Any], words: str
) -> None:
    world.faults.plan(Fault(on="record.start", **fault))

    answer = boss.post(record(call), filled(), follow=True)

    assert "Recording not started." in said(answer)
    assert words in said(answer)
    assert Recording.objects.get().status == RecordingStatus.FAILED
    assert not world.running(MAIN)


def test_a_refused_start_says_how_many_others_of_the_call_run_on(
    call: Call, world: SandboxState, boss: Client
) -> None:
    boss.post(record(call), filled())
    boss.post(record(call), filled())
    unknown = {"status": RecordingStatus.REQUESTED, "start_answer": StartAnswer.UNKNOWN}
    a_running(call.account, call=call, **unknown)
    a_running(call.account)  # of another call
    world.faults.plan(Fault(on="record.start", status=400, body={"error": "odd time_limit"}))

    answer = boss.post(record(call), filled(), follow=True)

    refused = Recording.objects.get(status=RecordingStatus.FAILED)
    told = LogEntry.objects.get(object_id=str(refused.pk), content_type__model="recording")
    for words in (said(answer), told.get_change_message()):
        assert "Recording not started." in words
        assert "2 other recordings of this call are still running." in words
        assert "1 other start on this call is not confirmed: it may be recording." in words


def test_a_start_whose_answer_was_lost_says_that_it_may_be_recording(
    call: Call, world: SandboxState, boss: Client
) -> None:
    world.faults.plan(Fault(on="record.start", drop="after"))

    answer = boss.post(record(call), filled(), follow=True)

    recording = Recording.objects.get()
    assert "so it may be recording. Starting again would make a second recording." in said(answer)
    assert (recording.status, recording.start_answer) == (RecordingStatus.REQUESTED, StartAnswer.UNKNOWN)
    assert len(world.running(MAIN)) == 1
    assert "may be recording" in answer.content.decode()


def test_a_call_that_ended_meanwhile_is_told(call: Call, world: SandboxState, boss: Client) -> None:
    world.hang_up(str(call.call_uuid))

    answer = boss.post(record(call), filled(), follow=True)

    assert "Recording not started. The call is over, so nothing was recorded." in said(answer)
    assert answer.redirect_chain == [(f"{LIVE}#content-start", 302)]
    call.refresh_from_db()
    assert "This call is over, so it cannot be recorded." in boss.get(record(call)).content.decode()


def test_another_limit_is_said_in_words(call: Call, boss: Client) -> None:
    for text, seconds in (
        ("90 s", 90),
        ("25min", 1_500),
        ("25", 1_500),  # minutes, as its label says
        ("1 h 30 min", 5_400),
        ("1.5 h", 5_400),
        ("8 hours", 28_800),
    ):
        boss.post(record(call), filled(limit="other", other_limit=text))
        assert Recording.objects.latest("pk").time_limit == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "481", "9 h", "0 s", "8 h 1 s", "soon", "1e9 s", "-5 min", "١٥ min"]
)
def test_a_limit_that_cannot_be_meant_starts_nothing(
    call: Call, world: SandboxState, boss: Client, text: str
) -> None:
    answer = boss.post(record(call), filled(limit="other", other_limit=text))

    assert answer.status_code == 422
    assert answer.context["form"].errors["other_limit"]
    assert "Recording not started." in answer.content.decode()
    assert not Recording.objects.exists()
    assert not sent(world)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": "1"},
        {"limit": "999999"},
        {"file_format": "ogg"},
        {"channels": "quad"},
        {"intent": "x"},
        {"intent": ""},
    ],
)
def test_what_the_form_does_not_offer_is_not_sent(
    call: Call, world: SandboxState, boss: Client, wrong: dict[str, Any]
) -> None:
    assert boss.post(record(call), filled(**wrong)).status_code == 422
    assert not sent(world)


def test_the_form_keeps_its_intent_when_it_is_shown_again(call: Call, boss: Client) -> None:
    intent = str(uuid4())

    answer = boss.post(record(call), filled(intent=intent, limit="other"))

    assert f'value="{intent}"' in answer.content.decode()
    fresh = boss.get(record(call)).context["form"]["intent"].value()
    assert UUID(str(fresh)) != UUID(intent)


def test_the_intent_of_another_calls_form_shows_nothing_of_it(
    call: Call, world: SandboxState, stranger: Account, boss: Client, staff: Person
) -> None:
    foreign = a_running(stranger, intent=uuid4())
    client = staff("start_recording", "view_live_calls", accounts=[call.account])

    answer = client.post(record(call), filled(intent=str(foreign.intent)))

    assert answer.status_code == 404
    assert not sent(world)


def test_transcription_is_asked_for_where_vobiz_can_call_back(
    call: Call, world: SandboxState, boss: Client
) -> None:
    long = boss.post(record(call), filled(transcribe="on", limit="28800"), follow=True)
    assert "Vobiz transcribes nothing longer than 4 hours" in said(long)
    assert Recording.objects.get().transcribe
    assert world.running(MAIN)[0].transcribe


def test_where_vobiz_cannot_call_this_portal_no_transcript_can_be_chosen(
    call: Call, world: SandboxState, boss: Client, settings: Settings
) -> None:
    sandbox_url = settings.VOBIZ_API_URL
    settings.VOBIZ_API_URL = "https://api.vobiz.ai/api/v1"
    page = boss.get(record(call)).content.decode()
    assert "Not possible here: Vobiz cannot call this portal" in page
    assert "Vobiz cannot call this portal: recordings appear only after a sync." in page
    settings.VOBIZ_API_URL = sandbox_url
    assert "recordings appear only after a sync" not in boss.get(record(call)).content.decode()


def test_where_a_call_flow_records_too_the_form_asks_first(
    call: Call, world: SandboxState, boss: Client
) -> None:
    Account.objects.update(recorded_by_flow=True)
    assert "a second one" in boss.get(record(call)).content.decode()

    answer = boss.post(record(call), filled())

    assert answer.status_code == 422
    assert "Tick this to record it all the same." in answer.content.decode()
    assert not sent(world)
    boss.post(record(call), filled(despite_flow="on"))
    assert len(world.running(MAIN)) == 1


def test_where_another_began_since_the_form_was_shown_nothing_is_sent_and_it_says_who_and_until_when(
    call: Call, world: SandboxState, boss: Client, staff: Person
) -> None:
    asha = staff("start_recording", "view_live_calls", accounts=[call.account], name="asha")
    shown = filled()
    asha.post(record(call), filled(limit="3600"))

    answer = boss.post(record(call), shown)

    text = answer.content.decode()
    assert answer.status_code == 409
    assert "someone else has just started one" in text
    (words,) = answer.context["began"]
    assert words.startswith("asha started a recording at ")
    assert " It stops at " in words
    assert len(sent(world)) == 1
    again = shown | {"running": answer.context["expected"]}
    assert str(shown["intent"]) in text
    assert "Start a second one" in text
    boss.post(record(call), again)
    assert len(world.running(MAIN)) == 2


def test_after_a_lost_answer_another_start_is_offered_with_its_consequence(
    call: Call, world: SandboxState, boss: Client
) -> None:
    world.faults.plan(Fault(on="record.start", drop="after"))

    live = boss.post(record(call), filled(), follow=True).content.decode()
    form = boss.get(record(call)).content.decode()

    assert "Not confirmed" in live
    assert "Record…" in live
    assert "may record the call twice" in live
    assert "Starting another may record the call twice." in form
    assert "Record again" in form
    assert len(sent(world)) == 1


def test_the_price_of_storage_is_the_last_one_known(call: Call, boss: Client) -> None:
    assert "Storage of the last one" not in boss.get(record(call)).content.decode()
    a_recording(call.account, storage_rate="0.005")

    text = boss.get(record(call)).content.decode()

    assert "USD 0.005 a month" in text


def test_a_switched_off_account_starts_nothing(call: Call, world: SandboxState, boss: Client) -> None:
    Account.objects.update(is_active=False)

    assert "The account is inactive" in boss.get(record(call)).content.decode()
    answer = boss.post(record(call), filled(), follow=True)

    assert "is inactive. Make it active on its page" in said(answer)
    assert not sent(world)


def test_an_operator_who_may_only_start_is_led_to_what_he_may_see(call: Call, staff: Person) -> None:
    client = staff("start_recording", accounts=[call.account])

    assert client.post(record(call), filled()).headers["Location"] == "/admin/"


def test_a_start_from_the_calls_page_leads_back_there(call: Call, world: SandboxState, boss: Client) -> None:
    page = reverse("admin:recordings_call_change", args=[call.pk])
    form = record(call) + "?back=call"
    assert form in boss.get(page).content.decode()

    opened_there, opened_live = boss.get(form).content.decode(), boss.get(record(call)).content.decode()
    assert f'<a class="button" href="{page}">' in opened_there
    assert f'<p class="vp-back"><a href="{page}">' in opened_there
    assert f'<p class="vp-back"><a href="{LIVE}">' in opened_live
    assert f'<a href="{LIVE}" aria-current="page">' in opened_live
    assert boss.post(record(call), filled(back="call"))["Location"] == page
    assert boss.post(record(call), filled(back="https://elsewhere.example/"))["Location"].startswith(LIVE)
