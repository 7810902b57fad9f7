"""The pages of a call, of a recording, and the reader's zone, in a real browser: wide, narrow, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from recordings.models import Account, Call, Preference, Recording
from tests.admin.rows import a_call, a_live_call, a_recording, a_run, a_running, a_transcript, an_event
from tests.browser.conftest import PASSWORD, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOSTILE = "<script>document.title='ran'</script>\u202e" + "W" * 200
LISTS = (
    "recordings/call", "recordings/transcription", "recordings/callbackevent", "recordings/syncrun",
    "recordings/account", "recordings/accessevent", "auth/user",
)  # fmt: skip
WIDTHS = (360, 390, 640, 768, 1024, 1280, 1920)  # 640: 1280 at 200 %


@pytest.fixture
def plain_page(chromium: Browser, portal: LiveServer) -> Iterator[Page]:
    """A page of a visitor whose browser runs no script."""
    context = chromium.new_context(base_url=portal.url, java_script_enabled=False)
    yield context.new_page()
    context.close()


def log_in(page: Page) -> None:
    page.goto("/admin/login/?next=/admin/zone/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Your time zone")).to_be_visible()


def address(row: Any) -> str:
    return reverse(f"admin:recordings_{row._meta.model_name}_change", args=[row.pk])


def an_account() -> Account:
    return Account.objects.create(auth_id="MA_PAGES0001", name="Pages Ltd")


def a_full_call(account: Account, user: User, **texts: Any) -> Call:
    """A live call with an attempt of every kind."""
    began = timezone.now() - timedelta(minutes=10)

    def at(seconds: float) -> datetime:
        return began + timedelta(seconds=seconds)

    call = a_live_call(account, started_at=began, **texts)
    done: dict[str, Any] = {
        "requested_by": user,
        "status": "completed",
        "time_limit": 60,
        "duration_ms": 60_000,
    }
    a_running(
        account,
        call=call,
        requested_at=at(11),
        happened_at=at(12),
        started_at=at(12),
        ended_at=at(72),
        **done,
    )
    error = texts.get("from_number", "Vobiz wants payment first.")
    failed: dict[str, Any] = {
        "status": "failed",
        "start_answer": "refused",
        "error": error,
        "recording_id": None,
    }
    a_running(account, call=call, requested_at=at(90), happened_at=at(90), **failed)
    a_recording(
        account, call=call, happened_at=at(200), started_at=at(200), ended_at=at(320), duration_ms=120_000
    )
    a_running(account, call=call, requested_at=at(400), happened_at=at(400), requested_by=user)
    lost: dict[str, Any] = {
        "status": "requested",
        "start_answer": "unknown",
        "needs_attention": "may_be_recording",
    }
    a_running(account, call=call, requested_at=at(500), happened_at=at(500), recording_url=None, **lost)
    return call


def a_full_recording(account: Account, user: User, text: str) -> Recording:
    now = timezone.now()
    asked: dict[str, Any] = {
        "requested_by": user,
        "stop_requested_by": user,
        "stop_requested_at": now,
        "status": "completed",
    }
    recording = a_running(
        account, conference_name=text, file_format=text[:30], started_at=now, ended_at=now, added_at=now,
        sources={"conference_name": "callback", "started_at": "api"}, provider_data={"note": text}, **asked,
    )  # fmt: skip
    a_transcript(recording, text=text, received_at=now)
    an_event(account, recording)
    return recording


def test_no_page_scrolls_sideways_whatever_it_shows(page: Page, admin_login: User) -> None:
    account = an_account()
    ended = a_call(account, started_at=timezone.now() - timedelta(minutes=9), seen_live_at=timezone.now())
    hostile = {"from_number": HOSTILE, "to_number": HOSTILE}
    pages = [
        "/admin/zone/",
        "/admin/alerts/",
        "/admin/",
        "/admin/help/",
        "/admin/recordings/recording/?date=30",
        "/admin/recordings/recording/at-risk/",
        "/admin/recordings/call/live/",
        "/admin/auth/user/add/",
        *(f"/admin/{kind}/" for kind in LISTS),
        f"/admin/recordings/account/{account.pk}/change/",
        address(a_full_call(account, admin_login)),
        address(a_full_call(account, admin_login, **hostile)),
        address(ended),
        address(a_recording(account)),
        address(a_full_recording(account, admin_login, HOSTILE)),
    ]
    log_in(page)
    for url in pages:
        page.goto(url)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (url, width)
        assert page.title() != "ran"


def test_a_zone_is_chosen_once_without_scripts_and_leads_back(plain_page: Page, admin_login: User) -> None:
    account = an_account()
    at = datetime(2025, 11, 6, 13, 48, 59, tzinfo=UTC)
    recording = a_recording(account, started_at=at, happened_at=at)
    log_in(plain_page)
    plain_page.goto(address(recording))
    expect(plain_page.locator("time").first).to_contain_text("19:18")

    plain_page.locator("#user-tools summary").click()
    plain_page.get_by_role("link", name="Time zone: Asia/Kolkata (IST)").click()
    plain_page.get_by_label("Time zone").fill("Asia/Tokyo")
    plain_page.get_by_role("button", name="Save").click()

    expect(plain_page).to_have_url(re.compile(re.escape(address(recording)) + "$"))
    expect(plain_page.locator(".messagelist")).to_contain_text("Times are shown in Asia/Tokyo (JST)")
    shown = plain_page.locator("time").filter(has_text="6 Nov 2025, 22:48").first
    expect(shown).to_have_attribute("title", "2025-11-06 13:48:59 UTC")


def test_a_question_mark_leads_to_the_list_of_keys_unless_it_is_typed(page: Page, admin_login: User) -> None:
    log_in(page)
    page.goto("/admin/recordings/recording/")

    page.keyboard.press("/")
    page.keyboard.type("?")
    expect(page.locator("#header [type=search]")).to_have_value("?")
    page.keyboard.press("Tab")
    page.keyboard.type("?")

    expect(page.get_by_role("heading", name="Keys")).to_be_visible()


def test_two_dates_narrow_a_list_by_keyboard_alone(page: Page, admin_login: User) -> None:
    account = an_account()
    Preference.objects.choose(admin_login, "UTC")
    for day in (5, 6, 7):
        a_recording(account, happened_at=datetime(2025, 11, day, 12, tzinfo=UTC))
    log_in(page)
    page.goto("/admin/recordings/recording/")

    page.locator(".vp-addfilter > summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Caller", exact=True)).to_be_focused()
    page.get_by_label("Date from").focus()
    page.keyboard.type("11062025")
    page.get_by_label("Date to, included").focus()
    page.keyboard.type("11062025")
    page.keyboard.press("Enter")

    expect(page.locator("#result_list tbody:not(.day) tr")).to_have_count(1)
    expect(page.locator("#result_list .day")).to_contain_text("6 Nov 2025")
    expect(page.locator(".vp-chip")).to_contain_text("6 Nov 2025")
    page.locator(".vp-addfilter > summary").click()
    page.get_by_label("Last 30 days").check()
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".vp-empty")).to_contain_text("Nothing matches")


def test_a_gap_becomes_certain_after_a_sync_and_the_lane_is_read_aloud(page: Page, admin_login: User) -> None:
    account = an_account()
    now = timezone.now()
    began = now - timedelta(minutes=10)
    call = a_call(account, started_at=began, seen_live_at=now, ended_at=now)
    half = began + timedelta(minutes=5)
    a_recording(account, call=call, started_at=began, happened_at=began, ended_at=half, duration_ms=300_000)
    log_in(page)

    page.goto(address(call))
    expect(page.get_by_role("img", name="Recording 1, completed: 0:00 – 5:00")).to_be_visible()
    expect(page.locator("#content")).to_contain_text("no complete sync has run")
    a_run(account, at=now + timedelta(seconds=1))
    page.reload()

    expect(page.locator("#content")).to_contain_text("Not recorded")
    expect(page.locator(".vp-lanes + p")).to_contain_text("5:00 – 10:00 (5:00)")


def test_bars_of_different_calls_and_two_badges_in_a_cell_stand_apart(
    page: Page, portal: LiveServer, admin_login: User
) -> None:
    account, now = an_account(), timezone.now()
    calls = [a_call(account), a_call(account)]
    for number in range(4):  # two of the first, then two of the other
        a_recording(account, call=calls[number // 2], happened_at=now - timedelta(minutes=number))
    at = now - timedelta(minutes=9)
    a_running(
        account, status="requested", needs_attention="may_be_recording", requested_at=at, happened_at=at
    )
    sign_in(page, portal)

    page.goto("/admin/recordings/recording/")

    assert [group.locator("tr").count() for group in page.locator("tbody.multi").all()] == [2, 2]
    badge, flag = boxes(page, "tbody:last-child .field-kept span")
    apart = flag["y"] >= badge["y"] + badge["height"] or flag["x"] >= badge["x"] + badge["width"]
    assert apart, (badge, flag)


def boxes(page: Page, selector: str) -> list[Any]:
    """Where each of these is drawn, from the top."""
    return [found.bounding_box() for found in page.locator(selector).all()]
