"""Each page's job, done with the mouse, with the keyboard alone, and without JavaScript: what a call needs done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from recordings import connect, control, live
from recordings.choices import RecordingStatus
from recordings.control import StartOptions
from recordings.models import Account, Call, Recording, SyncRun
from tests.browser.conftest import PASSWORD, sign_in
from tests.browser.hands import Hands
from tests.ledger import asked
from tests.waiting import eventually
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AUTH_ID, TOKEN = "MA_JOBS000001", "a-token-for-the-jobs-e5f6"
LIVE = "/admin/recordings/call/live/"
NEW_PASSWORD = "another-password-for-the-browser-7"


@pytest.fixture
def account(admin_login: User, vobiz: Sandbox, lively_world: SandboxState) -> Account:
    """An account with two live calls, known here."""
    lively_world.add_account(AUTH_ID, TOKEN, name="Jobs Ltd")
    for number in ("919624705678", "+912261234567"):
        lively_world.place_call(AUTH_ID, from_number=number, to_number="+918071387423")
    account = connect.store(AUTH_ID, TOKEN, now=timezone.now(), name="Jobs Ltd")[0]
    live.refresh_all([account], now=timezone.now())
    return account


@pytest.fixture
def call(account: Account) -> Call:
    """The first of them."""
    return Call.objects.get(from_number="919624705678")


@pytest.fixture
def page(hands: Hands, account: Account, portal: LiveServer) -> Page:
    """Signed in."""
    sign_in(hands.page, portal)
    return hands.page


def start(call: Call) -> Recording:
    return control.start(call, StartOptions.of(call.account), by=None, now=timezone.now())


def stopped(world: SandboxState) -> list[object]:
    """What the sandbox was asked to stop, by URL; None where it was asked to stop all."""
    return [(entry.detail["body"] or {}).get("URL") for entry in asked(world, "record.stop")]


def test_somebody_signs_in_syncs_from_the_overview_and_changes_the_password(
    hands: Hands, account: Account
) -> None:
    page = hands.page
    page.goto("/")
    for password in ("a-wrong-password", PASSWORD):
        hands.write(page.get_by_label("User name"), "admin")
        hands.write(page.get_by_label("Password"), password)
        hands.press(page.get_by_role("button", name="Log in"))
        if password != PASSWORD:
            expect(page.locator(".errornote")).to_contain_text("is wrong")

    hands.press(page.locator(".portal-needs").get_by_role("button", name="Sync now").first)
    page.wait_for_url("**/syncrun/*/change/")
    eventually(lambda: SyncRun.objects.filter(complete=True, requested_by__username="admin").exists())

    hands.press(page.locator("#user-tools summary"))
    hands.press(page.get_by_role("link", name="Your account"))
    hands.press(page.get_by_role("link", name="Change password"))
    hands.write(page.get_by_label("Old password"), PASSWORD)
    hands.write(page.locator("#id_new_password1"), NEW_PASSWORD)
    hands.write(page.locator("#id_new_password2"), NEW_PASSWORD)
    hands.press(page.get_by_role("button", name="Change password"))
    expect(page.get_by_role("heading", name="Password changed")).to_be_visible()
    assert User.objects.get().check_password(NEW_PASSWORD)


def test_the_overviews_numbers_lead_to_the_live_calls_and_the_zone_is_chosen(
    hands: Hands, page: Page
) -> None:
    page.goto("/admin/")
    hands.press(page.get_by_role("link", name="Open live calls"))
    expect(page.locator("#live-rows tr")).to_have_count(2)
    hands.press(page.locator("#user-tools summary"))
    hands.press(page.get_by_role("link", name="Time zone"))
    hands.write(page.get_by_label("Time zone"), "tokyo")
    hands.press(page.get_by_role("button", name="Save"))

    expect(page.locator(".messagelist")).to_contain_text("Times are shown in Asia/Tokyo")
    expect(page).to_have_url(page.url.partition("/admin/")[0] + LIVE)
    assert User.objects.get().preference.time_zone == "Asia/Tokyo"


def test_a_call_is_found_by_its_number_ticked_recorded_and_stopped_and_the_focus_stays_at_it(
    hands: Hands, page: Page, call: Call, lively_world: SandboxState
) -> None:
    page.goto(LIVE)
    hands.write(page.get_by_label("Number"), "096247 05678")
    if not hands.scripted:
        hands.press(page.get_by_role("button", name="Show"))
    expect(page.locator("#live-rows tr:visible")).to_have_count(1)
    row = page.locator(f"#call-{call.pk}")
    hands.tick(row.get_by_role("checkbox"))
    hands.press(page.get_by_role("button", name="Record selected…"))
    hands.press(page.get_by_role("button", name="Start recording 1 call"))
    expect(page.locator(".vp-outcomes")).to_contain_text("Recording started")
    hands.press(page.get_by_role("link", name="Back to the live calls"))
    expect(row).to_be_focused()
    recording = Recording.objects.get()
    assert [running.recording_id for running in lively_world.running()] == [recording.recording_id]

    hands.press(row.get_by_role("button", name="Stop this recording"))

    expect(page.locator(".messagelist")).to_contain_text("Stopping the recording")
    expect(row).to_be_focused()
    assert row.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    recording.refresh_from_db()
    assert stopped(lively_world) == [recording.recording_url]
    assert recording.stop_requested_by == User.objects.get()


def test_a_recording_is_started_with_what_was_chosen_and_another_is_thought_better_of(
    hands: Hands, page: Page, call: Call, lively_world: SandboxState
) -> None:
    page.goto(LIVE)
    row = page.locator(f"#call-{call.pk}")
    hands.press(row.locator("summary"))
    hands.press(row.get_by_role("link", name="Record with options…"))
    hands.pick(page.get_by_label("15 min"))
    hands.pick(page.get_by_role("radio", name="WAV"))
    hands.pick(page.get_by_label("Mono"))
    hands.tick(page.get_by_label("Create a transcript"))
    hands.press(page.get_by_role("button", name="Start recording"))

    expect(page.locator(".messagelist")).to_contain_text("Recording started. It stops at")
    expect(row).to_be_focused()
    (sent,) = asked(lively_world, "record.start")
    wanted = {"time_limit": 900, "file_format": "wav", "record_channel_type": "mono"}
    assert sent.detail["body"].items() >= (wanted | {"transcription_type": "auto"}).items()
    hands.press(row.locator("summary"))
    hands.press(row.get_by_role("link", name="Record with options…"))
    expect(page.locator("#content")).to_contain_text("1 recording of this call is running")
    hands.press(page.get_by_role("link", name="Cancel"))
    expect(row).to_be_focused()
    assert Recording.objects.count() == 1


def test_of_a_calls_recordings_one_is_stopped_and_then_all(
    hands: Hands, page: Page, call: Call, lively_world: SandboxState
) -> None:
    first, second, third = start(call), start(call), start(call)
    page.goto(reverse("admin:recordings_call_change", args=[call.pk]))
    hands.press(page.get_by_role("button", name="Stop recording 2"))

    expect(page.locator(".messagelist")).to_contain_text("Stopping the recording")
    expect(page.locator(f"#attempt-{second.pk}")).to_be_focused()
    assert stopped(lively_world) == [second.recording_url]
    eventually(lambda: Recording.objects.filter(pk=second.pk, status=RecordingStatus.COMPLETED).exists())
    hands.press(page.get_by_role("link", name="Stop all…"))
    expect(page.locator(".vp-run")).to_have_count(2)
    hands.press(page.get_by_role("button", name="Stop all 2 recordings"))

    expect(page.locator(".messagelist")).to_contain_text("Stopping 2 recordings started from the portal")
    assert stopped(lively_world) == [second.recording_url, None]
    assert lively_world.running() == []
    asked_for = Recording.objects.filter(stop_requested_by__username="admin")
    assert set(asked_for) == {first, second, third}


@pytest.mark.parametrize("hands", ["with the keyboard alone"], indirect=True)
def test_stopping_all_is_asked_again_where_another_began_meanwhile(
    hands: Hands, page: Page, call: Call, lively_world: SandboxState
) -> None:
    start(call)
    page.goto(reverse("admin:recordings_call_stop_all", args=[call.pk]))
    button = page.get_by_role("button", name="Stop 1 recording")
    expect(button).to_be_visible()
    start(call)
    hands.press(button)

    expect(page.get_by_role("alert")).to_contain_text("Nothing was stopped: other recordings run now")
    assert stopped(lively_world) == []
    hands.press(page.get_by_role("button", name="Stop all 2 recordings"))
    expect(page.locator(".messagelist")).to_contain_text("Stopping 2 recordings")
    assert lively_world.running() == []


@pytest.mark.parametrize("hands", ["with the keyboard alone"], indirect=True)
def test_a_second_recording_is_started_only_after_reading_who_began_the_first(
    hands: Hands, page: Page, call: Call, lively_world: SandboxState
) -> None:
    page.goto(reverse("admin:recordings_call_record", args=[call.pk]))
    expect(page.get_by_role("button", name="Start recording")).to_be_visible()
    start(call)
    hands.press(page.get_by_role("button", name="Start recording"))

    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("someone else has just started one")
    expect(alert).to_contain_text("Command line started a recording at ")
    expect(alert).to_contain_text(" It stops at ")
    assert len(lively_world.running()) == 1
    hands.press(page.get_by_role("button", name="Start a second one"))
    expect(page.locator(".messagelist")).to_contain_text("Recording started")
    assert len(lively_world.running()) == 2


def test_a_recording_is_stopped_on_its_page_which_leads_to_its_call(
    hands: Hands, page: Page, call: Call, lively_world: SandboxState
) -> None:
    recording = start(call)
    Recording.objects.update(stop_requested_at=timezone.now() - timedelta(seconds=61))
    page.goto(reverse("admin:recordings_recording_change", args=[recording.pk]))
    expect(page.locator("#content")).to_contain_text("Press Stop again.")
    hands.press(page.get_by_role("button", name="Stop this recording"))

    expect(page.locator(".messagelist")).to_contain_text("Stopping the recording")
    assert stopped(lively_world) == [recording.recording_url]
    hands.press(page.locator(".vp-head").get_by_role("link", name="Call"))
    expect(page.locator(f"#attempt-{recording.pk}")).to_be_visible()
