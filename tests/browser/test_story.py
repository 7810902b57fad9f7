"""The main job, as a person does it: in a real browser, against real callbacks, with no worker."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from recordings.choices import EventOutcome, Origin, RecordingStatus, SyncState, TranscriptionStatus, Trust
from recordings.models import Account, CallbackEvent, Recording, SyncRun
from tests.browser.conftest import PASSWORD
from tests.waiting import eventually
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AUTH_ID, TOKEN = "MA_STORY00001", "a-token-for-the-story-a1b2"


def log_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Live calls").first).to_be_visible()


def connect_account(page: Page) -> None:
    page.get_by_role("link", name="Connect an account").first.click()
    page.locator("input[name=auth_id]").fill(AUTH_ID)
    page.locator("input[name=token]").fill(TOKEN)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("successfully")


def start(page: Page, *, span: str | None = None, transcribe: bool = False) -> None:
    page.get_by_role("link", name="Live calls").first.click()
    page.get_by_role("link", name="Record…").click()
    if span is not None:
        page.get_by_label("other", exact=False).first.check()
        page.locator("input[name=other_limit]").fill(span)
    if transcribe:
        page.locator("input[name=transcribe]").check()
    page.locator("#start-form button[type=submit]").click()
    expect(page.locator(".messagelist")).to_contain_text("It is being recorded")


def test_an_admin_records_a_live_call_stops_it_reads_the_transcript_and_syncs_the_rest(
    page: Page, vobiz: Sandbox, lively_world: World, admin_login: User
) -> None:
    lively_world.add_account(AUTH_ID, TOKEN, name="Story Ltd")
    past = [lively_world.add_recording(AUTH_ID, age_days=days, duration=20) for days in (1, 2, 3)]
    call = lively_world.place_call(AUTH_ID, from_number="+918071387423", to_number="919624705678")

    log_in(page)
    connect_account(page)

    # Two recordings of one call: a short one with a transcript, and one with the account's usual limit.
    start(page, span="6 s", transcribe=True)
    start(page)
    short, long = Recording.objects.order_by("requested_at")
    assert (short.time_limit, long.time_limit) == (6, 14_400)
    assert short.call_id == long.call_id
    expect(page.get_by_role("row").filter(has_text="+91 96247 05678")).to_contain_text("stops in")

    # Stop the long one: the short one is still the sandbox's to end.
    page.get_by_role("button", name="Stop this recording").last.click()
    expect(page.locator(".messagelist")).to_contain_text("stop")
    both = Recording.objects.filter(pk__in=[short.pk, long.pk], status=RecordingStatus.COMPLETED)
    eventually(lambda: both.count() == 2, within=20)
    events = CallbackEvent.objects.filter(recording__in=[short, long], kind="recording")
    assert {(event.trust, event.outcome) for event in events} == {(Trust.SIGNED, EventOutcome.APPLIED)}
    long.refresh_from_db()
    assert long.stop_requested_by == admin_login

    # The transcript is read on the recording's page.
    eventually(
        lambda: Recording.objects.filter(
            pk=short.pk, transcription__status=TranscriptionStatus.COMPLETED
        ).exists(),
        within=20,
    )
    page.goto(f"/admin/recordings/recording/{short.pk}/change/")
    short.refresh_from_db()
    expect(page.locator(".portal-transcript")).to_have_text(short.transcription.text)
    assert short.was_cut
    expect(page.locator("#content")).to_contain_text("ended at its time limit")

    # Sync finds the rest, and doubles nothing.
    sync_now(page)
    expected = [*past, short, long]
    found = Recording.objects.values_list("recording_id", flat=True)
    assert sorted(map(str, found)) == sorted(str(row.recording_id) for row in expected)
    assert set(Recording.objects.filter(origin=Origin.PORTAL)) == {short, long}
    lively_world.hang_up(call.call_uuid)


def sync_now(page: Page) -> None:
    """Press the button, and wait until it is done."""
    account = Account.objects.get(auth_id=AUTH_ID)
    page.goto(f"/admin/recordings/account/{account.pk}/change/")
    page.get_by_role("button", name="Sync now").click()
    expect(page.locator(".messagelist")).to_contain_text("The sync has begun")
    eventually(lambda: not SyncRun.objects.running().exists(), within=20)
    page.reload()
    expect(page.locator("#content")).to_contain_text("complete")
    assert SyncRun.objects.get().state == SyncState.COMPLETE
