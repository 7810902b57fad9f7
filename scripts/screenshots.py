"""The README's pictures, docs/pictures/*.webp, made anew: `make screenshots`.

It starts the demo in a folder of its own and on free ports, lets it sync, makes a scene by hand as a person would
(a call that is recorded twice, one recording with a transcript), and takes each picture in a headless Chromium. It
takes about two minutes, asks nothing, and leaves nothing behind but the pictures. Exit 1, saying why, where one
could not be made or is larger than MOST_BYTES.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.chromium import QUIET, find_chromium
from tests.ports import free_ports

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
MOST_BYTES = 150_000
QUALITY = 82  # of WebP
SPOKEN = 40  # seconds that the recording with the transcript lasts
TIMEOUT = 120  # seconds, for the demo's first sync and for a transcript
CALLER, CALLEE = "+919624705678", "+918071387423"
SHOWN = "+91 96247 05678"  # the caller, as pages write it


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: of which page of the scene, how wide and high (CSS pixels), light or dark."""

    name: str
    of: str
    width: int = 1280
    height: int = 800
    scheme: str = "light"


PICTURES = (
    Picture("overview", "overview", height=900),
    Picture("live-calls", "live"),
    Picture("start-recording", "start", height=960),
    Picture("call", "call", scheme="dark"),
    Picture("recording", "recording"),
    Picture("recordings", "recordings"),
    Picture("recordings-narrow", "recordings", width=390, height=844),
)


class CannotError(Exception):
    """Why no picture was made; the text is for people."""


def main() -> None:
    """Make every picture, or say why not."""
    chromium = chromium_path()
    with (
        tempfile.TemporaryDirectory(prefix="portal-pictures-") as folder,
        demo(Path(folder)) as at,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET, "--no-sandbox"])
        expect.set_options(timeout=20_000)
        pages = Scene(browser, at).make()
        FOLDER.mkdir(parents=True, exist_ok=True)
        for picture in PICTURES:
            taken = take(browser, at, picture, pages[picture.of])
            if len(taken) > MOST_BYTES:
                raise CannotError(f"{picture.name} is {len(taken)} bytes, more than {MOST_BYTES}")
            (FOLDER / f"{picture.name}.webp").write_bytes(taken)
            say(f"{picture.name}.webp  {len(taken) // 1_000} kB")
        browser.close()


def chromium_path() -> str:
    """Return where Chromium is; CannotError where there is none."""
    found = find_chromium()
    if found is None:
        raise CannotError(
            "no Chromium on this machine: apt-get install chromium, or set CHROMIUM to its path"
        )
    return found


def say(text: str) -> None:
    """How far it is."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def demo(folder: Path) -> Iterator[dict[str, Any]]:
    """Run the demo, synced; yield its own description. It is ended afterwards in any case."""
    say("Starting the demo and its first sync …")
    portal = free_ports(3)
    sandbox = portal + 1  # its audio is on the next
    words = folder / "words"
    command = [sys.executable, "manage.py", "demo", "--json", "--port", str(portal)]
    command += ["--sandbox-port", str(sandbox), "--dir", str(folder / "demo")]
    with words.open("w") as told:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=told, text=True
        )
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            said = process.stdout.readline()
            if not said:
                raise CannotError(words.read_text())
            within(TIMEOUT, "the first sync", lambda: "The first sync is done" in words.read_text())
            yield json.loads(said)
        finally:
            process.terminate()
            process.wait(timeout=30)


def within(seconds: float, what: str, is_done: Callable[[], bool]) -> None:
    """Wait until it is; CannotError where it is not in time."""
    until = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > until:
            raise CannotError(f"{what} did not come within {seconds:g} seconds")
        time.sleep(0.5)


class Scene:
    """What there is to be seen, made through the pages as an operator makes it."""

    def __init__(self, browser: Browser, at: dict[str, Any]) -> None:
        self.at = at
        self.page = signed_in(browser, at, Picture("scene", "scene"))

    def make(self) -> dict[str, str]:
        """Return the addresses of the pages, relative to the admin, by short name."""
        say("Placing calls and recording them …")
        answered = {"auth_id": "MA_DEMO00000001", "lasts": 3_600}
        for ago, direction, caller, callee in (
            (252, "inbound", CALLER, CALLEE),
            (1_490, "outbound", CALLEE, "+442079460958"),
            (31, "inbound", "+919812345678", "+912261234567"),
        ):
            placed = {"from": caller, "to": callee, "direction": direction, "answered_ago": ago, **answered}
            requests.post(f"{self.at['sandbox']}/_sandbox/calls", json=placed, timeout=10).raise_for_status()
        start = self.record(limit="1 h", transcribe=True)
        began = time.monotonic()
        self.record()
        self.record(limit="15 min", mono=True)
        call = self.address(self.row().get_by_role("link").first)
        time.sleep(max(0.0, began + SPOKEN - time.monotonic()))
        self.page.goto(self.at["address"] + call)
        self.page.get_by_role("button", name="Stop recording 1").click()
        recording = self.transcribed()
        self.archive(recording)
        return {
            "overview": "", "live": "recordings/call/live/", "start": start, "call": call, "recording": recording,
            "recordings": "recordings/recording/",
        }  # fmt: skip

    def row(self) -> Locator:
        """Return the call's row among the live calls."""
        return self.page.locator("#live-rows tr").filter(has_text=SHOWN).first

    def record(self, *, limit: str = "", transcribe: bool = False, mono: bool = False) -> str:
        """Start a recording of the call by its form; the form's address."""
        self.page.goto(self.at["address"] + "recordings/call/live/")
        self.row().locator("summary").click()
        self.row().get_by_role("link", name="Record with options…").click()
        form = self.page.url.removeprefix(self.at["address"])
        if limit:
            self.page.get_by_label("other", exact=False).first.check()
            self.page.locator("input[name=other_limit]").fill(limit)
        if mono:
            self.page.locator("input[name=channels][value=mono]").check()
        self.page.locator("input[name=transcribe]").set_checked(transcribe)
        self.page.locator("#start-form button[type=submit]").click()
        expect(self.page.locator(".messagelist")).to_contain_text("Recording started")
        self.page.goto(self.at["address"] + "recordings/call/live/")
        return form

    def transcribed(self) -> str:
        """Return the page of the newest recording with a transcript."""
        say("Waiting for a recording to end and for its transcript …")

        def has_come() -> bool:
            self.page.goto(self.at["address"] + "recordings/transcription/?status__exact=completed")
            return self.page.locator("#result_list tbody tr").count() > 0

        within(TIMEOUT, "a transcript", has_come)
        made = self.page.locator("#result_list tbody tr").filter(has_text=SHOWN)
        within(TIMEOUT, "the recording's own transcript", lambda: bool(has_come() and made.count()))
        made.first.locator("th a").click()
        links = self.page.locator('#content a[href*="/recordings/recording/"]')
        return self.address(links.filter(has_not_text="Recordings").first)

    def archive(self, recording: str) -> None:
        """Have the recording archived ahead of its turn, and wait for its waveform."""
        say("Waiting for its archived copy …")

        def is_drawn() -> bool:
            self.page.goto(self.at["address"] + recording)
            return self.page.locator("#lanes").count() > 0

        self.page.goto(self.at["address"] + recording)
        button = self.page.get_by_role("button", name="Archive now")
        if button.count():
            button.click()
        within(TIMEOUT, "the archived copy", is_drawn)

    def address(self, link: Locator) -> str:
        """Where a link leads, relative to the admin."""
        return str(link.get_attribute("href")).removeprefix("/admin/")


def signed_in(browser: Browser, at: dict[str, Any], picture: Picture) -> Page:
    """Open a page of that size and colour scheme, signed in as the demo's user."""
    size: Any = {"width": picture.width, "height": picture.height}
    scheme: Any = picture.scheme
    page = browser.new_context(viewport=size, color_scheme=scheme, locale="en-GB").new_page()
    page.goto(at["address"] + "login/")
    page.get_by_label("User name").fill(at["login"])
    page.get_by_label("Password").fill(at["password"])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(at["address"])
    return page


def take(browser: Browser, at: dict[str, Any], picture: Picture, address: str) -> bytes:
    """Take the picture, as WebP."""
    page = signed_in(browser, at, picture)
    page.goto(at["address"] + address)
    page.wait_for_load_state("networkidle" if picture.of != "live" else "load")
    if picture.of == "recording":
        page.get_by_role("button", name="Read the transcript").click()
        expect(page.locator("#transcript-text")).to_be_visible()
        page.evaluate("scrollTo(0, 0)")
    session = page.context.new_cdp_session(page)
    answer = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    page.context.close()
    return base64.b64decode(answer["data"])


if __name__ == "__main__":
    try:
        main()
    except CannotError as error:
        sys.stderr.write(f"The pictures could not be made: {error}\n")
        sys.exit(1)
