"""One call that somebody half remembers, found in the recordings' list: by its number, by words, and by filters."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from recordings.models import Account, Recording
from tests.admin.rows import a_call, a_recording, a_transcript
from tests.browser.conftest import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

INDIA = ZoneInfo("Asia/Kolkata")
WIDTHS = (1280, 390)
BENGALURU, MUMBAI, MOBILE = "+918071387423", "+912226123456", "+919624705678"
SAID = "Good evening. My parcel went to the wrong house, please send somebody."


def last_tuesday(at: time) -> datetime:
    today = timezone.now().astimezone(INDIA).date()
    day = today - timedelta(days=(today.weekday() - 1) % 7 or 7)
    return datetime.combine(day, at, INDIA)


@pytest.fixture
def wanted(page: Page, admin_login: object, portal: LiveServer) -> Recording:
    """The recording that is looked for, among others that differ from it in one point each."""
    account = Account.objects.create(auth_id="MA_FIND000001", name="Find Ltd", time_zone="Asia/Kolkata")
    evening = last_tuesday(time(19, 12))

    def a_row(caller: str, at: datetime, seconds: int, said: str) -> Recording:
        call = a_call(account, from_number=caller, to_number=MOBILE, direction="inbound", happened_at=at)
        row = a_recording(account, call=call, happened_at=at, duration_ms=seconds * 1_000)
        a_transcript(row, text=said)
        return row

    found = a_row(BENGALURU, evening, 150, SAID)
    a_row("+918071380000", evening, 150, "Good evening. My order is here.")  # no parcel
    a_row("+918071380000", evening, 60, "The parcel is late.")  # too short
    a_row("+918071380000", evening - timedelta(hours=8), 150, "The parcel is late.")  # in the morning
    a_row(
        "+918071380000", evening - timedelta(days=7), 150, "The wrong parcel came to my house."
    )  # a week before
    a_row(MUMBAI, evening, 150, "The parcel is late.")
    sign_in(page, portal)
    page.goto(reverse("admin:recordings_recording_changelist"))
    expect(rows(page)).to_have_count(6)
    return found


def rows(page: Page) -> Locator:
    return page.locator("#result_list tbody:not(.day) tr")


def expect_found(page: Page, wanted: Recording) -> None:
    """Expect the row of `wanted`, and no other, to be shown."""
    expect(rows(page)).to_have_count(1)
    own = re.compile(f"/recording/{wanted.pk}/change/")
    expect(rows(page).locator("th a").first).to_have_attribute("href", own)


def search(page: Page, text: str) -> None:
    page.locator("#searchbar").fill(text)
    page.locator("#searchbar").press("Enter")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_number_in_any_spelling_and_a_phrase_find_their_call(
    page: Page, wanted: Recording, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for spelling in ("+91 80713 87423", "08071387423", "387423", '"wrong house"'):
        page.goto(reverse("admin:recordings_recording_changelist"))
        search(page, spelling)
        expect_found(page, wanted)
    expect(rows(page).locator("mark")).to_have_text(["wrong", "house"])


@pytest.mark.parametrize("width", WIDTHS)
def test_a_half_remembered_call_is_found_by_what_is_known_of_it(
    page: Page, wanted: Recording, width: int
) -> None:
    """From a Bengaluru number, about a parcel, last Tuesday evening, over two minutes."""
    page.set_viewport_size({"width": width, "height": 900})
    day = wanted.happened_at.astimezone(INDIA).date().isoformat()
    search(page, "parcel")
    expect(rows(page)).to_have_count(5)
    page.locator(".vp-addfilter > summary").click()
    page.get_by_text("More filters").click()
    panel = page.locator("#changelist-filter")
    typed = {
        "date_from": day, "date_to": day, "time_from": "18:00", "time_to": "22:00", "min_length": "2 min",
        "caller_area": "Bengaluru",
    }  # fmt: skip
    for name, value in typed.items():
        panel.locator(f"input[name='{name}']").fill(value)
    page.get_by_role("button", name="Show").click()

    expect_found(page, wanted)
    expect(rows(page).locator("mark")).to_have_text("parcel")
    chips = page.locator(".vp-chip")
    for words in ("Bengaluru", "18:00", "2 min"):
        expect(chips.filter(has_text=words)).to_have_count(1)
