"""Deliveries at the same moment: real threads, each with a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from recordings.callbacks import deliveries, processing
from recordings.choices import EventOutcome, RecordingStatus, Source
from recordings.models import (
    Account,
    CallbackEvent,
    Recording,
    SpentNonce,
    Transcription,
    claim_recording_id,
    upsert_recordings,
)
from recordings.models.recording.provenance import Facts
from tests.callbacks.posting import deliver, fresh_nonces, signature
from tests.callbacks.rows import CALL, DOCUMENTED, KEY, asked_for, listed_row
from tests.conftest import MAIN, connected
from tests.facts import merge_facts
from tests.models.listed import listed
from tests.vobiz.payloads import payload

pytestmark = pytest.mark.django_db(transaction=True)

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")
STOPPED = payload("flow_callback__stopped")


@pytest.fixture
def account(transactional_db: None, now: datetime) -> Account:
    return connected(MAIN, now=now, name="Main")


@pytest.fixture
def recording(account: Account) -> Recording:
    return asked_for(account)


def at_once(*doings: Callable[[], Any]) -> list[Any]:
    """Run functions side by side, all let go at one moment; what they return, in their order."""
    barrier = Barrier(len(doings))

    def one(doing: Callable[[], Any]) -> Any:
        try:
            barrier.wait(60)
            return doing()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(doings)) as pool:
        return [found.result(60) for found in [pool.submit(one, doing) for doing in doings]]


def posting(
    fields: dict[str, Any], *, door: str = "recording", key: str = KEY, **how: Any
) -> Callable[[], int]:
    return lambda: deliver(Client(), key, fields, door=door, **how).status_code


def test_four_identical_deliveries_at_once_are_one_event_with_one_effect(recording: Recording) -> None:
    headers = signature("recording", KEY)
    assert at_once(*[posting({**ENDED, **SPOKEN}, headers=headers)] * 4) == [200] * 4
    event = CallbackEvent.objects.get()
    assert (event.deliveries, event.outcome, event.attempts) == (4, EventOutcome.APPLIED, 0)
    assert SpentNonce.objects.count() == 2
    assert Transcription.objects.get().text == SPOKEN["transcription"]
    assert Recording.objects.get().status == RecordingStatus.COMPLETED


def test_four_unsigned_deliveries_at_once_are_one_event(recording: Recording) -> None:
    assert at_once(*[posting(ENDED, headers={})] * 4) == [200] * 4
    assert CallbackEvent.objects.get().deliveries == 4


def test_four_contents_at_once_under_one_nonce_have_one_effect(recording: Recording) -> None:
    nonces = fresh_nonces()
    contents = [{**SPOKEN, "transcription": f"words {number}"} for number in range(4)]
    answers = at_once(*(posting(fields, door="transcription", nonces=nonces) for fields in contents))
    assert answers == [200] * 4
    outcomes = list(CallbackEvent.objects.order_by("outcome").values_list("outcome", flat=True))
    assert outcomes == [EventOutcome.APPLIED] + [EventOutcome.CONFLICT] * 3
    applied = CallbackEvent.objects.get(outcome=EventOutcome.APPLIED)
    assert Transcription.objects.get().text == applied.payload["transcription"]
    assert Recording.objects.get().needs_attention is None


def test_of_refused_deliveries_at_once_no_more_than_the_bound_are_kept(recording: Recording) -> None:
    for number in range(deliveries.PER_RECORDING.events - 2):
        posting({"number": number}, token="wrong")()
    answers = at_once(*(posting({"late": number}, token="wrong") for number in range(6)))
    assert answers == [403] * 6
    assert CallbackEvent.objects.refused().count() == deliveries.PER_RECORDING.events
    assert Recording.objects.get().refused_uncounted == 4


def test_answer_callbacks_and_sync_at_once_make_one_recording(account: Account) -> None:
    """Each holds a row that the others want: nobody may wait for another in a circle."""
    for number in range(8):
        rid, key, call = f"{DOCUMENTED[:-1]}{number}", f"{KEY[:-1]}{number}", f"{CALL[:-1]}{number}"
        if number % 2:
            listed_row(account, rid, call=account.call_set.model.objects.obtain(account, call))
        row = asked_for(account, key, call_uuid=call)
        ended = {**ENDED, "recording_id": rid, "call_uuid": call}
        stopped = {**STOPPED, "RecordingID": rid, "CallUUID": call}
        spoken = {**SPOKEN, "recording_id": rid, "call_uuid": call}

        def answer(row: Recording = row, rid: str = rid) -> None:
            merge_facts(row, Facts(api_id="an-api-id"), Source.ANSWER)
            assert claim_recording_id(row, rid)
            row.confirm()

        def sync(rid: str = rid, call: str = call) -> None:
            upsert_recordings(account, [listed(rid, call_uuid=call)], now=timezone.now())

        answers = at_once(
            answer, sync, posting(ended, key=key), posting(spoken, door="transcription", key=key),
            posting(stopped, door="account", key=account.callback_key),
        )  # fmt: skip
        assert answers == [None, None, 200, 200, 200]
        one = Recording.objects.get(recording_id=rid)
        assert (one.pk, one.status, one.duration_ms) == (row.pk, RecordingStatus.COMPLETED, 10_080)
        assert one.transcription.text == SPOKEN["transcription"]
    assert Recording.objects.count() == 8
    for event in CallbackEvent.objects.filter(outcome=EventOutcome.UNMATCHED):
        processing.apply(event, now=timezone.now())
    assert set(CallbackEvent.objects.values_list("outcome", "attempts")) == {(EventOutcome.APPLIED, 0)}


def test_processing_a_refused_event_again_while_its_retry_arrives_has_one_effect(
    recording: Recording,
) -> None:
    posting(SPOKEN, door="transcription", token="new-token-0123456789")()
    recording.account.set_token("new-token-0123456789", now=timezone.now())

    def again() -> EventOutcome:
        event = CallbackEvent.objects.select_related("account__parent").get(trust="refused")
        return processing.process_again(event, now=timezone.now())

    retry = posting(SPOKEN, door="transcription", token="new-token-0123456789")
    outcome, status = at_once(again, retry)
    assert (outcome, status) == (EventOutcome.APPLIED, 200)
    assert Transcription.objects.get().text == SPOKEN["transcription"]
    assert not CallbackEvent.objects.exclude(outcome=EventOutcome.APPLIED).exists()


def test_the_threads_had_connections_of_their_own(recording: Recording) -> None:
    mine = id(connection.connection)
    assert mine not in at_once(*[lambda: Recording.objects.count() and id(connection.connection)] * 2)
