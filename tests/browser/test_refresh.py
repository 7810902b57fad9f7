"""Pages that refresh themselves, looked at: what was typed stays, and who is signed out is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, Request, expect
from pytest_django.live_server_helper import LiveServer

from recordings.choices import Attention, RecordingStatus
from recordings.models import Recording
from tests.admin.rows import a_call, a_live_call, a_recording, a_running
from tests.browser.conftest import sign_in
from tests.conftest import MAIN, connected

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def recording(admin_login: User) -> Recording:
    """A recording that is not archived and needs a person, so that its page has a note to type."""
    account = connected(MAIN, now=timezone.now(), name="Refresh Ltd")
    return a_recording(account, needs_attention=Attention.LENGTH_DIFFERS)


def address(row: Recording) -> str:
    return reverse("admin:recordings_recording_change", args=[row.pk])


def test_what_was_typed_stays_while_the_page_changes_and_while_signed_out(
    page: Page, portal: LiveServer, recording: Recording
) -> None:
    sign_in(page, portal)
    page.clock.install()
    page.goto(address(recording))
    state = page.locator("#refresh")
    expect(state).to_contain_text("Updated ")
    note = page.get_by_label("Note")
    note.fill("half a sentence")
    Session.objects.all().delete()

    page.clock.run_for(10_000)
    expect(state.get_by_role("link", name="Log in")).to_be_visible()
    expect(note).to_have_value("half a sentence")
    sign_in(page, portal)
    Recording.objects.update(error="Vobiz said something new.")
    page.clock.run_for(10_000)

    expect(page.locator("#recording-now")).to_contain_text("Vobiz said something new.")
    expect(state.get_by_role("link", name="Log in")).to_be_hidden()
    expect(note).to_have_value("half a sentence")


def test_updates_pause_and_go_on(page: Page, portal: LiveServer, recording: Recording) -> None:
    sign_in(page, portal)
    page.clock.install()
    page.goto(address(recording))
    sent: list[str | None] = []

    def note(request: Request) -> None:
        if request.url.endswith(address(recording)):
            sent.append(request.headers.get("x-background-refresh"))

    page.on("request", note)
    page.get_by_role("button", name="Pause updates").click()
    page.clock.run_for(60_000)
    assert sent == []
    with page.expect_response(f"**{address(recording)}"):
        page.get_by_role("button", name="Resume updates").click()
    assert sent == ["1"]


def test_the_durations_of_a_live_call_and_of_its_recording_run_each_second_until_they_end(
    page: Page, portal: LiveServer, admin_login: User
) -> None:
    account = connected(MAIN, now=timezone.now(), name="Refresh Ltd")
    began = timezone.now() - timedelta(minutes=2, seconds=30)
    call = a_live_call(account, started_at=began)
    row = a_running(account, call=call, started_at=began, requested_at=began)
    sign_in(page, portal)
    page.clock.install()
    page.goto(reverse("admin:recordings_call_change", args=[call.pk]))
    clocks = page.locator("#call-now [data-elapsed]")
    # the call: duration, what of it is recorded, its bar twice; the recording: its bar, its part, its length
    expect(clocks).to_have_count(8)
    page.route("**/call/**", lambda _route: None)  # no answer comes meanwhile

    before = clocks.all_text_contents()
    page.clock.run_for(15_000)
    after = clocks.all_text_contents()

    assert all(one < other for one, other in zip(before, after, strict=True)), (before, after)
    assert len(set(after)) == 1
    page.unroute("**/call/**")
    Recording.objects.filter(pk=row.pk).update(
        status="completed", ended_at=timezone.now(), duration_ms=125_000
    )
    type(call).objects.filter(pk=call.pk).update(state="ended", ended_at=timezone.now())
    page.reload()
    expect(page.locator("#call-now")).to_contain_text("2:0")
    expect(clocks).to_have_count(0)


def test_a_recording_that_completes_gets_its_player(
    page: Page, portal: LiveServer, admin_login: User
) -> None:
    account = connected(MAIN, now=timezone.now(), name="Refresh Ltd")
    running = a_running(account, call=a_call(account))
    sign_in(page, portal)
    page.clock.install()
    page.goto(address(running))
    expect(page.locator("#audio")).to_have_count(0)

    now = timezone.now()
    Recording.objects.update(
        status=RecordingStatus.COMPLETED,
        ended_at=now,
        duration_ms=10_000,
        recording_url="https://media.vobiz.ai/a.mp3",
    )
    page.clock.run_for(5_000)

    expect(page.locator("#audio")).to_have_count(1)


def test_where_the_portal_does_not_answer_the_page_says_so_and_goes_on(
    page: Page, portal: LiveServer, recording: Recording
) -> None:
    sign_in(page, portal)
    page.clock.install()
    page.goto(address(recording))
    page.route(f"**{address(recording)}", lambda route: route.abort())
    page.clock.run_for(10_000)
    expect(page.locator("#refresh")).to_contain_text("The portal does not answer")
    page.unroute(f"**{address(recording)}")

    page.clock.run_for(20_000)

    expect(page.get_by_text("The portal does not answer")).to_be_hidden()
