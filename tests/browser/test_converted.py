"""What browsers cannot play, or find no moment in, is heard as a converted copy in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from recordings.models import Account, Recording
from tests.archived import an_archived
from tests.audio.making import CASES, KINDS, encoded, look, pcm, tone, wav
from tests.browser.test_player import Heard, audio, heard, open_page, until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
__all__ = ["heard"]  # a fixture

# Of ten seconds only those from 7 to 8 are loud: a linked moment is heard, or it is not that moment
LOUD_AT = 7.5
LOUDNESS = """async (at) => {
    const answer = await fetch(document.querySelector('audio').currentSrc);
    const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await answer.arrayBuffer());
    const samples = sound.getChannelData(0);
    const start = Math.floor(at * sound.sampleRate);
    let loudest = 0;
    for (let i = start; i < start + sound.sampleRate / 10; i += 1) {
        loudest = Math.max(loudest, Math.abs(samples[i] || 0));
    }
    return loudest;
}"""


def loud_late() -> np.ndarray:
    samples = np.zeros(8_000 * 10)
    samples[7 * 8_000 : 8 * 8_000] = tone(3.0)[:8_000]
    return samples


@pytest.fixture
def account(transactional_db: None, archive_folder: Path, settings: Settings, tmp_path: Path) -> Account:
    settings.VAR_DIR = tmp_path / "var"
    return Account.objects.create(auth_id="MA_HEARD", name="Heard")


def archived(account: Account, body: bytes, **columns: Any) -> Recording:
    found = look(body).audio
    assert found is not None
    facts = {
        "audio_codec": found.codec, "audio_regular": found.regular, "audio_duration_ms": found.duration_ms,
        "is_silent": found.sound is not None and found.sound.silent, **columns,
    }  # fmt: skip
    return an_archived(account, body, container=found.container, **facts)


@pytest.mark.parametrize(
    "body",
    [
        (CASES / "w06-gsm610.wav").read_bytes(),
        (CASES / "o06-amr.mp3").read_bytes(),
        (CASES / "m04-vbr-no-xing.mp3").read_bytes(),
        encoded(KINDS[27]),
    ],
    ids=["GSM", "AMR", "VBR without a seek table", "AIFF"],
)
def test_a_copy_plays_to_its_end_with_the_recordings_length(
    page: Page, heard: Heard, account: Account, body: bytes
) -> None:
    recording = archived(account, body)
    length = (recording.audio_duration_ms or 0) / 1_000
    open_page(page, recording)
    expect(page.get_by_text("You hear a converted copy")).to_be_visible()
    expect(page.get_by_role("link", name="Download original")).to_be_visible()

    page.get_by_role("button", name="Play").click()
    until(page, "audio.currentTime > 0.1")
    page.get_by_role("slider", name="Position").fill(str(int(length) - 1))
    until(page, "audio.ended")

    assert audio(page, "audio.duration") == pytest.approx(length, rel=0.02)
    assert {status for _range, status in heard.asked} == {206}


def test_a_linked_moment_is_that_moment(page: Page, heard: Heard, account: Account) -> None:
    samples = loud_late()
    recording = archived(account, wav(pcm(samples), promised=0x7FFFFFFF))
    open_page(page, recording, f"#t={LOUD_AT}")
    page.get_by_role("button", name="Play").click()
    until(page, f"audio.currentTime > {LOUD_AT}")
    assert page.evaluate(LOUDNESS, LOUD_AT) > 0.3
    assert page.evaluate(LOUDNESS, 5.0) < 0.05


@pytest.mark.parametrize("kind", [KINDS[14], KINDS[16], KINDS[11]], ids=["Opus", "FLAC", "MP3"])
def test_what_the_browser_plays_is_not_converted(
    page: Page, heard: Heard, account: Account, settings: Settings, kind: Any
) -> None:
    recording = archived(account, encoded(kind))
    open_page(page, recording)
    expect(page.locator("#converted")).to_be_hidden()
    page.get_by_role("button", name="Play").click()
    until(page, "audio.currentTime > 0.1")
    assert "&as=" not in audio(page, "audio.currentSrc")


def test_a_file_that_fails_in_the_browser_is_replaced_by_its_copy(
    page: Page, heard: Heard, account: Account
) -> None:
    body = (CASES / "w06-gsm610.wav").read_bytes()
    recording = archived(account, body, audio_codec="pcm_s16le", audio_regular=True)  # as if it were playable
    open_page(page, recording)
    page.get_by_role("button", name="Play").click()
    until(page, "audio.currentTime > 0.1")
    expect(page.locator("#converted")).to_be_visible()


def test_what_cannot_be_read_says_so_in_plain_words(page: Page, heard: Heard, account: Account) -> None:
    recording = an_archived(account, bytes(range(256)) * 100, container="unknown")
    open_page(page, recording)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("alert")).to_contain_text("cannot read this file's format")


def test_a_recording_of_nothing_says_so(page: Page, heard: Heard, account: Account) -> None:
    open_page(page, archived(account, wav(bytes(48_000))))
    expect(page.locator("#player")).to_contain_text("This recording contains no sound.")
