"""One call that somebody half remembers, found in the recordings' list: by its number, by words, and by filters."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from recordings.models import Account, Recording
from tests.admin.rows import a_call, a_recording, a_transcript
from tests.browser.conftest import a_page, sign_in

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


def test_the_words_of_a_search_are_marked_also_where_the_button_was_pressed_before_the_script_was_there(
    page: Page, wanted: Recording
) -> None:
    search(page, '"wrong house" somebody')
    expect_found(page, wanted)
    rows(page).locator("th a").first.click()
    page.locator(".portal-open-transcript").evaluate("form => form.submit()")  # of which no script hears

    expect(page.locator("#transcript-text mark")).to_have_text(["wrong house", "somebody"])
    assert "_changelist_filters" not in page.url


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
    page.get_by_text("More filters").click()  # for the least length
    panel = page.locator("#changelist-filter")
    typed = {
        "date_from": day, "date_to": day, "time_from": "18:00", "time_to": "22:00", "min_length": "2 min",
        "caller": "Bengaluru",
    }  # fmt: skip
    for name, value in typed.items():
        panel.locator(f"input[name='{name}']").fill(value)
    page.get_by_role("button", name="Show").click()

    expect_found(page, wanted)
    expect(rows(page).locator("mark")).to_have_text("parcel")
    chips = page.locator(".vp-chip")
    for words in ("Bengaluru", "18:00", "2 min"):
        expect(chips.filter(has_text=words)).to_have_count(1)


MOST_PRESSES = 6  # clicks and Enter, from the overview to the row; typing is none
WAYS = [(1280, "Find a recording"), (390, "Find a recording"), (1280, "Recordings"), (1280, "Call history")]
MOST_BY_MENU = 4  # from any page of a phone to the calls of a city


@pytest.mark.parametrize(("width", "way"), WAYS)
def test_a_call_of_last_tuesday_evening_is_found_in_few_presses(
    page: Page, wanted: Recording, width: int, way: str
) -> None:
    """From a Bengaluru number, over two minutes; a call to one at the same time is another."""
    at, account = wanted.happened_at, wanted.account
    other = a_call(account, from_number=MOBILE, to_number=BENGALURU, direction="outbound", happened_at=at)
    a_recording(account, call=other, happened_at=at, duration_ms=150_000)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(reverse("admin:index"))
    presses = 0

    def press(target: Locator) -> None:
        nonlocal presses
        presses += 1
        target.click()

    panel = page.locator("#changelist-filter")
    on = wanted.happened_at.astimezone(INDIA)
    is_yesterday = (timezone.now().astimezone(INDIA).date() - on.date()).days == 1
    day = "Yesterday" if is_yesterday else f"Tue {on:%-d %b}"
    press(page.get_by_role("link", name=way, exact=True))
    if way != "Find a recording":
        press(page.locator(".vp-addfilter > summary"))
    expect(panel).to_be_visible()
    if width == 390:
        press(panel.get_by_label("Caller", exact=True))  # where nobody can type before a field was touched
    expect(panel.get_by_label("Caller", exact=True)).to_be_focused()
    page.keyboard.type("Bengaluru")
    press(panel.get_by_text(day))
    press(panel.get_by_text("Evening, 17:00 to 22:00"))
    press(panel.get_by_text("2 min or more"))
    press(panel.get_by_role("button", name="Show"))

    assert presses <= MOST_PRESSES
    expect(rows(page)).to_have_count(2)  # of one of them nothing was said about a parcel
    expect(rows(page).filter(has_text="+91 80 7138 7423")).to_contain_text("2:30")
    expect(page.locator("#changelist-filter")).to_be_hidden()


@pytest.mark.parametrize("begin", ["accessevent", "recording"])
def test_the_menu_of_a_phone_leads_to_the_calls_of_a_city_in_few_presses(
    page: Page, wanted: Recording, begin: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(reverse(f"admin:recordings_{begin}_changelist"))
    panel, nav = page.locator("#changelist-filter"), page.locator("#nav-sidebar")
    presses = [
        page.get_by_role("button", name="Menu"), nav.get_by_role("link", name="Find a recording"),
        panel.get_by_label("Caller", exact=True), panel.get_by_role("button", name="Show"),
    ]  # fmt: skip
    for target in presses:
        target.click()
        page.keyboard.type("Bengaluru" if target is presses[2] else "")

    assert len(presses) <= MOST_BY_MENU
    expect(rows(page)).to_have_count(5)
    expect(panel).to_be_hidden()
    expect(nav).to_be_hidden()
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(nav.get_by_role("link", name="Find a recording")).to_be_hidden()


def test_a_link_opens_the_filters_without_javascript_and_they_close_with_an_answer(
    chromium: Browser, wanted: Recording, portal: LiveServer
) -> None:
    with a_page(chromium, portal, scripted=False) as page:
        sign_in(page, portal)
        page.goto(reverse("admin:index"))
        page.get_by_role("link", name="Find a recording").click()
        page.get_by_label("Caller", exact=True).fill("080")
        page.get_by_role("button", name="Show").click()
        expect(rows(page)).to_have_count(5)
        expect(page.locator("#changelist-filter")).to_be_hidden()


def test_tabs_are_one_row_on_a_phone_and_the_current_one_is_in_sight(page: Page, wanted: Recording) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    tabs = page.locator(".vp-views")
    page.goto(reverse("admin:recordings_recording_changelist"))
    row = tabs.locator("a").all()
    assert len({round(tab.evaluate("tab => tab.getBoundingClientRect().top")) for tab in row}) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    row[0].focus()
    for _tab in row[1:]:
        page.keyboard.press("Tab")
    expect(row[-1]).to_be_focused()
    expect(row[-1]).to_be_in_viewport(ratio=0.95)
    page.get_by_role("link", name="Needs attention").click()
    expect(tabs.locator("[aria-current]")).to_have_text("Needs attention")
    expect(tabs.locator("[aria-current]")).to_be_in_viewport(ratio=0.95)


@pytest.mark.parametrize("width", [1280, 1439, 1440])
def test_a_long_address_takes_two_lines_and_is_not_cut(page: Page, wanted: Recording, width: int) -> None:
    address = "sip:reception@pbx.lotus.example"
    call = a_call(wanted.account, from_number=address, to_number=address, happened_at=timezone.now())
    a_recording(wanted.account, call=call, happened_at=timezone.now())
    page.set_viewport_size({"width": width, "height": 900})
    for listed in ("recording", "call"):
        page.goto(reverse(f"admin:recordings_{listed}_changelist"))
        long = rows(page).filter(has_text=address)
        for one in long.locator("bdi").all():
            assert one.evaluate(
                "one => one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight"
            )
        heights = {row.evaluate("row => row.getBoundingClientRect().height") for row in rows(page).all()}
        assert len(heights) == 1, heights
        assert page.evaluate("document.documentElement.scrollWidth") <= width


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
    cell = rows(page).filter(has_text="sip:reception").first.locator("td.field-numbers")
    edge = cell.evaluate("cell => cell.getBoundingClientRect().right")
    ends = cell.locator("bdi").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
    assert max(ends) <= edge, (ends, edge)  # the callee is not pushed out by a long caller
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
    assert "7138" in page.evaluate("getSelection().toString()")
    assert "/change/" not in page.url

    number.click()

    page.wait_for_url(f"**/recording/{wanted.pk}/change/**")
