"""How fast a recording plays: a slice of a large file, and the time from a click to the first sound of a long call.

    .venv/bin/python -m bench.playback [--megabytes 100] [--hours 4] [--rounds 3]

Everything but the browser runs in one process. The baseline is a view with Django's stock FileResponse behind the same
middleware and the same server (waitress); it knows no ranges, so it sends the whole file, and a player has to make do
with that. The portal's own view also asks for session and permission, and writes the access log.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests
from playwright.sync_api import Browser, sync_playwright

from bench.portal import make, options, ratio, serve
from tests.chromium import find_chromium, launch

if TYPE_CHECKING:
    from django.http import FileResponse, HttpRequest

    from recordings.models import Recording

SLICE = 64 * 1024
REQUESTS = {"stock": 5, "portal": 100}  # in a round
LISTEN = """() => {
    const audio = document.querySelector("audio");
    window.heard = new Promise((done) => audio.addEventListener("playing", () => done(performance.now())));
    const clicked = () => { window.from = performance.now(); };
    document.getElementById("toggle").addEventListener("click", clicked, { capture: true });
}"""


@contextmanager
def serving() -> Iterator[str]:
    """Serve the portal and the stock view with waitress and the README's eight threads; yield the URL."""
    from django.urls import path

    from vobiz_portal import urls

    urls.urlpatterns.insert(0, path("stock/<int:pk>/", _stock()))
    server = serve(threads=8)
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()


def _stock() -> Callable[..., FileResponse]:
    from django.contrib.auth.decorators import login_not_required
    from django.http import FileResponse

    from recordings import storage
    from recordings.models import Recording

    @login_not_required
    def stock(_request: HttpRequest, pk: int) -> FileResponse:
        recording = Recording.objects.get(pk=pk)
        return FileResponse(storage.archive().open_audio(str(recording.audio)), content_type="audio/mpeg")

    return stock


def slices(base: str, recording: Recording, session: str, rounds: int) -> str:
    """64 KiB out of the middle, requests a second."""
    from django.contrib.auth.models import User
    from django.urls import reverse

    from recordings import playback

    audio = reverse("admin:recordings_recording_audio", args=[recording.pk])
    play = playback.mint(User.objects.get(), recording)
    addresses = {"stock": f"{base}/stock/{recording.pk}/", "portal": f"{base}{audio}?play={play}"}
    size = recording.audio_bytes or 0
    asked = {"Range": f"bytes={size // 2}-{size // 2 + SLICE - 1}"}
    found: dict[str, list[float]] = {name: [] for name in addresses}
    with requests.Session() as asking:
        asking.cookies.set("sessionid", session)
        for _round in range(rounds):
            for name, address in addresses.items():
                began = time.perf_counter()
                for _each in range(REQUESTS[name]):
                    answer = asking.get(address, headers=asked, timeout=60)
                    if (answer.status_code, len(answer.content)) not in {(206, SLICE), (200, size)}:
                        raise RuntimeError(f"{name} answered {answer.status_code}")
                found[name].append(REQUESTS[name] / (time.perf_counter() - began))
    times = ratio(found["portal"], found["stock"])
    return _line(f"64 KiB of {size / 2**20:.0f} MB, requests/s", found["stock"], found["portal"], times)


def first_sound(base: str, recording: Recording, session: str, rounds: int) -> str:
    """Milliseconds from the click to `playing`, and until the page has its picture, in a real browser."""
    opened: list[float] = []
    clicked: dict[str, list[float]] = {"stock": [], "portal": []}
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for _round in range(rounds):
            for name, found in clicked.items():
                picture, sound = _click(browser, base, recording.pk, session, stock=name == "stock")
                opened.append(picture)
                found.append(sound)
        browser.close()
    hours = (recording.duration_ms or 0) / 3_600_000
    times = ratio(clicked["stock"], clicked["portal"])
    return "\n".join((
        _line(f"{hours:g} h, click to first sound, ms", clicked["stock"], clicked["portal"], times),
        f"| {hours:g} h, page and picture, ms | | {statistics.median(opened):.0f} | |",
    ))  # fmt: skip


def _click(browser: Browser, base: str, pk: int, session: str, *, stock: bool) -> tuple[float, float]:
    context = browser.new_context()
    context.add_cookies([{"name": "sessionid", "value": session, "url": base}])
    page = context.new_page()
    began = time.perf_counter()
    page.goto(f"{base}/admin/recordings/recording/{pk}/change/")
    page.locator("#wave canvas").first.wait_for(state="attached")
    opened = (time.perf_counter() - began) * 1_000
    if stock:
        page.evaluate(f"document.querySelector('audio').src = '/stock/{pk}/'")
    page.evaluate(LISTEN)
    page.locator("#toggle").click()
    sound = page.evaluate("async () => (await window.heard) - window.from")
    context.close()
    return opened, sound


def _line(name: str, stock: Sequence[float], portal: Sequence[float], times: float) -> str:
    return f"| {name} | {statistics.median(stock):.0f} | {statistics.median(portal):.0f} | {times:.1f}× |"


def _signed_in() -> str:
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.create_superuser("bench"))
    return client.cookies["sessionid"].value


def _recordings(megabytes: float, hours: float) -> tuple[Recording, Recording]:
    """Return a large recording, and a long one with audible sound."""
    from recordings.models import Account
    from tests.archived import an_archived, speech

    account = Account.objects.get()
    large = an_archived(account, bytes(round(megabytes * 2**20)))
    long = an_archived(account, speech(seconds=hours * 3_600), duration_ms=round(hours * 3_600_000))
    return large, long


def main() -> None:
    """Measure, and print a table."""
    parser = options(__doc__)
    parser.add_argument("--megabytes", type=float, default=100, help="size of the sliced file (100)")
    parser.add_argument("--hours", type=float, default=4, help="length of the recording that is heard (4)")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make(folder)
        large, long = _recordings(chosen.megabytes, chosen.hours)
        session = _signed_in()
        with serving() as base:
            print("| | stock FileResponse | portal | better |\n|---|---|---|---|")
            print(slices(base, large, session, chosen.rounds), flush=True)
            if find_chromium() is None:
                print("\nNo Chromium was found: apt-get install chromium, or set CHROMIUM to its path.")
            else:
                print(first_sound(base, long, session, chosen.rounds))


if __name__ == "__main__":
    main()
