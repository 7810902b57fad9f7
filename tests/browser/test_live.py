"""The live calls, looked at: they refresh by themselves, and nothing moves that is being used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from recordings import connect
from recordings.choices import RecordingStatus
from recordings.models import Account, Call, Recording
from tests.admin.rows import a_running
from tests.browser.conftest import a_page, sign_in
from tests.ledger import asked
from tests.waiting import eventually
from vobiz_portal.sandbox.entities import Call as SandboxCall
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AUTH_ID, TOKEN = "MA_LIVE000001", "a-token-for-the-live-page-c3d4"
LIVE = "/admin/recordings/call/live/"
FIRST, SECOND = "+91 96247 05678", "+91 22 6123 4567"


@pytest.fixture
def account(admin_login: User, vobiz: Sandbox, lively_world: SandboxState) -> Account:
    """An account with two live calls."""
    lively_world.add_account(AUTH_ID, TOKEN, name="Live Ltd")
    lively_world.place_call(AUTH_ID, from_number="919624705678", to_number="+918071387423")
    lively_world.place_call(AUTH_ID, from_number="+912261234567", to_number="+918071387423")
    return connect.store(AUTH_ID, TOKEN, now=timezone.now(), name="Live Ltd")[0]


@pytest.fixture
def operator(page: Page, account: Account, portal: LiveServer) -> Page:
    """The live calls in the browser of somebody who is signed in."""
    sign_in(page, portal)
    page.clock.install()  # so that a test need not wait for the next look
    page.goto(LIVE)
    return page


@pytest.fixture
def plain(chromium: Browser, account: Account, portal: LiveServer) -> Iterator[Page]:
    """The same without JavaScript."""
    context = chromium.new_context(base_url=portal.url, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(60_000)
    sign_in(page, portal)
    page.goto(LIVE)
    yield page
    context.close()


def look_again(page: Page) -> None:
    """What the page does by itself 5 seconds later; and by then Vobiz is asked again."""
    Account.objects.update(live_tried_at=None)
    page.clock.run_for(5_000)


def look_until(row: Locator, words: str) -> None:
    def looked() -> bool:
        look_again(row.page)
        return words in row.inner_text()

    eventually(looked, within=20)


def top_of(row: Locator) -> float:
    box = row.bounding_box()
    assert box is not None
    return box["y"]


def call_of(world: SandboxState, number: str) -> SandboxCall:
    digits = "".join(filter(str.isdigit, number))
    return next(call for call in world.calls.values() if call.from_number.lstrip("+") == digits)


def test_what_changes_at_vobiz_shows_by_itself_and_nothing_that_is_used_moves(
    operator: Page, lively_world: SandboxState
) -> None:
    second = operator.locator("#live-rows tr").filter(has_text=SECOND)
    first = operator.locator("#live-rows tr").filter(has_text=FIRST)
    second.get_by_role("checkbox").check()
    record = second.get_by_role("button", name="Record")
    record.focus()
    before = top_of(second)

    lively_world.place_call(AUTH_ID, from_number="+914423456789", to_number="+918071387423")
    look_again(operator)
    expect(operator.locator("#live-count")).to_contain_text("3 live calls")
    lively_world.hang_up(call_of(lively_world, FIRST).call_uuid)
    look_again(operator)
    expect(first).to_contain_text("Call ended ")

    expect(operator.locator("#live-rows tr").nth(2)).to_contain_text("+91 44 2345 6789")
    expect(first.get_by_role("button", name="Record")).to_have_count(0)
    expect(second.get_by_role("checkbox")).to_be_checked()
    expect(record).to_be_focused()
    assert abs(top_of(second) - before) < 1
    expect(operator.locator("#live-count")).to_contain_text("2 live calls")
    operator.reload()
    expect(first).to_have_count(0)


LAST = "+91 44 2345 6705"


@pytest.mark.parametrize(("width", "gone", "place"), [(1280, LAST, 10_000), (390, FIRST, 60)])
def test_a_stop_leaves_what_was_pressed_where_it_was_though_another_call_is_gone(
    operator: Page, lively_world: SandboxState, width: int, gone: str, place: int
) -> None:
    for n in range(6):
        lively_world.place_call(AUTH_ID, from_number=f"+9144234567{n:02}", to_number="+918071387423")
    operator.set_viewport_size({"width": width, "height": 480})
    pressed = operator.locator("#live-rows tr").filter(has_text=SECOND)
    pressed.get_by_role("button", name="Record").click()
    expect(operator.locator(".messagelist")).to_contain_text("Recording started")
    look_until(operator.locator("#live-rows"), LAST)
    lively_world.hang_up(call_of(lively_world, gone).call_uuid)
    look_until(operator.locator("#live-rows tr").filter(has_text=gone), "Call ended")
    operator.evaluate("place => scrollTo(0, place)", place)
    before = top_of(pressed)

    pressed.get_by_role("button", name="Stop").evaluate(
        "stop => stop.click()"
    )  # the driver would scroll first

    expect(operator.locator(".messagelist")).to_contain_text("Stopping the recording")
    expect(operator.locator("#live-rows tr")).to_have_count(7)
    assert abs(top_of(pressed) - before) <= 4
    look_until(pressed, "1 recorded here")
    assert abs(top_of(pressed) - before) <= 4


@pytest.mark.parametrize("width", [1280, 390])
def test_the_line_of_a_recording_that_ended_stays_so_that_no_other_stop_comes_under_the_pointer(
    operator: Page, lively_world: SandboxState, width: int
) -> None:
    operator.set_viewport_size({"width": width, "height": 900})
    account, now = Account.objects.get(), timezone.now()
    call = Call.objects.get(call_uuid=call_of(lively_world, FIRST).call_uuid)
    first, second = (a_running(account, call=call, started_at=now) for _n in range(2))
    look_again(operator)
    stop = operator.locator(f"#recording-{second.pk}").get_by_role("button", name="Stop")
    expect(stop).to_be_visible()
    below = operator.locator("#live-rows tr").filter(has_text=SECOND)
    before = top_of(stop), top_of(below)

    Recording.objects.filter(pk=first.pk).update(status=RecordingStatus.COMPLETED, duration_ms=9_000)
    for _again in range(2):
        look_again(operator)
        expect(operator.locator(f"#recording-{first.pk}")).to_contain_text("Recording ended")
        assert (top_of(stop), top_of(below)) == pytest.approx(before, abs=1)
    expect(operator.locator(f"#recording-{first.pk}").get_by_role("button")).to_have_count(0)


def test_a_page_that_is_not_looked_at_asks_for_nothing(operator: Page, lively_world: SandboxState) -> None:
    expect(operator.locator("#live-rows tr")).to_have_count(2)
    sent: list[str] = []
    operator.on("request", lambda request: sent.append(request.url))
    with operator.expect_response("**/live/**"):
        look_again(operator)
    assert sent
    operator.evaluate(
        """() => {
            Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }"""
    )
    sent.clear()
    before = len(asked(lively_world))

    look_again(operator)
    operator.clock.run_for(60_000)

    assert sent == []
    assert len(asked(lively_world)) == before
    lively_world.hang_up(call_of(lively_world, FIRST).call_uuid)
    operator.evaluate(
        """() => {
            Object.defineProperty(document, 'visibilityState', { value: 'visible', configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }"""
    )
    expect(operator.locator("#live-rows tr").filter(has_text=FIRST)).to_contain_text("Call ended ")


def test_where_vobiz_is_away_the_last_rows_stay_with_their_age(
    operator: Page, lively_world: SandboxState
) -> None:
    lively_world.faults.plan(Fault(on="call.list", drop="before", times=None))

    look_again(operator)
    expect(operator.locator("#live-notices")).to_contain_text("Vobiz could not be reached")
    expect(operator.locator("#live-notices").get_by_role("link", name="Try again")).to_be_visible()
    expect(operator.locator("#live-rows tr")).to_have_count(2)
    lively_world.faults.clear()
    look_again(operator)
    expect(operator.locator("#live-notices")).not_to_contain_text("Vobiz")


def test_the_box_narrows_by_a_number_in_any_spelling_and_the_tick_to_what_is_recorded(operator: Page) -> None:
    box = operator.get_by_label("Number")
    for spelling in ("096247 05678", "+91-96247", "05678"):
        box.fill(spelling)
        expect(operator.locator("#live-rows tr:visible")).to_have_count(1)
        expect(operator.locator("#live-shown")).to_have_text("1 of 2 shown")
    box.fill("")
    expect(operator.locator("#live-rows tr:visible")).to_have_count(2)
    operator.get_by_role("radio", name="Recorded 0", exact=True).check()
    expect(operator.locator("#live-rows tr:visible")).to_have_count(0)


def test_with_the_keyboard_alone_a_call_is_recorded_and_its_recording_stopped(
    operator: Page, lively_world: SandboxState
) -> None:
    keys = operator.keyboard
    keys.press("j")
    keys.press("j")
    expect(operator.locator("#live-rows tr").nth(1)).to_be_focused()
    keys.press("k")
    keys.press("j")
    keys.press("r")
    expect(operator.locator(".messagelist")).to_contain_text("Recording started")
    recording = Recording.objects.get()
    assert recording.call == Call.objects.order_by("started_at", "pk")[1]

    operator.get_by_label("Number").press_sequentially("sjkr96")
    assert operator.url.partition("#")[0].endswith(LIVE)
    operator.get_by_label("Number").fill("")
    operator.get_by_label("Number").blur()
    keys.press("j")
    keys.press("j")
    keys.press("s")
    asking = operator.get_by_role("dialog", name="Stop this recording?")
    expect(asking.get_by_role("button", name="Keep recording")).to_be_focused()
    keys.press("Enter")
    expect(asking).to_be_hidden()
    assert lively_world.running()
    keys.press("s")
    asking.get_by_role("button", name="Stop recording").focus()
    keys.press("Enter")
    expect(operator.locator(".messagelist")).to_contain_text("Stopping the recording")
    eventually(lambda: Recording.objects.filter(status=RecordingStatus.COMPLETED).exists())


def test_ticked_calls_are_recorded_with_one_form(operator: Page, lively_world: SandboxState) -> None:
    expect(operator.locator(".vp-bulk")).to_be_hidden()
    every = operator.get_by_role("checkbox", name="Select all calls")
    every.check()
    expect(operator.locator(".vp-bulk strong")).to_have_text("2 selected")
    operator.get_by_role("button", name="Clear").click()
    expect(operator.locator(".vp-bulk")).to_be_hidden()
    expect(every).not_to_be_checked()  # which a script does after the form was reset
    every.check()
    operator.get_by_role("button", name="Record selected…").click()
    expect(operator.locator(".vp-chosen > li")).to_have_count(2)
    operator.get_by_role("radio", name="WAV").check()
    expect(operator.locator(".portal-wav-warning")).to_be_hidden()
    operator.get_by_label("Create a transcript").check()
    expect(operator.locator(".portal-wav-warning")).to_be_visible()
    operator.get_by_role("button", name="Start recording 2 calls").click()

    expect(operator.locator(".vp-outcomes li.good")).to_have_count(2)
    assert len(lively_world.running()) == 2


def test_the_form_says_when_the_chosen_limit_cuts(operator: Page) -> None:
    operator.locator("#live-rows summary").first.click()
    operator.get_by_role("link", name="Record with options…").first.click()
    told = operator.locator("#start-sum")
    expect(told).to_contain_text("Stops at ")
    expect(told).to_contain_text("116 MB")

    expect(operator.locator("input[name=other_limit]")).to_be_hidden()
    operator.get_by_label("Other").check()
    operator.locator("input[name=other_limit]").fill("1 h 30 min")
    expect(told).to_contain_text("44 MB")
    expect(told).to_contain_text("after 1 h 30 min, or earlier")
    operator.locator("input[name=other_limit]").fill("25")
    expect(told).to_contain_text("after 25 min, or earlier")
    operator.locator("input[name=other_limit]").fill("25 parsecs")
    expect(told).to_contain_text("Enter minutes")


def test_the_whole_start_form_is_on_one_screen_of_a_phone(operator: Page) -> None:
    operator.set_viewport_size({"width": 390, "height": 844})
    operator.locator("#live-rows summary").first.click()
    operator.get_by_role("link", name="Record with options…").first.click()
    expect(operator.locator("#start-sum")).to_contain_text("Stops at ")

    button = operator.locator("#start-form button[type=submit]").bounding_box()
    last = operator.locator("#start-sum").bounding_box()
    assert button is not None
    assert last is not None
    assert last["y"] + last["height"] <= button["y"]
    assert button["y"] + button["height"] <= 844
    assert operator.evaluate("() => window.scrollY") == 0


def test_without_javascript_calls_are_narrowed_refreshed_recorded_and_stopped(
    plain: Page, lively_world: SandboxState
) -> None:
    expect(plain.locator(".portal-keys")).to_be_hidden()
    plain.get_by_label("Number").fill("096247 05678")
    plain.get_by_role("button", name="Show").click()
    expect(plain.locator("#live-rows tr")).to_have_count(1)
    plain.locator("#live-rows input[type=checkbox]").check()
    plain.get_by_role("button", name="Record selected…").click()
    plain.get_by_role("button", name="Start recording 1 call").click()
    expect(plain.locator(".vp-outcomes")).to_contain_text("Recording started")
    plain.get_by_role("link", name="Back to the live calls").click()
    plain.get_by_role("button", name="Stop this recording").click()
    expect(plain.locator(".messagelist")).to_contain_text("Stopping the recording")
    lively_world.hang_up(call_of(lively_world, FIRST).call_uuid)
    Account.objects.update(live_tried_at=None)
    plain.get_by_role("link", name="Refresh").click()
    expect(plain.locator("#live-rows tr")).to_have_count(1)


def test_what_became_of_a_start_moves_no_row_without_javascript(plain: Page) -> None:
    first = plain.locator("#live-rows tr").filter(has_text=FIRST)
    second = plain.locator("#live-rows tr").filter(has_text=SECOND)
    record = second.get_by_role("button", name="Record")
    record.hover()  # which may scroll to it
    before = top_of(first)

    record.click()

    expect(plain.locator(".messagelist")).to_be_in_viewport(ratio=1)
    assert abs(top_of(first) - before) < 2


COVERED = """(row) => [...row.querySelectorAll("a, button, input, summary")].filter((control) => {
    const { left, top, width, height } = control.getBoundingClientRect();
    return document.elementFromPoint(left + width / 2, top + height / 2)?.closest(".messagelist li");
}).map((control) => control.ariaLabel || control.textContent)"""


@pytest.mark.parametrize("scripted", [True, False])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900), (1280, 640)])
def test_what_became_of_a_start_covers_no_button_and_is_seen(
    chromium: Browser,
    account: Account,
    portal: LiveServer,
    lively_world: SandboxState,
    width: int,
    height: int,
    *,
    scripted: bool,
) -> None:
    for n in range(8):
        lively_world.place_call(AUTH_ID, from_number=f"91442345678{n}", to_number="+918071387423")
    with a_page(chromium, portal, scripted=scripted) as page:
        page.set_viewport_size({"width": width, "height": height})
        sign_in(page, portal)
        page.goto(LIVE)
        row = page.locator("#live-rows tr").last
        row.get_by_role("button", name="Record").click()

        expect(page.locator(".messagelist")).to_be_in_viewport(ratio=1)
        expect(row.get_by_role("button", name="Stop this recording")).to_be_in_viewport(ratio=1)
        assert row.evaluate(COVERED) == []
        if width == 1280:  # on a phone rows pass under it as they pass under the header, which is as wide
            for _step in range(8):
                page.mouse.wheel(0, -40)
                page.wait_for_timeout(50)
                assert page.locator("#live-table").evaluate(COVERED) == []
            menu = page.locator("#nav-sidebar")
            menu.evaluate("menu => menu.scrollTo(0, menu.scrollHeight)")  # where it is higher than the window
            assert menu.locator("li").last.evaluate(COVERED) == []
        assert page.locator(".messagelist").get_by_role("button").count() == scripted


def seconds_in(words: str) -> int:
    parts = [int(part) for part in words.removesuffix(" left").split(":")]
    return sum(part * 60**place for place, part in enumerate(reversed(parts)))


def test_durations_run_each_second_between_two_answers_by_the_clock_of_the_browser(
    operator: Page, lively_world: SandboxState
) -> None:
    call = Call.objects.get(call_uuid=call_of(lively_world, FIRST).call_uuid)
    a_running(Account.objects.get(), call=call, started_at=timezone.now(), time_limit=900)
    look_again(operator)
    row = operator.locator("#live-rows tr").filter(has_text=FIRST)
    left, elapsed = row.locator("[data-left]"), row.locator("[data-elapsed]")
    expect(left).to_contain_text("14:")
    operator.route("**/live/**", lambda _route: None)  # no answer comes meanwhile
    operator.clock.set_system_time(timezone.now() - timedelta(hours=3))

    def see(visibility: str) -> None:
        operator.evaluate(
            """value => {
                Object.defineProperty(document, 'visibilityState', { value, configurable: true });
                document.dispatchEvent(new Event('visibilitychange'));
            }""",
            visibility,
        )

    def shown() -> tuple[int, int]:
        return seconds_in(elapsed.inner_text()), seconds_in(left.inner_text())

    before = shown()
    operator.clock.run_for(3_000)
    after = shown()
    see("hidden")
    operator.clock.run_for(60_000)
    hidden = shown()
    see("visible")
    operator.clock.run_for(1_000)
    seen = shown()

    real = 8  # seconds that pass beside those of the clock
    assert 2 <= after[0] - before[0] <= 3 + real
    assert 2 <= before[1] - after[1] <= 3 + real
    assert hidden[0] - after[0] <= 1
    assert 60 <= seen[0] - after[0] <= 61 + 2 * real
    assert 60 <= after[1] - seen[1] <= 61 + 2 * real
