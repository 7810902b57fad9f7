"""Starting a recording: what is asked of Vobiz, what the row says, and that one intent makes one recording."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from recordings import control, sync
from recordings.choices import Origin, RecordingStatus, Source, StartAnswer, TranscriptionStatus
from recordings.control import StartOptions
from recordings.models import Account, Call, Recording, Transcription
from recordings.sync import SyncRequest
from tests.control.conftest import Start
from tests.ledger import asked
from tests.models.together import closing_connection, together
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState


def body(world: SandboxState) -> dict[str, Any]:
    """What the one start that Vobiz received asked for."""
    (request,) = asked(world, "record.start")
    sent: dict[str, Any] = request.detail["body"]
    return sent


def test_a_start_that_vobiz_takes_is_active_with_its_id_and_url(
    call: Call, start: Start, world: SandboxState, now: datetime
) -> None:
    row = start()

    (running,) = world.running()
    assert (row.status, row.start_answer, row.origin) == (
        RecordingStatus.ACTIVE,
        StartAnswer.ACCEPTED,
        Origin.PORTAL,
    )
    assert (row.recording_id, row.recording_url) == (running.recording_id, world.url_of(running))
    assert (row.api_id, row.source_of("api_id")) == (running.api_id, Source.ANSWER)
    assert (row.call, row.account, row.requested_at) == (call, call.account, now)
    assert row.time_limit_ends_at == now + timedelta(seconds=600)
    assert row.error is None


def test_a_start_is_at_most_six_statements_on_its_row(call: Call, now: datetime) -> None:
    with CaptureQueriesContext(connection) as captured:
        control.start(
            call,
            StartOptions.of(call.account),
            by=None,
            now=now,
            idempotency_key=uuid4(),
            expected=frozenset(),
        )
    on_the_row = [one["sql"] for one in captured if '"recordings_recording"' in one["sql"]]
    assert len(on_the_row) <= 6, on_the_row


def test_everything_is_said_to_vobiz_and_the_limit_always(start: Start, world: SandboxState) -> None:
    row = start(time_limit=28_800, file_format="wav", channels="mono", transcribe=True)
    door = "http://127.0.0.1:8000/callbacks"
    assert body(world) == {
        "time_limit": 28_800, "file_format": "wav", "record_channel_type": "mono",
        "callback_url": f"{door}/recording/{row.callback_key}/", "callback_method": "POST",
        "transcription_type": "auto", "transcription_url": f"{door}/transcription/{row.callback_key}/",
    }  # fmt: skip
    assert row.callback_base == "http://127.0.0.1:8000"


def test_without_transcription_none_is_asked_for_or_expected(start: Start, world: SandboxState) -> None:
    start()
    assert not {"transcription_type", "transcription_url"} & body(world).keys()
    assert not Transcription.objects.exists()


def test_a_transcript_asked_for_is_expected_from_then_on(start: Start) -> None:
    row = start(transcribe=True)
    assert Transcription.objects.get(recording=row).status == TranscriptionStatus.EXPECTED


def test_the_callback_addresses_are_built_from_portal_url(
    start: Start, world: SandboxState, settings: Settings
) -> None:
    settings.PORTAL_URL = "https://portal.example.com:8443"
    row = start()
    assert row.callback_base == "https://portal.example.com:8443"
    assert body(world)["callback_url"].startswith("https://portal.example.com:8443/callbacks/recording/")


def test_each_recording_has_a_key_of_its_own_that_nobody_can_guess(start: Start) -> None:
    keys = {start().callback_key for _ in range(3)}
    assert len(keys) == 3
    assert all(len(str(key)) >= 22 for key in keys)  # 128 bits or more


def test_a_portal_vobiz_cannot_call_asks_for_no_callback_and_no_transcript(
    start: Start, world: SandboxState, settings: Settings, call: Call
) -> None:
    """A local portal, and an API that is not on this machine: nothing it could call."""
    settings.VOBIZ_API_URL = "https://vobiz.invalid/api/v1"
    assert not StartOptions.of(Account(default_transcribe=True)).transcribe
    row = start(transcribe=True)
    assert (row.callback_base, row.transcribe) == (None, False)
    assert not Transcription.objects.exists()


def test_the_accounts_defaults_are_used_where_nothing_is_chosen() -> None:
    chosen = StartOptions.of(
        Account(default_time_limit=90, default_file_format="wav", default_channels="mono")
    )
    assert chosen == StartOptions(time_limit=90, file_format="wav", channels="mono", transcribe=False)


@pytest.mark.parametrize("quirks", [
    {"start_status": 201}, {"start_status": 202}, {"async_start": True},
    {"async_start": True, "start_status": 202},
])  # fmt: skip
def test_any_success_is_a_start_also_one_that_names_no_recording(
    start: Start, world: SandboxState, quirks: dict[str, Any]
) -> None:
    world.quirks.change(quirks)
    row = start()
    assert (row.status, row.start_answer) == (RecordingStatus.ACTIVE, StartAnswer.ACCEPTED)
    assert row.api_id
    assert (row.recording_id is None) == ("async_start" in quirks)
    assert len(world.running()) == 1


def test_a_start_without_an_id_gets_it_from_the_list(
    start: Start, world: SandboxState, account: Account, now: datetime
) -> None:
    world.quirks.async_start = True
    row = start()
    world.advance(601)
    sync.run(account, SyncRequest(), now=now + timedelta(seconds=601), sync_run=None)
    row.refresh_from_db()
    assert (Recording.objects.count(), row.status) == (1, RecordingStatus.COMPLETED)
    assert row.recording_id in world.recordings.all


def test_two_starts_are_two_recordings(start: Start, world: SandboxState) -> None:
    assert start().recording_id != start().recording_id
    assert len(world.running()) == 2


@pytest.mark.django_db(transaction=True)
def test_the_row_is_committed_before_vobiz_is_asked_and_no_transaction_is_open(
    start: Start, world: SandboxState
) -> None:
    seen: list[object] = []

    def look(_: SandboxState) -> None:  # in the sandbox's own thread, so on another connection
        seen.extend(closing_connection(lambda: list(Recording.objects.values_list("status", "callback_key"))))

    world.faults.plan(Fault(on="record.start", first=look))
    row = start()
    assert seen == [(RecordingStatus.REQUESTED, row.callback_key)]


@pytest.mark.django_db(transaction=True)
def test_a_start_inside_a_transaction_is_refused_before_anything_is_sent(
    start: Start, world: SandboxState
) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        start()
    assert asked(world, "record.start") == []


def test_the_same_intent_again_sends_nothing_and_shows_the_first(
    call: Call, start: Start, world: SandboxState, now: datetime
) -> None:
    intent = uuid4()
    assert start(intent=intent) == start(intent=intent, file_format="wav")
    assert len(asked(world, "record.start")) == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_starts_one_recording(call: Call, start: Start, world: SandboxState) -> None:
    intent = uuid4()
    world.faults.plan(Fault(on="record.start", delay_before=0.2))
    rows = together(*[lambda: start(intent=intent)] * 3)
    assert len({row.pk for row in rows}) == 1
    assert len(world.running()) == len(asked(world, "record.start")) == 1


def test_an_intent_of_another_call_is_not_shown(account: Account, start: Start, now: datetime) -> None:
    intent = uuid4()
    start(intent=intent)
    another = Call.objects.obtain(account, "another-call")
    options = StartOptions(time_limit=60, file_format="mp3", channels="mono")
    with pytest.raises(IntegrityError):
        control.start(another, options, by=None, now=now, idempotency_key=intent)


def test_who_started_it_is_kept(call: Call, now: datetime) -> None:
    user = User.objects.create(username="operator")
    row = control.start(call, StartOptions.of(call.account), by=user, now=now)
    assert row.requested_by == user


@pytest.mark.django_db(transaction=True)
def test_a_callback_that_beat_the_answer_stays_the_last_word(start: Start, world: SandboxState) -> None:
    """The recording ended, and its callback was taken, before the start's answer was written down."""

    def callback_first(_: SandboxState) -> None:
        closing_connection(lambda: Recording.objects.get().complete())

    world.faults.plan(Fault(on="record.start", then=callback_first))
    row = start()
    assert (row.status, row.start_answer) == (RecordingStatus.COMPLETED, StartAnswer.ACCEPTED)
