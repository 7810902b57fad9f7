"""Files of every container and codec, from Vobiz's server through archiving to the ears of a real browser.

By default one file of each way to be played; with --every-format all files of `tests.audio.library`, ten minutes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from recordings import connect, sync
from recordings.archive import Result
from recordings.models import Account, Recording
from recordings.sync import SyncRequest
from tests.archived import archive_one
from tests.audio.library import LOUD, File, every_file
from tests.browser.conftest import sign_in
from tests.browser.test_player import open_page, until
from tests.conftest import MAIN, TOKENS
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
logger = logging.getLogger(__name__)
ON_A_PAGE = 20
CHOSEN = (
    "wav, pcm_s16le, 8000 Hz, 2 ch", "wav, adpcm_g726, 8000 Hz, 1 ch", "wav, adpcm_ms, 8000 Hz, 2 ch",
    "w64, pcm_s16le, 8000 Hz, 1 ch", "mp3, mp3, 44100 Hz, 2 ch", "opus, opus, 48000 Hz, 1 ch",
    "flac, flac, 8000 Hz, 1 ch", "m4a, aac, 16000 Hz, 1 ch", "webm, opus, 48000 Hz, 1 ch",
    "amr, amr_nb, 8000 Hz, 1 ch", "caf, alac, 16000 Hz, 1 ch", "wav promising 0x7fffffff", "wav as gzip",
    "mp3 of two rates", "ZIP", "page after a WAV header",
)  # fmt: skip
# Plays what was clicked from two thirds on, and says what was heard at three quarters and after
HEARD = """async ([pk, loud, quiet]) => {
    const wait = (is, what) => new Promise((resolve, reject) => {
        const began = performance.now();
        const look = () => {
            const trouble = document.querySelector('.vp-mini [role=alert]')?.textContent;
            if (is()) resolve();
            else if (trouble) reject(new Error(trouble));
            else if (performance.now() - began > 20000) reject(new Error(`never ${what}`));
            else setTimeout(look, 10);
        };
        look();
    });
    let audio = null;
    await wait(() => (audio = document.querySelector('.vp-mini audio')), 'there');
    await wait(() => audio.currentSrc.includes(`/${pk}/audio/`) && audio.readyState > 2, 'loaded');
    if (!window.ears) {
        const context = new AudioContext();
        window.ears = context.createAnalyser();
        window.ears.fftSize = 1024;
        context.createMediaElementSource(audio).connect(window.ears);
        window.ears.connect(context.destination);
    }
    audio.currentTime = loud[0] - 0.4;
    await wait(() => !audio.seeking && audio.currentTime > loud[0] - 0.4, 'playing');
    const samples = new Float32Array(1024);
    const heard = { src: audio.currentSrc, duration: audio.duration, loud: 0, quiet: 0 };
    await wait(() => {
        window.ears.getFloatTimeDomainData(samples);
        const loudest = samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
        const at = audio.currentTime;
        if (at > loud[0] + 0.1 && at < loud[1]) heard.loud = Math.max(heard.loud, loudest);
        if (at > quiet[0] && at < quiet[1]) heard.quiet = Math.max(heard.quiet, loudest);
        return audio.ended;
    }, 'ended');
    return heard;
}"""


@pytest.fixture
def account(transactional_db: None, sandbox: Sandbox, archive_folder: Path, now: datetime) -> Account:
    return connect.store(MAIN, TOKENS[MAIN], now=now, name="Main")[0]


@pytest.fixture
def files(request: pytest.FixtureRequest) -> list[File]:
    found = every_file()
    if not request.config.getoption("--every-format"):
        found = [file for file in found if file.name in CHOSEN]
        assert len(found) == len(CHOSEN)
    return found


@pytest.fixture
def listed(world: SandboxState, account: Account, now: datetime) -> Callable[[File], Recording]:
    """Have Vobiz serve a file for a recording of its own, and sync that; its row."""

    def listed(file: File) -> Recording:
        made = world.add_recording(MAIN, age_days=1.0, duration=6.0)
        sync.run(account, SyncRequest(recording_id=made.recording_id), now=now, sync_run=None)
        world.faults.plan(Fault(on="media.get", body=file.body, times=None))
        row: Recording = Recording.objects.get(recording_id=made.recording_id)
        return row

    return listed


@pytest.fixture
def fetched(
    world: SandboxState, listed: Callable[[File], Recording], now: datetime
) -> Callable[[File], Recording]:
    """Try three times to archive the recording of a file; its row."""

    def fetched(file: File) -> Recording:
        row = listed(file)
        for hours in (1, 2, 3):
            if archive_one(row, by="tester", now=now + timedelta(hours=hours)).result == Result.ARCHIVED:
                break
        world.faults.clear()
        row.refresh_from_db()
        return row

    return fetched


def test_every_file_that_is_audio_is_archived_and_heard_to_its_end_and_no_other_is_archived(
    page: Page,
    portal: LiveServer,
    admin_login: User,
    settings: Settings,
    tmp_path: Path,
    files: list[File],
    fetched: Callable[[File], Recording],
) -> None:
    settings.VAR_DIR = tmp_path / "var"
    sign_in(page, portal)
    rows = [(file, fetched(file)) for file in files]
    wrong = [file.name for file, row in rows if (row.archived_at is not None) != (file.seconds is not None)]
    assert wrong == []
    converted, troubles = 0, {}
    for file, row in in_pages(page, [(file, row) for file, row in rows if file.seconds is not None]):
        page.locator(f'.field-listen a[href="{row.pk}/change/"]').click()
        try:
            heard = page.evaluate(HEARD, [row.pk, LOUD, (LOUD[1] + 0.3, LOUD[1] + 0.8)])
        except Exception as error:  # noqa: BLE001 - all of them are told at the end
            troubles[file.name] = str(error).splitlines()[0]
            continue
        converted += "&as=" in heard["src"]
        if trouble := wrong_with(heard, row):
            troubles[file.name] = trouble
    assert troubles == {}
    figures = len(rows), sum(row.archived_at is not None for _file, row in rows), converted
    logger.info(
        "%d files: %d are audio and were archived and heard, of which %d as a converted copy", *figures
    )


def in_pages(page: Page, rows: list[tuple[File, Recording]]) -> Iterator[tuple[File, Recording]]:
    """Yield the rows, having opened a list that shows each."""
    for start in range(0, len(rows), ON_A_PAGE):
        shown = rows[start : start + ON_A_PAGE]
        earlier = Recording.objects.order_by("happened_at")
        latest = datetime.fromisoformat("2025-11-06T00:00:00+00:00") + timedelta(minutes=start)
        earlier.filter(pk__in=[row.pk for _file, row in shown]).update(happened_at=latest + timedelta(days=9))
        page.goto("/admin/recordings/recording/")
        yield from shown


def wrong_with(heard: dict[str, Any], row: Recording) -> str:
    """Return what was not heard as it should be."""
    length = (row.audio_duration_ms or 0) / 1_000
    if not abs(heard["duration"] - length) <= 0.02 * length:
        return f"{heard['duration']} s instead of {length}"
    if heard["loud"] < 0.3 or heard["quiet"] > 0.05:
        return f"{heard['loud']:.2f} at three quarters, {heard['quiet']:.2f} after: {heard['src']}"
    return ""


@pytest.mark.parametrize("name", ["aiff, pcm_s16be, 8000 Hz, 1 ch", "caf, alac, 16000 Hz, 1 ch"])
def test_what_is_not_archived_yet_is_heard_as_a_converted_copy(
    page: Page,
    portal: LiveServer,
    admin_login: User,
    settings: Settings,
    tmp_path: Path,
    listed: Callable[[File], Recording],
    name: str,
) -> None:
    settings.VAR_DIR = tmp_path / "var"
    row = listed(next(file for file in every_file() if file.name == name))
    sign_in(page, portal)
    page.goto("/admin/recordings/recording/")
    page.locator(f'.field-listen a[href="{row.pk}/change/"]').click()
    until(page, "audio && audio.currentSrc.includes('&as=mp3')")
    heard = page.evaluate(HEARD, [row.pk, LOUD, (LOUD[1] + 0.3, LOUD[1] + 0.8)])
    assert heard["duration"] == pytest.approx(6.0, rel=0.02)
    assert heard["loud"] > 0.3 > 0.05 > heard["quiet"]

    open_page(page, row)
    page.get_by_role("button", name="Play").click()
    until(page, "audio.currentTime > 0.1")
    expect(page.locator("#converted")).to_be_visible()
    assert not Recording.objects.exclude(archived_at=None).exists()
