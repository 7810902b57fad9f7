"""Hearing a recording in a real browser: from the archive, any part of it, by keys, from a list, without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from recordings.models import AccessEvent, Account, Recording
from tests.admin.rows import a_recording, a_transcript
from tests.archived import an_archived, speech
from tests.browser.conftest import PASSWORD
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SECONDS = 40.0


@dataclass
class Heard:
    """What the browser asked for of the audio, and what it got: range and status."""

    asked: list[tuple[str, int]] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("response", self._note)

    def _note(self, answer: Any) -> None:
        if "/audio/" in answer.url:
            self.asked.append((answer.request.headers.get("range", ""), answer.status))


@pytest.fixture
def recording(transactional_db: None, archive_folder: Path) -> Recording:
    """Forty seconds in stereo, in the archive."""
    account = Account.objects.create(auth_id="MA_HEARD", name="Heard")
    return an_archived(
        account, speech(seconds=SECONDS, channels=2), duration_ms=int(SECONDS * 1_000), channels="stereo"
    )


@pytest.fixture
def heard(page: Page, admin_login: User) -> Heard:
    """Signed in, and watching what is asked of the audio."""
    log_in(page)
    watching = Heard()
    watching.watch(page)
    return watching


def log_in(page: Page) -> None:
    page.goto("/admin/login/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#user-tools")).to_be_visible()


def open_page(page: Page, recording: Recording, anchor: str = "") -> None:
    page.goto(f"/admin/recordings/recording/{recording.pk}/change/{anchor}")


def audio(page: Page, expression: str) -> Any:
    return page.evaluate(
        f"(() => {{ const audio = document.querySelector('audio'); return {expression}; }})()"
    )


def until(page: Page, condition: str) -> None:
    eventually(lambda: audio(page, condition))


def test_a_recording_plays_to_its_end_is_sought_in_by_ranges_and_is_one_play(
    page: Page, heard: Heard, recording: Recording
) -> None:
    open_page(page, recording)
    expect(page.locator("#wave canvas").first).to_be_attached()  # though it lives in a shadow of its own
    expect(page.get_by_text("Caller")).to_be_visible()
    expect(page.get_by_text("Callee")).to_be_visible()
    assert heard.asked == []  # opening the page asks for nothing of it
    assert not AccessEvent.objects.exclude(action="sign_in").exists()

    page.get_by_role("button", name="Play").click()
    until(page, "audio.currentTime > 0.2")
    page.get_by_role("slider", name="Position").fill("38")
    until(page, "audio.ended")

    assert abs(audio(page, "audio.duration") - SECONDS) < 1
    assert {status for _range, status in heard.asked} == {206}
    event = AccessEvent.objects.exclude(action="sign_in").get()
    assert (event.action, event.result, event.recording_pk) == ("play", "ok", recording.pk)
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_keys_move_in_it_and_change_its_speed(page: Page, heard: Heard, recording: Recording) -> None:
    open_page(page, recording)

    page.keyboard.press(" ")
    until(page, "!audio.paused && audio.currentTime > 0")
    page.keyboard.press(" ")
    until(page, "audio.paused")
    page.keyboard.press("5")
    until(page, "Math.abs(audio.currentTime - 20) < 1")
    page.keyboard.press("ArrowRight")
    until(page, "Math.abs(audio.currentTime - 30) < 1")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Back 10 seconds").click()
    until(page, "Math.abs(audio.currentTime - 10) < 1")
    page.keyboard.press(">")
    assert audio(page, "audio.playbackRate") == 1.25
    page.keyboard.press("<")
    page.keyboard.press("<")
    assert audio(page, "audio.playbackRate") == 0.75
    expect(page.get_by_label("Speed")).to_have_value("0.75")
    expect(page.locator("#time")).to_have_text("0:10 / 0:40")


def test_a_time_can_be_linked_to(page: Page, heard: Heard, recording: Recording) -> None:
    open_page(page, recording, "#t=0:25")
    expect(page.locator("#time")).to_contain_text("0:25 /")
    assert heard.asked == []

    page.get_by_role("button", name="Play").click()
    until(page, "audio.currentTime > 25 && audio.currentTime < 30")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("slider", name="Position").fill("12")
    assert page.get_by_role("link", name="Link to this moment").get_attribute("href") == "#t=12"


def test_a_click_on_the_picture_goes_there(page: Page, heard: Heard, recording: Recording) -> None:
    open_page(page, recording)
    box = page.locator("#wave").bounding_box()
    assert box is not None

    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    expect(page.locator("#time")).to_have_text(re.compile("0:(19|20) / 0:40"))
    page.keyboard.press(" ")
    until(page, "audio.currentTime > 19")


def test_what_cannot_be_had_says_why(page: Page, heard: Heard, recording: Recording) -> None:
    open_page(page, recording)
    Recording.objects.filter(pk=recording.pk).update(
        archived_at=None, needs_attention="audio_missing", gone_at_provider_at=recording.archived_at
    )

    page.get_by_role("button", name="Play").click()

    expect(page.get_by_role("alert")).to_contain_text("missing or damaged")
    assert AccessEvent.objects.exclude(action="sign_in").get().result == "failed"


def test_a_transcript_is_opened_beside_what_plays(page: Page, heard: Heard, recording: Recording) -> None:
    a_transcript(recording, text="Good morning, Lotus Parcels.")
    open_page(page, recording)
    page.get_by_role("button", name="Play").click()
    until(page, "audio.currentTime > 0.1")

    page.get_by_role("button", name="Read the transcript").click()

    expect(page.locator(".vp-transcript .text")).to_have_text("Good morning, Lotus Parcels.")
    assert audio(page, "!audio.paused")
    assert set(AccessEvent.objects.values_list("action", flat=True)) == {"sign_in", "play", "transcript"}


def test_words_are_found_in_a_transcript_and_it_is_copied_and_nothing_of_it_is_sent(
    page: Page, heard: Heard, recording: Recording
) -> None:
    text = "A parcel (large). No, two parcels; <b>parcel</b> one is lost."
    a_transcript(recording, text=text)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, recording)
    page.get_by_role("button", name="Read the transcript").click()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))

    field, said = page.get_by_label("Find in this transcript"), page.locator(".vp-find [role=status]")
    field.fill("PARCEL")
    expect(said).to_have_text("1 of 3 matches")
    field.press("Enter")
    field.press("Enter")
    expect(said).to_have_text("3 of 3 matches")
    expect(page.locator("#transcript-text mark.is-current")).to_have_text("parcel")
    expect(page.locator("#transcript-text")).to_have_text(text)
    field.fill("(large).")
    expect(said).to_have_text("1 of 1 matches")
    field.fill("tomorrow")
    expect(said).to_have_text("No match")
    page.get_by_role("button", name="Copy", exact=True).click()

    assert page.evaluate("() => navigator.clipboard.readText()") == text
    # The icons of what was put into the page may be loaded meanwhile: a file, without a query.
    assert [url for url in sent if "/static/" not in url or "?" in url] == []


def test_a_list_plays_in_place_one_recording_at_a_time(
    page: Page, heard: Heard, recording: Recording
) -> None:
    an_archived(recording.account, speech(seconds=3), duration_ms=3_000)
    page.goto("/admin/recordings/recording/")
    first, second = page.get_by_role("button", name="Play").all()

    second.click()
    page.locator("audio").wait_for(state="attached")
    until(page, "audio.currentTime > 0.1")
    first.click()
    until(page, "audio.ended")

    expect(page).to_have_url(f"{page.url.split('/admin')[0]}/admin/recordings/recording/")
    assert page.locator("audio").count() == 1
    assert page.locator("#result_list").get_by_role("button", name="Play").count() == 2
    assert AccessEvent.objects.filter(action="play", result="ok").count() == 2


def test_what_plays_goes_on_while_the_list_is_filtered_and_paged_and_back(
    page: Page, heard: Heard, recording: Recording
) -> None:
    an_archived(recording.account, speech(seconds=3), duration_ms=3_000)
    page.goto("/admin/recordings/recording/")
    page.locator(".field-listen a").last.click()
    page.locator("audio").wait_for(state="attached")
    until(page, "audio.currentTime > 0.1")
    page.evaluate("window.isTheSamePage = true")
    player = page.get_by_role("region").filter(has=page.get_by_role("slider", name="Position"))

    page.get_by_role("navigation", name="Views").get_by_role("link", name="Cut short").click()
    expect(page.locator(".vp-empty")).to_contain_text("Nothing matches")
    page.get_by_role("navigation", name="Views").get_by_role("link", name="All recordings").click()
    expect(page.get_by_role("button", name="Pause")).to_have_count(2)  # in its row and in the player
    page.locator("#searchbar").fill("555000")
    page.keyboard.press("Enter")
    expect(page.locator(".vp-empty")).to_be_visible()
    assert page.url.endswith("?q=555000")
    page.go_back()
    expect(page.locator("#result_list")).to_be_visible()

    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Menu").click()
    page.locator("#nav-sidebar").get_by_role("link", name="Find a recording").click()
    expect(page.locator("#changelist-filter")).to_be_visible()  # of the list that is there now
    page.locator(".vp-addfilter [data-close]").click()
    page.set_viewport_size({"width": 1280, "height": 900})

    assert audio(page, "!audio.paused && audio.currentTime > 0.1")
    assert page.evaluate("window.isTheSamePage")
    player.get_by_role("button", name="Close the player").click()
    expect(player).to_have_count(0)
    expect(page.locator(".field-listen a").last).to_be_focused()


def test_each_button_of_a_list_is_named_after_what_it_plays(
    page: Page, heard: Heard, recording: Recording
) -> None:
    an_archived(recording.account, speech(seconds=3), duration_ms=3_000)
    page.goto("/admin/recordings/recording/")

    for row in page.locator("#result_list tbody:not(.day) tr").all():
        time, numbers = row.locator(".field-when").inner_text(), row.locator(".field-numbers").inner_text()
        expect(row.get_by_role("button", name=f"Play · {time} · {numbers}")).to_be_visible()


@pytest.fixture
def unscripted(chromium: Browser, portal: LiveServer, admin_login: User) -> Iterator[Page]:
    """A signed-in visitor whose browser runs no script."""
    context = chromium.new_context(base_url=portal.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page)
    yield page
    context.close()


def test_without_a_script_there_is_the_browsers_own_player_and_a_form(
    unscripted: Page, recording: Recording
) -> None:
    a_transcript(recording, text="Good morning, Lotus Parcels.")
    unscripted.goto("/admin/recordings/recording/")
    unscripted.locator(".field-listen a").first.click()

    player = unscripted.locator("audio[controls]")
    expect(player).to_be_visible()
    for scripted in ("#controls", "#keys", "#trouble"):
        expect(unscripted.locator(scripted)).to_be_hidden()
    source = player.get_attribute("src")
    assert source is not None
    part = unscripted.request.get(source, headers={"Range": "bytes=0-99"})
    assert (part.status, len(part.body())) == (206, 100)
    unscripted.get_by_role("button", name="Read the transcript").click()
    expect(unscripted.locator(".vp-transcript .text")).to_have_text("Good morning, Lotus Parcels.")


def test_one_that_never_was_says_so(page: Page, heard: Heard, recording: Recording) -> None:
    lost = a_recording(recording.account, gone_at_provider_at=recording.archived_at)

    open_page(page, lost)

    expect(page.locator("#player")).to_contain_text("Vobiz deleted the audio before it was archived")
    assert page.locator("audio").count() == 0


@pytest.mark.parametrize("width", [1280, 390])
def test_a_row_that_cannot_be_played_says_why_with_the_cure_and_its_length(
    page: Page, heard: Heard, recording: Recording, width: int
) -> None:
    account = Account.objects.create(auth_id="MA_NOTOKEN", name="Lotus")
    row = a_recording(account, duration_ms=93_000)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/recordings/recording/")
    page.locator(f".field-listen a[href^='{row.pk}/']").click()

    bar = page.locator(".vp-mini")
    expect(bar).to_contain_text("0:00 / 1:33")
    said = bar.get_by_role("alert")
    expect(said).to_contain_text("Not archived, so it cannot be played: no token is stored for Lotus")
    expect(bar.get_by_role("button", name="Play", exact=True)).to_be_disabled()
    assert heard.asked == []
    close, words = bar.get_by_role("button", name="Close the player").bounding_box(), said.bounding_box()
    assert close is not None
    assert words is not None
    assert words["x"] + words["width"] <= close["x"] or words["y"] >= close["y"] + close["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    said.get_by_role("link", name="Enter the token").click()
    expect(page).to_have_url(re.compile(rf"/account/{account.pk}/change/#id_token$"))
