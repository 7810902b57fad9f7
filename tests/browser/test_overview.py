"""The first page in a real browser: by mouse, by keyboard alone, without JavaScript, on a telephone."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from recordings.models import Account, SyncRun
from tests.admin.rows import a_call, a_recording, a_run, a_running, an_event
from tests.browser.conftest import sign_in
from tests.browser.test_story import log_in
from tests.waiting import eventually
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOSTILE = "<script>document.title='run'</script>\u202egnikcah\u202c" + "x" * 150


def an_account(*, name: str = "Lotus Parcels") -> Account:
    """An account in trouble: failing syncs, callbacks that do not come, refused and failed ones."""
    now = timezone.now()
    account = Account.objects.create(auth_id="MA_OVERVIEW1", name=name, encrypted_token="no key opens this")
    a_run(account, at=now - timedelta(hours=9))
    for hours in range(3):
        a_run(account, at=now - timedelta(hours=hours), state="failed", complete=False, error=f"401 {name}")
    for minutes in (10, 20, 30):
        at = now - timedelta(minutes=minutes)
        a_running(
            account, call=a_call(account, from_number=name), status="completed", ended_at=at, happened_at=at
        )
    a_recording(account, happened_at=now - timedelta(days=29))
    a_recording(account, happened_at=now - timedelta(days=2), time_limit=60, duration_ms=60_000)
    a_recording(account, happened_at=now - timedelta(days=2), status="failed", error=name)
    an_event(account, outcome="failed", error=name)
    return account


def fits(page: Page) -> bool:
    """Nothing makes the page scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_new_portal_is_connected_in_two_clicks(
    page: Page, vobiz: Sandbox, lively_world: SandboxState, admin_login: User
) -> None:
    lively_world.add_account("MA_FIRST00001", "a-token-for-the-first-a1b2", name="First Ltd")
    log_in(page)
    expect(page.locator("#content")).to_contain_text("Connect your Vobiz account")

    page.get_by_role("link", name="Connect account").first.click()
    page.locator("input[name=auth_id]").fill("MA_FIRST00001")
    page.locator("input[name=token]").fill("a-token-for-the-first-a1b2")
    page.get_by_role("button", name="Connect account").click()

    expect(page.locator(".messagelist")).to_contain_text("is connected")
    eventually(SyncRun.objects.complete().exists)
    page.goto("/admin/")
    expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_no_date_of_the_chart_lies_over_another(
    page: Page, portal: LiveServer, admin_login: User, width: int
) -> None:
    an_account()
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, portal)
    page.goto("/admin/")
    dates = page.locator(".portal-date:visible")
    expect(dates.last).to_have_text("Today")

    edges = dates.evaluate_all(
        """all => all.map(one => {
            const words = document.createRange();
            words.selectNodeContents(one);
            const { left, right } = words.getBoundingClientRect();
            return [left, right];
        })"""
    )

    assert all(end <= begin for (_begin, end), (begin, _end) in pairwise(edges)), edges


def test_what_needs_attention_is_mended_with_the_keyboard_alone(
    page: Page, vobiz: Sandbox, admin_login: User
) -> None:
    account = an_account()
    log_in(page)
    expect(page.locator(".portal-needs li").first).to_contain_text("No callbacks received for")
    button = page.locator(".portal-needs").get_by_role("button", name="Sync now")

    page.locator("#content a").first.focus()
    for _press in range(80):
        if button.evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    page.wait_for_url("**/syncrun/*/change/")
    assert SyncRun.objects.filter(account=account, requested_by=admin_login).count() == 1


def test_the_days_are_a_picture_and_a_table_whose_numbers_open_their_lists(
    page: Page, vobiz: Sandbox, admin_login: User
) -> None:
    an_account()
    log_in(page)

    picture = page.get_by_role("img", name="Recordings a day, from")
    expect(picture).to_be_visible()
    assert (
        picture.locator("rect.portal-bar-cut")
        .evaluate("bar => getComputedStyle(bar).fill")
        .startswith("url(")
    )
    page.get_by_text("Show as table").click()
    page.locator(".portal-fortnight tbody tr").nth(2).get_by_role("link").nth(1).click()

    expect(page.locator("#result_list tbody:not(.day) tr")).to_have_count(1)
    expect(page.locator("#result_list")).to_contain_text("! Cut")


def test_hostile_text_stays_text_and_the_page_fits_a_telephone_with_causes_before_health(
    page: Page, vobiz: Sandbox, admin_login: User
) -> None:
    an_account(name=HOSTILE[:200])
    page.set_viewport_size({"width": 360, "height": 800})
    log_in(page)

    assert fits(page)
    assert "run" not in page.title()
    expect(page.locator(".portal-needs")).to_contain_text("[U+202E]")
    parts = (".vp-tiles", ".portal-needs", ".portal-health")
    tops = [page.locator(part).bounding_box() for part in parts]
    heights = [box["y"] for box in tops if box is not None]
    assert len(heights) == 3
    assert heights == sorted(heights)


def test_it_is_whole_without_javascript(
    chromium: Browser, portal: LiveServer, vobiz: Sandbox, admin_login: User
) -> None:
    an_account()
    context = chromium.new_context(base_url=portal.url, java_script_enabled=False)
    try:
        page = context.new_page()
        log_in(page)
        page.locator(".portal-needs").get_by_role("button", name="Sync now").click()
        page.wait_for_url("**/syncrun/*/change/")
    finally:
        context.close()
