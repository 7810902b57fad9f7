"""Whichever comes first, all ends in one state: start answer, recording callback, transcription callback, sync row.

The columns that say when something was done here are left out, and which of two equal rows was kept (its key).
"""

from __future__ import annotations

from datetime import datetime
from itertools import permutations
from typing import Any

import pytest
from django.test import Client

from recordings.choices import EventOutcome, RecordingStatus, Source, StartAnswer
from recordings.models import (
    Account,
    Call,
    CallbackEvent,
    Recording,
    SpentNonce,
    Transcription,
    claim_recording_id,
    upsert_recordings,
)
from recordings.models.recording.provenance import Facts
from recordings.vobiz import objects
from tests.callbacks.posting import deliver, signature
from tests.callbacks.rows import CALL, DOCUMENTED, KEY, OURS, URL, asked_for, columns_of
from tests.facts import merge_facts
from tests.models.listed import listed
from tests.vobiz.payloads import payload

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")
API_ID = ENDED["api_id"]
FULL = {"api_id": API_ID, "message": "recording started", "recording_id": DOCUMENTED, "url": URL}
ASYNC = {"api_id": API_ID, "message": "async api spawned"}


class Story:
    """One start and all that Vobiz says of it, each as the portal hears it."""

    def __init__(
        self, client: Client, account: Account, now: datetime, *, answer: dict[str, str], signed: bool
    ) -> None:
        self.client, self.account, self.now = client, account, now
        self.reply = answer
        self.signed = signed
        self.pk = asked_for(account, transcribe=True).pk

    @property
    def row(self) -> Recording:
        row: Recording = Recording.objects.get(pk=self.pk)
        return row

    def answer(self) -> None:
        """What `control.start` does with Vobiz's answer."""
        said = objects.StartAnswer.parse(self.reply)
        row = self.row
        merge_facts(row, Facts.from_answer(said), Source.ANSWER)
        if said.recording_id is not None:
            claim_recording_id(row, said.recording_id)
        row.confirm()

    def _deliver(self, door: str, fields: dict[str, Any], key: str = KEY) -> None:
        headers = signature(door, key) if self.signed else {}
        assert deliver(self.client, key, fields, door=door, headers=headers).status_code == 200

    def ended(self) -> None:
        self._deliver("recording", ENDED)

    def spoken(self) -> None:
        self._deliver("transcription", SPOKEN)

    def sync(self) -> None:
        upsert_recordings(self.account, [listed()], now=self.now)

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that is known; rows that belong to the recording are named by it, events come by content."""
        belongings = {*OURS, "recording_id", "nonces"}
        events = CallbackEvent.objects.order_by("content_digest")
        return {
            "recordings": [
                {**columns_of(row, but={*OURS, "call_id"}), "call": row.call.call_uuid}
                for row in Recording.objects.order_by("recording_id")
            ],
            "calls": [columns_of(row) for row in Call.objects.all()],
            "transcripts": [
                {**columns_of(row, but=belongings), "of": row.recording.recording_id}
                for row in Transcription.objects.all()
            ],
            "events": [
                {**columns_of(row, but=belongings), "of": row.recording and row.recording.recording_id}
                for row in events
            ],
        }


def play(story: Story, order: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    for step in order:
        getattr(story, step)()
    return story.state()


ORDERS = list(permutations(("answer", "ended", "spoken", "sync")))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize("answer", [FULL, ASYNC], ids=["full", "async"])
def test_every_order_ends_in_the_same_state(
    client: Client, account: Account, now: datetime, order: tuple[str, ...], answer: dict[str, str]
) -> None:
    state = play(Story(client, account, now, answer=answer, signed=True), order)
    (row,) = state["recordings"]
    (spoken,) = state["transcripts"]
    facts = listed()
    assert row == {
        **row,
        "recording_id": DOCUMENTED, "origin": "portal", "status": RecordingStatus.COMPLETED, "error": None,
        "needs_attention": None, "start_answer": StartAnswer.ACCEPTED, "api_id": API_ID, "recording_url": URL,
        "kind": "call", "file_format": "mp3", "conference_name": None, "started_at": facts.started_at,
        "ended_at": facts.ended_at, "duration_ms": 10_080, "billed_seconds": 60, "storage_days": 1,
        "happened_at": facts.started_at, "times_approximate": False, "callback_key": KEY, "channels": "stereo",
    }  # fmt: skip
    every_fact = {name for name in Facts.__dataclass_fields__ if row[name] is not None}
    assert row["sources"] == dict.fromkeys(every_fact, "api") | {"api_id": "answer"}
    assert (spoken["status"], spoken["text"], spoken["trust"]) == (
        "completed",
        SPOKEN["transcription"],
        "signed",
    )
    assert [call["call_uuid"] for call in state["calls"]] == [CALL]
    assert [(event["outcome"], event["of"]) for event in state["events"]] == [
        (EventOutcome.APPLIED, DOCUMENTED)
    ] * 2


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
@pytest.mark.parametrize("answer", [FULL, ASYNC], ids=["full", "async"])
def test_all_orders_are_equal_column_for_column(
    client: Client, account: Account, now: datetime, answer: dict[str, str], *, signed: bool
) -> None:
    states = []
    for order in ORDERS:
        for model in (CallbackEvent, SpentNonce, Transcription, Recording, Call):
            model.objects.all().delete()
        states.append(play(Story(client, account, now, answer=answer, signed=signed), order))
    assert len(states[0]["recordings"]) == 1
    assert len(states[0]["events"]) == 2
    for order, state in zip(ORDERS, states, strict=True):
        assert state == states[0], order
