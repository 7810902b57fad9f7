"""Stopping: this one by its URL, or all of a call after looking at what stops."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from recordings.choices import Attention, CallState
from recordings.models import Account, Call, Recording
from tests.admin.conftest import Person
from tests.admin.rows import a_live_call, a_recording, a_running
from tests.admin.test_starting import LIVE, filled, record, said
from tests.conftest import MAIN
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.once


@pytest.fixture
def call(account: Account, world: SandboxState, boss: Client) -> Call:
    """A live call of which two recordings run, started here."""
    world.place_call(MAIN)
    boss.get(LIVE)
    call = Call.objects.get()
    boss.post(record(call), filled())
    boss.post(record(call), filled(limit="900"))
    return call


def stop(client: Client, recording: Recording, **data: str) -> Any:
    return client.post(reverse("admin:recordings_recording_stop", args=[recording.pk]), data, follow=True)


def stop_all_page(call: Call) -> str:
    return reverse("admin:recordings_call_stop_all", args=[call.pk])


def stops(world: SandboxState) -> int:
    return len([entry for entry in world.ledger.of("request") if entry.detail["operation"] == "record.stop"])


def test_stop_one_stops_this_one(call: Call, world: SandboxState, boss: Client) -> None:
    first, second = Recording.objects.order_by("pk")

    answer = stop(boss, first)

    assert "Stopping the recording." in said(answer)
    assert [running.recording_id for running in world.running(MAIN)] == [second.recording_id]
    first.refresh_from_db()
    assert first.stop_requested_at is not None
    log = LogEntry.objects.filter(object_id=str(first.pk), content_type__model="recording").latest("pk")
    assert log.get_change_message().startswith("Asked to stop it: Stopping")


def test_a_stop_leads_back_to_where_it_was_pressed(call: Call, boss: Client) -> None:
    first, second = Recording.objects.order_by("pk")

    from_live = stop(boss, first, back="live")
    from_page = stop(boss, second, back="https://elsewhere.example/")
    from_call = stop(boss, second, back="call")

    assert from_live.redirect_chain == [(f"{LIVE}#call-{call.pk}", 302)]
    assert from_page.redirect_chain == [(reverse("admin:recordings_recording_change", args=[second.pk]), 302)]
    call_page = reverse("admin:recordings_call_change", args=[call.pk])
    assert from_call.redirect_chain == [(f"{call_page}#attempt-{second.pk}", 302)]


def test_whoever_may_not_see_calls_is_led_to_the_recording(call: Call, staff: Person) -> None:
    client = staff("stop_recording", "view_recording", accounts=[call.account])
    recording = Recording.objects.order_by("pk")[0]
    page = reverse("admin:recordings_recording_change", args=[recording.pk])

    for back in ("live", "call"):
        assert stop(client, recording, back=back).redirect_chain == [(page, 302)]


def test_who_asked_to_stop_it_is_told_to_all_and_a_minute_later_it_may_be_asked_again(
    call: Call, world: SandboxState, boss: Client
) -> None:
    recording, other = Recording.objects.order_by("pk")
    stop(boss, recording)
    button = f"/recording/{recording.pk}/stop/"
    pages = [LIVE, *(reverse(f"admin:recordings_{row._meta.model_name}_change", args=[row.pk])
             for row in (call, recording))]  # fmt: skip

    for page in pages:
        text = boss.get(page).content.decode()
        assert "boss pressed Stop at " in text
        assert button not in text
        assert "Nothing was sent again" not in text.partition('<div id="content"')[2]
    Recording.objects.filter(pk=recording.pk).update(
        stop_requested_at=recording.requested_at - timedelta(seconds=61)
    )

    for page in pages:
        text = boss.get(page).content.decode()
        assert "but Vobiz did not confirm it. Press Stop again." in text
        assert button in text
    assert "Stopping the recording." in said(stop(boss, recording))
    assert stops(world) == 2
    assert [running.recording_id for running in world.running(MAIN)] == [other.recording_id]


def test_of_two_operators_who_stop_one_recording_the_second_reads_who_asked(
    call: Call, world: SandboxState, staff: Person
) -> None:
    recording = Recording.objects.order_by("pk")[0]
    rights = ("stop_recording", "view_recording")
    asha = staff(*rights, accounts=[call.account], name="asha")
    ravi = staff(*rights, accounts=[call.account], name="ravi")

    stop(asha, recording)
    second = stop(ravi, recording)

    assert stops(world) == 1
    assert "asha pressed Stop at " in said(second)
    assert "Asha" not in second.content.decode()
    assert "Nothing was sent again." in said(second)


def test_a_recording_that_is_over_is_not_stopped(call: Call, world: SandboxState, boss: Client) -> None:
    recording = a_recording(call.account)

    assert "had already ended" in said(stop(boss, recording))
    assert stops(world) == 0


def test_without_a_url_nothing_is_sent_and_the_page_says_why(
    call: Call, world: SandboxState, boss: Client
) -> None:
    recording = Recording.objects.order_by("pk")[0]
    Recording.objects.filter(pk=recording.pk).update(recording_url=None)

    answer = stop(boss, recording)

    assert "cannot be stopped on its own" in said(answer)
    assert stops(world) == 0
    assert len(world.running(MAIN)) == 2
    page = boss.get(reverse("admin:recordings_recording_change", args=[recording.pk])).content.decode()
    assert "Stop this recording" not in page
    assert "Stop all recordings of this call…" in page


def test_a_stop_that_was_not_confirmed_may_be_pressed_again(
    call: Call, world: SandboxState, boss: Client
) -> None:
    recording = Recording.objects.order_by("pk")[0]
    world.faults.plan(Fault(on="record.stop", drop="before", times=3))

    lost = stop(boss, recording)

    recording.refresh_from_db()
    assert recording.needs_attention == Attention.STOP_UNCONFIRMED
    assert "may still be running. Press Stop again; otherwise its time limit ends it at" in said(lost)
    assert f"/recording/{recording.pk}/stop/" in boss.get(LIVE).content.decode()
    assert "Stopping the recording." in said(stop(boss, recording))
    assert len(world.running(MAIN)) == 1


def test_a_refused_stop_says_that_the_recording_goes_on(
    call: Call, world: SandboxState, boss: Client
) -> None:
    world.faults.plan(Fault(on="record.stop", status=403, body={"error": "suspended"}))

    answer = stop(boss, Recording.objects.order_by("pk")[0], back="live")

    assert "Recording not stopped:" in said(answer)
    assert answer.redirect_chain == [(f"{LIVE}#content-start", 302)]
    assert len(world.running(MAIN)) == 2


def test_stop_all_names_what_will_stop_and_stops_it_when_confirmed(
    call: Call, world: SandboxState, boss: Client
) -> None:
    page = boss.get(stop_all_page(call))
    text = page.content.decode()
    assert stops(world) == 0
    assert [line.recording for line in page.context["row"].running] == list(Recording.objects.order_by("pk"))
    assert "Stop all 2 recordings" in text
    assert "those that a call flow or someone else started" in text

    answer = boss.post(stop_all_page(call), {"expected": page.context["expected"]}, follow=True)

    assert "Stopping 2 recordings started from the portal" in said(answer)
    assert not world.running(MAIN)
    assert stops(world) == 1
    logged = LogEntry.objects.filter(change_message__startswith="Asked to stop all of it")
    assert set(logged.values_list("content_type__model", flat=True)) == {"call", "recording"}
    assert logged.count() == 3


def test_stop_all_is_asked_again_when_another_began_meanwhile(
    call: Call, world: SandboxState, boss: Client
) -> None:
    shown = boss.get(stop_all_page(call)).context["expected"]
    boss.post(record(call), filled())

    answer = boss.post(stop_all_page(call), {"expected": shown})

    assert answer.status_code == 409
    assert "Nothing was stopped: other recordings run now" in answer.content.decode()
    assert stops(world) == 0
    assert "Stop all 3 recordings" in answer.content.decode()
    boss.post(stop_all_page(call), {"expected": answer.context["expected"]})
    assert not world.running(MAIN)


@pytest.mark.parametrize("expected", ["", "x", "1;2", "-1", "9" * 30])
def test_stop_all_without_having_looked_stops_nothing(
    call: Call, world: SandboxState, boss: Client, expected: str
) -> None:
    assert boss.post(stop_all_page(call), {"expected": expected}).status_code == 409
    assert boss.post(stop_all_page(call)).status_code == 409
    assert stops(world) == 0


def test_stop_all_stops_what_a_call_flow_began(account: Account, world: SandboxState, boss: Client) -> None:
    call = world.place_call(MAIN)
    boss.get(LIVE)
    world.start_recording(MAIN, call.call_uuid)
    row = Call.objects.get()

    page = boss.get(stop_all_page(row))
    text = page.content.decode()
    assert "No running recordings started from the portal." in text
    assert "Stop whatever records this call" in text
    assert "Stop all 0" not in text

    answer = boss.post(stop_all_page(row), {"expected": page.context["expected"]}, follow=True)

    assert "and any other of this call" in said(answer)
    assert not world.running(MAIN)


def test_stop_all_of_a_call_that_is_over_says_so(call: Call, world: SandboxState, boss: Client) -> None:
    shown = boss.get(stop_all_page(call)).context["expected"]
    world.hang_up(str(call.call_uuid))

    answer = boss.post(stop_all_page(call), {"expected": shown}, follow=True)

    assert "is over, and so are its recordings" in said(answer)
    Recording.objects.update(status="completed")
    page = boss.get(stop_all_page(call)).content.decode()
    assert "This call is over, and so are its recordings." in page
    assert "portal-stop" not in page


def test_the_page_that_stops_all_does_not_say_of_each_that_it_cannot_be_stopped_alone(
    call: Call, boss: Client
) -> None:
    Recording.objects.update(recording_url=None)

    page = boss.get(stop_all_page(call)).content.decode()

    assert "cannot be stopped alone" not in page
    assert "Stop all 2 recordings" in page


def test_a_start_of_unknown_outcome_may_only_have_been_recorded_once_its_call_is_over(
    account: Account, boss: Client
) -> None:
    now = timezone.now()
    over = {
        "state": CallState.ENDED,
        "started_at": now - timedelta(hours=2),
        "ended_at": now - timedelta(hours=1),
    }
    call = a_live_call(account, **over)
    recording = a_running(
        account, call=call, status="requested", start_answer="unknown", recording_id=None, recording_url=None,
        sources={}, needs_attention=Attention.MAY_BE_RECORDING, time_limit=28_800,
    )  # fmt: skip
    pages = {
        "all": stop_all_page(call),
        "record": record(call),
        "call": reverse("admin:recordings_call_change", args=[call.pk]),
        "recording": reverse("admin:recordings_recording_change", args=[recording.pk]),
        "list": "/admin/recordings/recording/",
        "overview": "/admin/",
    }

    texts = {name: unescape(boss.get(url).content.decode()) for name, url in pages.items()}

    for name, text in texts.items():
        start = 'id="result_list"' if name == "list" else '<div id="content"'  # past the list's filters
        content = text.partition(start)[2]
        assert "may have been recorded" in content.lower(), name
        for words in (
            "may be recording",
            "Stop all of this call",
            "Stop 1 recording",
            "data-cuts-in",
            "would stop in",
        ):
            assert words not in content, (name, words)
    for name in ("all", "record"):
        assert "ended after 1:00:00" in texts[name]
        assert "since it began" not in texts[name]
    recording.refresh_from_db()
    assert (recording.status, recording.needs_attention) == ("requested", Attention.MAY_BE_RECORDING)
