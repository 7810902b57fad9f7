"""What a listed recording may change of a row that is known: facts by rank, states only forward."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from recordings.choices import Attention, Origin, RecordingStatus, Source
from recordings.models import Account, Call, Recording, upsert_recordings
from recordings.models.recording.provenance import Facts
from tests.facts import merge_facts
from tests.models.listed import CALL, DOCUMENTED, listed, running


@pytest.fixture
def row(account: Account, now: datetime) -> Recording:
    """A recording asked for here an hour ago, with its id known."""
    call = Call.objects.obtain(account, CALL)
    asked = now - timedelta(hours=1)
    made: Recording = Recording.objects.create(
        account=account, call=call, recording_id=DOCUMENTED, origin=Origin.PORTAL, requested_at=asked,
        happened_at=asked, callback_key="key", time_limit=60, status=RecordingStatus.REQUESTED,
    )  # fmt: skip
    return made


@pytest.mark.parametrize("before", RecordingStatus.values)
def test_what_vobiz_has_as_finished_is_completed_whatever_it_was(
    row: Recording, account: Account, now: datetime, before: str
) -> None:
    Recording.objects.filter(pk=row.pk).update(status=before, error="no trace of it")
    upsert_recordings(account, [listed()], now=now)

    row.refresh_from_db()
    assert (row.status, row.error) == (RecordingStatus.COMPLETED, None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (RecordingStatus.REQUESTED, RecordingStatus.ACTIVE),
        (RecordingStatus.ACTIVE, RecordingStatus.ACTIVE),
        (RecordingStatus.FAILED, RecordingStatus.ACTIVE),
        (RecordingStatus.COMPLETED, RecordingStatus.COMPLETED),
    ],
)
def test_a_recording_listed_while_it_runs_is_active_unless_it_was_finished(
    row: Recording, account: Account, now: datetime, before: str, after: str
) -> None:
    Recording.objects.filter(pk=row.pk).update(status=before)
    upsert_recordings(account, [running()], now=now)

    row.refresh_from_db()
    assert row.status == after


@pytest.mark.parametrize(
    ("attention", "while_running", "at_the_end"),
    [
        (Attention.MAY_BE_RECORDING, None, None),
        (Attention.STOP_UNCONFIRMED, Attention.STOP_UNCONFIRMED, None),
        (Attention.ID_CONFLICT, Attention.ID_CONFLICT, Attention.ID_CONFLICT),
    ],
)
def test_what_needed_a_person_is_cleared_by_what_settles_it(
    row: Recording, account: Account, now: datetime, attention: str, while_running: str, at_the_end: str
) -> None:
    Recording.objects.filter(pk=row.pk).update(needs_attention=attention, error="its answer was lost")

    upsert_recordings(account, [running()], now=now)
    row.refresh_from_db()
    assert (row.needs_attention, row.error) == (while_running, None)

    upsert_recordings(account, [listed()], now=now)
    row.refresh_from_db()
    assert row.needs_attention == at_the_end


def test_null_never_overwrites_a_value(row: Recording, account: Account, now: datetime) -> None:
    upsert_recordings(account, [listed(conference_name="sales")], now=now)
    upsert_recordings(
        account, [running(conference_name=None, recording_start_ms=None, add_time=None)], now=now
    )

    row.refresh_from_db()
    assert row.conference_name == "sales"
    assert row.duration_ms == 10_080
    assert row.ended_at is not None
    assert row.started_at is not None
    assert row.added_at is not None
    assert row.recording_url


def test_the_apis_latest_word_replaces_every_earlier_one(
    row: Recording, account: Account, now: datetime
) -> None:
    merge_facts(row, Facts(duration_ms=1, recording_url="https://media.vobiz.ai/callback"), Source.CALLBACK)
    merge_facts(
        row, Facts(recording_url="https://media.vobiz.ai/answer", api_id="the start's"), Source.ANSWER
    )

    upsert_recordings(account, [listed(recording_duration_ms=2)], now=now)
    upsert_recordings(account, [listed(recording_duration_ms=3)], now=now)

    row.refresh_from_db()
    assert (row.duration_ms, row.api_id) == (3, "the start's")
    assert row.recording_url is not None
    assert row.recording_url.endswith(f"{DOCUMENTED}.mp3")
    assert (row.source_of("duration_ms"), row.source_of("api_id")) == (Source.API, Source.ANSWER)


def test_what_was_asked_for_here_stays_as_it_was_asked(
    row: Recording, account: Account, now: datetime
) -> None:
    before = Recording.objects.values("callback_key", "time_limit", "requested_at", "origin").get()
    upsert_recordings(account, [listed()], now=now)
    assert Recording.objects.values("callback_key", "time_limit", "requested_at", "origin").get() == before


def test_a_recording_that_was_gone_and_is_listed_again_is_not_gone(
    row: Recording, account: Account, now: datetime
) -> None:
    upsert_recordings(account, [listed()], now=now)
    Recording.objects.filter(pk=row.pk).update(gone_at_provider_at=now)

    report = upsert_recordings(account, [listed()], now=now)

    row.refresh_from_db()
    assert (row.gone_at_provider_at, report.updated) == (None, 1)


def test_a_read_back_that_was_due_is_done_when_the_list_shows_the_recording(
    row: Recording, account: Account, now: datetime
) -> None:
    upsert_recordings(account, [listed()], now=now)
    row.schedule_read_back(now)

    upsert_recordings(account, [listed()], now=now)

    row.refresh_from_db()
    assert row.read_back_due_at is None
