"""One call that somebody half remembers, found in the recordings' list: by its number, by words, and by filters."""

from __future__ import annotations

import re
from collections.abc import Callable
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


def test_the_words_of_a_search_are_marked_in_the_transcript_of_what_it_found(
    page: Page, wanted: Recording
) -> None:
    search(page, '"wrong house" somebody')
    expect_found(page, wanted)
    rows(page).locator("th a").first.click()
    expect(page.locator("#transcript-text")).to_have_count(0)
    page.get_by_role("button", name="Read the transcript").click()

    expect(page.locator("#transcript-text mark")).to_have_text(["wrong house", "somebody"])
    expect(page.locator("#transcript [role=status]")).to_have_text("1 of 2 matches")
    page.get_by_label("Find in this transcript").fill("evening")
    expect(page.locator("#transcript-text mark")).to_have_text("evening")
    expect(page.locator("#transcript-text")).to_have_text(SAID)


def test_a_search_for_a_number_marks_nothing_in_the_transcript(page: Page, wanted: Recording) -> None:
    search(page, "387423")
    rows(page).locator("th a").first.click()
    page.get_by_role("button", name="Read the transcript").click()

    expect(page.locator("#transcript-text")).to_have_text(SAID)
    expect(page.locator("#transcript-text mark")).to_have_count(0)
    expect(page.get_by_label("Find in this transcript")).to_have_value("")


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


MOST_PRESSES = 6  # from the overview to the row


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("listed", ["Recordings", "Call history"])
def test_a_call_of_last_tuesday_evening_is_found_in_few_presses(
    page: Page, wanted: Recording, listed: str, width: int
) -> None:
    """From a Bengaluru number, over two minutes; the menu button of a narrow page is not counted."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(reverse("admin:index"))
    if width < 1024:
        page.get_by_role("button", name="Menu").click()
    panel = page.locator("#changelist-filter")
    day = wanted.happened_at.astimezone(INDIA).date().isoformat()
    presses: list[Callable[[], object]] = [
        lambda: page.locator("#nav-sidebar").get_by_role("link", name=listed, exact=True).click(),
        lambda: page.locator(".vp-addfilter > summary").click(),
        lambda: panel.get_by_label("Date", exact=True).select_option(day),
        lambda: panel.get_by_label("Time of day").select_option("evening"),
        lambda: panel.get_by_label(re.compile("^(Recording l|L)ength$")).select_option("over_2m"),
        lambda: panel.get_by_label("Area of either number").click(),
    ]
    for press in presses:
        press()
    page.keyboard.type("Bengaluru")
    page.keyboard.press("Enter")

    assert len(presses) <= MOST_PRESSES
    expect(rows(page)).to_have_count(2)  # of one of them nothing was said about a parcel
    expect(rows(page).filter(has_text="+91 8071 387 423")).to_contain_text("2:30")


@pytest.mark.parametrize("width", [1920, 1280, 1024, 390])
def test_the_filters_hide_what_is_under_them_and_stay_in_the_window(
    page: Page, wanted: Recording, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.get_by_text("Add filter").click()
    panel = page.locator("#changelist-filter")
    panel.get_by_text("More filters").click()
    expect(panel).not_to_have_css("background-color", re.compile(r"rgba\(.*, 0\)|transparent"))
    box = panel.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    expect(panel.get_by_role("button", name="Show")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


LONGEST_ROW = 64  # pixels: two lines and their space


def test_a_row_on_a_phone_takes_two_lines_whatever_it_has_to_say(page: Page, wanted: Recording) -> None:
    account, now = wanted.account, timezone.now()
    Account.objects.update(name="A name that is far longer than what a telephone has room for")
    call = a_call(account, from_number="sip:reception.desk.two@pbx.lotus.example", to_number=MOBILE)
    a_recording(account, call=call, duration_ms=900_000, time_limit=900, happened_at=now)
    one = a_recording(account, call=call, needs_attention="transcript_revised", happened_at=now)
    a_transcript(one)
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(reverse("admin:recordings_recording_changelist"))
    expect(rows(page)).to_have_count(8)

    heights = [row.evaluate("row => row.getBoundingClientRect().height") for row in rows(page).all()]

    assert max(heights) <= LONGEST_ROW, heights
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_click_on_a_number_opens_its_row_and_dragging_selects_it(page: Page, wanted: Recording) -> None:
    search(page, "+91 80713 87423")
    number = rows(page).locator("td bdi").first
    box = number.bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + 1, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    assert "8071 387" in page.evaluate("getSelection().toString()")
    assert "/change/" not in page.url

    number.click()

    page.wait_for_url(f"**/recording/{wanted.pk}/change/**")
