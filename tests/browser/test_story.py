"""The whole story, as people live it: in a real browser, against real callbacks, without a worker and then with one.

A call is recorded, its callbacks come, its transcript is read; a worker archives it; it is heard; the copies verify.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from recordings.choices import EventOutcome, Origin, RecordingStatus, SyncState, TranscriptionStatus, Trust
from recordings.models import AccessEvent, Account, CallbackEvent, Recording, SyncRun
from tests.archive.conftest import at_vobiz, files, sha256
from tests.browser.conftest import PASSWORD
from tests.browser.test_player import Heard, audio, open_page, until
from tests.commands.shell import manage
from tests.ledger import asked
from tests.waiting import eventually
from tests.workers import workers
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

pytestmark = [pytest.mark.browser, pytest.mark.long(waits=True), pytest.mark.django_db(transaction=True)]

HOUR = 3_600
AUTH_ID, TOKEN = "MA_STORY00001", "a-token-for-the-story-a1b2"


def log_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Live calls").first).to_be_visible()


def connect_account(page: Page) -> None:
    page.get_by_role("link", name="Connect account").first.click()
    page.locator("input[name=auth_id]").fill(AUTH_ID)
    page.locator("input[name=token]").fill(TOKEN)
    page.get_by_role("button", name="Connect account").click()
    expect(page.locator(".messagelist")).to_contain_text("is connected")
    eventually(SyncRun.objects.complete().exists)
    expect(page.locator("#standing")).to_contain_text("First sync finished")


def start(page: Page, *, span: str | None = None, transcribe: bool = False) -> None:
    page.get_by_role("link", name="Live calls").first.click()
    page.locator("#live-rows summary").click()
    page.get_by_role("link", name="Record with options…").click()
    if span is not None:
        page.get_by_label("other", exact=False).first.check()
        page.locator("input[name=other_limit]").fill(span)
    if transcribe:
        page.locator("input[name=transcribe]").check()
    page.locator("#start-form button[type=submit]").click()
    expect(page.locator(".messagelist")).to_contain_text("Recording started")


def test_a_call_is_recorded_stopped_read_synced_archived_by_a_worker_heard_and_verified(
    page: Page, vobiz: Sandbox, lively_world: SandboxState, admin_login: User, archive_folder: Path
) -> None:
    lively_world.add_account(AUTH_ID, TOKEN, name="Story Ltd")
    past = [lively_world.add_recording(AUTH_ID, age_days=days, duration=20) for days in (1, 2, 3)]
    call = lively_world.place_call(AUTH_ID, from_number="+918071387423", to_number="919624705678")

    log_in(page)
    connect_account(page)

    # Two recordings of one call: a short one with a transcript, and one with the account's usual limit.
    start(page, span="6 s", transcribe=True)
    start(page)
    short, long = Recording.objects.filter(origin=Origin.PORTAL).order_by("requested_at")
    assert (short.time_limit, long.time_limit) == (6, 14_400)
    assert short.call_id == long.call_id
    expect(page.get_by_role("row").filter(has_text="+91 96247 05678")).to_contain_text(" left")

    # An hour later the short one has ended by itself. Stop the long one.
    lively_world.advance(HOUR)
    page.get_by_role("button", name="Stop this recording").last.click()
    expect(page.locator(".messagelist")).to_contain_text(re.compile("[Ss]top"))
    both = Recording.objects.filter(pk__in=[short.pk, long.pk], status=RecordingStatus.COMPLETED)
    eventually(lambda: both.count() == 2)
    events = CallbackEvent.objects.filter(recording__in=[short, long], kind="recording")
    assert {(event.trust, event.outcome) for event in events} == {(Trust.SIGNED, EventOutcome.APPLIED)}
    long.refresh_from_db()
    assert long.stop_requested_by == admin_login

    read_the_transcript(page, short)

    # Sync finds the rest, and doubles nothing.
    sync_now(page)
    expected = [*past, short, long]
    found = Recording.objects.values_list("recording_id", flat=True)
    assert sorted(map(str, found)) == sorted(str(row.recording_id) for row in expected)
    assert set(Recording.objects.filter(origin=Origin.PORTAL)) == {short, long}
    lively_world.hang_up(call.call_uuid)

    archived_by_a_worker(lively_world, archive_folder)
    hear_its_beginning_and_its_end(page, long)
    verified = manage("verify_archive", "--json", VAR_DIR=str(archive_folder.parent))
    assert verified.code == 0
    wrong = {what: verified.json[what] for what in ("missing", "altered", "orphaned", "unread", "stopped")}
    assert (verified.json["verified"], any(wrong.values())) == (len(expected), False), wrong


def read_the_transcript(page: Page, recording: Recording) -> None:
    """It is opened on the recording's page, and that is written down."""
    came = Recording.objects.filter(pk=recording.pk, transcription__status=TranscriptionStatus.COMPLETED)
    eventually(came.exists)
    page.goto(f"/admin/recordings/recording/{recording.pk}/change/")
    page.get_by_role("button", name="Read the transcript").click()
    recording.refresh_from_db()
    expect(page.locator(".vp-transcript .text")).to_have_text(recording.transcription.text or "-")
    assert recording.was_cut_short
    expect(page.locator("#content")).to_contain_text("reached its time limit")
    assert AccessEvent.objects.get(recording_pk__isnull=False).action == "transcript"


def sync_now(page: Page) -> None:
    """Press the button, and wait until it is done."""
    account = Account.objects.get(auth_id=AUTH_ID)
    page.goto(f"/admin/recordings/account/{account.pk}/change/")
    page.get_by_role("button", name="Sync now").click()
    expect(page.locator(".messagelist")).to_contain_text("Sync started")
    eventually(lambda: not SyncRun.objects.running().exists())
    page.reload()
    expect(page.locator("#content")).to_contain_text(re.compile("complete", re.IGNORECASE))
    assert set(SyncRun.objects.values_list("state", flat=True)) == {SyncState.COMPLETE}


def archived_by_a_worker(world: SandboxState, folder: Path) -> None:
    """All of them, each fetched once, byte for byte."""
    assert files(folder) == []  # so far there was no worker
    with workers(folder.parent) as begin:
        worker = begin(VAR_DIR=str(folder.parent))
        eventually(lambda: not Recording.objects.filter(archived_at=None).exists())
        worker.send(signal.SIGTERM)
        assert worker.ended(within=60) == 0
    rows = list(Recording.objects.all())
    for row in rows:
        assert row.audio_sha256 == sha256(at_vobiz(world, row))
    assert len(asked(world, "media.get")) == len(rows)


def hear_its_beginning_and_its_end(page: Page, recording: Recording) -> None:
    """One play, whatever ranges the browser asks for: its end is fetched when somebody goes there, not before."""
    recording.refresh_from_db()
    size, before = int(recording.audio_bytes or 0), set(AccessEvent.objects.values_list("pk", flat=True))
    heard = Heard()
    heard.watch(page)
    open_page(page, recording)
    page.get_by_role("button", name="Play").click()
    until(page, "audio.currentTime > 0.2")
    assert abs(audio(page, "audio.duration") - HOUR) < 60
    assert audio(page, "audio.buffered.end(audio.buffered.length - 1)") < HOUR / 2
    asked_first = list(heard.asked)

    page.get_by_role("slider", name="Position").fill(str(int(audio(page, "audio.duration")) - 3))
    until(page, "audio.ended")
    sought: list[Any] = heard.asked[len(asked_first) :]
    starts = [int(wanted.removeprefix("bytes=").partition("-")[0]) for wanted, _status in sought]
    assert max(starts) > size * 9 // 10
    assert {status for _wanted, status in heard.asked} == {206}

    (event,) = AccessEvent.objects.exclude(pk__in=before)
    assert (event.action, event.result, event.username) == ("play", "ok", "admin")
    assert (event.recording_pk, event.recording_id) == (recording.pk, recording.recording_id)
