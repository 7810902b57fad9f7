"""An answer or a callback names a row's id: it takes it, and with it the row that had it before."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from recordings.choices import (
    Attention,
    EventKind,
    EventOutcome,
    Origin,
    RecordingStatus,
    Source,
    TranscriptionStatus,
    Trust,
)
from recordings.models import (
    Account,
    CallbackEvent,
    Recording,
    Transcription,
    claim_recording_id,
    upsert_recordings,
)
from recordings.models.recording.provenance import Facts
from tests.conftest import OTHER, SUB
from tests.facts import merge_facts
from tests.models.listed import CALL, DOCUMENTED, listed, running
from tests.models.test_upsert_adoption import asked_for


@pytest.fixture
def mine(account: Account) -> Recording:
    """Asked for here; and another of the same call, so that a sync cannot tell which is which."""
    asked_for(account)
    return asked_for(account)


def synced(account: Account, now: datetime, **fields: Any) -> Recording:
    """The row a sync made of the same recording."""
    upsert_recordings(account, [listed(**fields)], now=now)
    found: Recording = Recording.objects.get(recording_id=DOCUMENTED)
    return found


def test_an_id_nobody_has_is_taken(mine: Recording) -> None:
    assert claim_recording_id(mine, DOCUMENTED)
    assert mine.recording_id == DOCUMENTED


def test_the_same_id_again_is_no_news(mine: Recording) -> None:
    claim_recording_id(mine, DOCUMENTED)
    assert claim_recording_id(mine, DOCUMENTED)
    assert mine.needs_attention is None


def test_the_row_asked_for_here_stays_and_takes_all_the_other_has(
    mine: Recording, account: Account, now: datetime
) -> None:
    merge_facts(
        mine, Facts(api_id="the start's", recording_url="https://media.vobiz.ai/answer"), Source.ANSWER
    )
    other = synced(account, now)
    Recording.objects.filter(pk=other.pk).update(
        audio="ab/cd.mp3", audio_sha256="0" * 64, audio_bytes=80_000, container="mp3", archived_at=now
    )
    event = CallbackEvent.objects.create(
        account=account, recording=other, door="account", key_digest="k", content_digest="c",
        kind=EventKind.RECORDING, outcome=EventOutcome.APPLIED, trust=Trust.SIGNED, received_at=now,
    )  # fmt: skip
    Transcription.objects.create(
        recording=other, status=TranscriptionStatus.COMPLETED, text="hello", trust=Trust.SIGNED
    )

    assert claim_recording_id(mine, DOCUMENTED)

    assert not Recording.objects.filter(pk=other.pk).exists()
    assert (mine.recording_id, mine.status, mine.origin) == (
        DOCUMENTED,
        RecordingStatus.COMPLETED,
        Origin.PORTAL,
    )
    assert (mine.duration_ms, mine.storage_rate) == (10_080, Decimal("0.005"))
    assert (mine.api_id, mine.source_of("api_id")) == ("the start's", Source.ANSWER)
    assert mine.source_of("recording_url") == Source.API
    assert (mine.audio, mine.archived_at, mine.happened_at) == ("ab/cd.mp3", now, mine.started_at)
    event.refresh_from_db()
    assert event.recording == mine
    assert Transcription.objects.get(recording=mine).text == "hello"


def test_after_it_a_sync_finds_nothing_new(mine: Recording, account: Account, now: datetime) -> None:
    synced(account, now)
    claim_recording_id(mine, DOCUMENTED)
    report = upsert_recordings(account, [listed()], now=now)
    assert (report.created, report.updated, report.unchanged) == (0, 0, 1)


def test_one_that_runs_according_to_the_list_runs(mine: Recording, account: Account, now: datetime) -> None:
    upsert_recordings(account, [running()], now=now)
    claim_recording_id(mine, DOCUMENTED)
    assert mine.status == RecordingStatus.ACTIVE


def test_what_was_due_or_needed_a_person_goes_along(mine: Recording, account: Account, now: datetime) -> None:
    other = synced(account, now)
    other.schedule_read_back(now)
    other.flag_attention(Attention.TRANSCRIPT_REVISED)
    claim_recording_id(mine, DOCUMENTED)
    assert (mine.read_back_due_at, mine.needs_attention) == (now, Attention.TRANSCRIPT_REVISED)


def test_a_transcript_that_differs_from_the_one_here_is_flagged(
    mine: Recording, account: Account, now: datetime
) -> None:
    for row, text in ((mine, "first"), (synced(account, now), "second")):
        Transcription.objects.create(
            recording=row, status=TranscriptionStatus.COMPLETED, text=text, trust=Trust.SIGNED
        )
    claim_recording_id(mine, DOCUMENTED)
    assert Transcription.objects.get().text == "first"
    assert mine.needs_attention == Attention.TRANSCRIPT_REVISED


def test_a_second_id_contradicts_the_first_and_changes_nothing(mine: Recording) -> None:
    claim_recording_id(mine, DOCUMENTED)
    assert not claim_recording_id(mine, "another-id")
    assert (mine.recording_id, mine.needs_attention) == (DOCUMENTED, Attention.ID_CONFLICT)


def test_an_id_that_another_start_has_contradicts_and_changes_nothing(
    mine: Recording, account: Account
) -> None:
    first = Recording.objects.exclude(pk=mine.pk).get()
    assert claim_recording_id(first, DOCUMENTED)
    assert not claim_recording_id(mine, DOCUMENTED)
    assert (mine.recording_id, mine.needs_attention) == (None, Attention.ID_CONFLICT)
    assert Recording.objects.filter(recording_id=DOCUMENTED).get() == first


def test_an_id_of_another_call_contradicts_and_changes_nothing(
    mine: Recording, account: Account, now: datetime
) -> None:
    synced(account, now, call_uuid="another-call")
    assert not claim_recording_id(mine, DOCUMENTED)
    assert Recording.objects.filter(recording_id=DOCUMENTED).exists()


def test_an_id_of_another_family_contradicts_and_changes_nothing(mine: Recording, now: datetime) -> None:
    stranger = Account.objects.create(auth_id=OTHER)
    synced(stranger, now, owner=OTHER)
    assert not claim_recording_id(mine, DOCUMENTED)
    assert Recording.objects.get(recording_id=DOCUMENTED).account == stranger


def test_of_a_subaccount_it_becomes_the_subaccounts(
    mine: Recording, account: Account, subaccount: Account, now: datetime
) -> None:
    synced(account, now, owner=SUB)
    assert claim_recording_id(mine, DOCUMENTED)
    assert (mine.account, mine.call.account, mine.call.call_uuid) == (subaccount, subaccount, CALL)
