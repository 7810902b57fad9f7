"""Five hundred mutated callbacks of each kind: none is a 5xx, and none changes what it may not."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from recordings.choices import EventOutcome, RecordingStatus, Source, Trust
from recordings.models import Account, Call, CallbackEvent, Recording, SpentNonce, Transcription
from recordings.models.recording.provenance import Facts
from recordings.vobiz.wire import ID_SHAPE
from tests.callbacks.mutants import Sent, mutant
from tests.callbacks.posting import signature
from tests.callbacks.rows import (
    CALL,
    DOCUMENTED,
    KEY,
    STARTED_AT,
    asked_for,
    columns_of,
    everything,
    listed_row,
)
from tests.facts import merge_facts
from tests.vobiz.payloads import payload

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")
STOPPED = payload("flow_callback__stopped")
FLOW_SPOKEN = payload("flow_transcription__documented")
A_BATCH, BATCHES = 50, 10
ON_BOTH = 4  # batches for each engine: each value comes at two of the three doors at least
ANSWERS = {200, 400, 403, 404, 405, 413, 415}
DECIDED_HERE = {
    "id", "account_id", "call_id", "origin", "callback_key", "callback_base", "intent", "requested_by_id",
    "requested_at", "start_answer", "time_limit", "channels", "transcribe", "stop_requested_at",
    "stop_requested_by_id", "provider_data", "content_hash", "synced_at", "audio", "audio_sha256", "audio_bytes",
    "container", "archived_at", "verified_at", "gone_at_provider_at", "created_at", "kind", "file_format",
    "conference_name", "added_at", "billed_seconds", "storage_days", "storage_rate", "monthly_storage_amount",
}  # fmt: skip
OPENED_BY_ANYONE = {"read_back_due_at", "refused_uncounted"}


class Ground:
    """What stands before every delivery: the recording it is about, and others that are none of its business."""

    def __init__(self, account: Account, stranger: Account, door: str) -> None:
        self.account, self.door = account, door
        if door == "account":
            self.target, self.key = listed_row(account), account.callback_key
        else:
            self.target, self.key = asked_for(account), KEY
        merge_facts(self.target, Facts(started_at=STARTED_AT, duration_ms=9_000), Source.API)
        self.other = asked_for(account, "another-key-of-ours-0123456789ab", recording_id="another-recording")
        self.foreign = listed_row(stranger, "a-strangers-recording")
        Transcription.objects.create(
            recording=self.other, status="completed", text="as it was", trust="signed"
        )
        self.target.refresh_from_db()
        self.before = columns_of(self.target, but=set())
        self.bystanders = self.look()
        self.accounts = everything(Account, Call, but=set())

    def look(self) -> list[dict[str, Any]]:
        named = self.door == "account"  # an account's callback may be about any recording of the account
        rows = [self.foreign] if named else [self.foreign, self.other]
        return [columns_of(Recording.objects.get(pk=row.pk), but=set()) for row in rows]

    def check(self, status: int) -> None:
        """After one delivery."""
        assert status in ANSWERS
        assert Recording.objects.count() == 3
        assert self.look() == self.bystanders
        counted = {"refused_uncounted", "dropped_at"}
        after = everything(Account, Call, but=counted)
        assert after == {
            name: [{k: v for k, v in row.items() if k not in counted} for row in rows]
            for name, rows in self.accounts.items()
        }
        events = list(CallbackEvent.objects.all())
        assert len(events) == (1 if status in (200, 403) else 0)
        assert bool(SpentNonce.objects.exists()) == any(event.trust == Trust.SIGNED for event in events)
        self._check_target(events[0] if events else None)
        self._check_transcripts(events[0] if events else None)

    def _check_target(self, event: CallbackEvent | None) -> None:
        row = columns_of(Recording.objects.get(pk=self.target.pk), but=set())
        changed = {name for name, value in row.items() if value != self.before[name]}
        if event is None or event.outcome == EventOutcome.REFUSED or event.raw_body is not None:
            assert changed <= {"refused_uncounted"}
        elif event.trust == Trust.UNSIGNED:
            assert changed <= OPENED_BY_ANYONE
        assert not changed & DECIDED_HERE
        assert (row["started_at"], row["duration_ms"]) == (STARTED_AT, 9_000)
        assert row["status"] in (self.before["status"], RecordingStatus.COMPLETED)
        if row["recording_id"] is not None:
            assert self.before["recording_id"] in (None, row["recording_id"])
            assert ID_SHAPE.fullmatch(row["recording_id"])
            assert row["recording_id"] not in ("another-recording", "BulkDelete", "bulkdelete")
        assert all(source != "api" for name, source in row["sources"].items() if name in changed)

    def _check_transcripts(self, event: CallbackEvent | None) -> None:
        kept = Transcription.objects.exclude(recording=self.other)
        if kept.exists():
            assert event is not None
            assert kept.get().recording == self.target
            assert kept.get().trust == event.trust
            assert "transcription" in event.payload or "error" in event.payload
        assert Transcription.objects.get(recording=self.other).text == "as it was"


def send(client: Client, sent: Sent) -> int:
    asked = sent.request()
    return client.generic(asked.pop("method"), asked.pop("path"), **asked).status_code


@pytest.mark.parametrize(
    "batch",
    [pytest.param(one, marks=[] if one < ON_BOTH else [pytest.mark.once]) for one in range(BATCHES)],
)
@pytest.mark.parametrize(
    ("door", "kinds"),
    [("recording", [ENDED]), ("transcription", [SPOKEN]), ("account", [STOPPED, FLOW_SPOKEN])],
    ids=["recording", "transcription", "account"],
)
def test_a_mutated_callback_is_never_a_5xx_and_changes_only_what_its_trust_allows(
    client: Client, account: Account, stranger: Account, door: str, kinds: list[dict[str, Any]], batch: int
) -> None:
    ground = Ground(account, stranger, door)
    chance = random.Random(f"{door} {batch}")
    for number in range(A_BATCH):
        sent = mutant(chance, door, ground.key, chance.choice(kinds))
        try:
            with transaction.atomic():
                ground.check(send(client, sent))
                transaction.set_rollback(True)
        except AssertionError as problem:
            raise AssertionError(f"mutant {number}: {sent!r:.2000}") from problem


def test_an_unharmed_callback_passes_the_same_checks(
    client: Client, account: Account, stranger: Account
) -> None:
    """So that the checks above do not pass for want of anything happening."""
    ground = Ground(account, stranger, "recording")
    status = send(client, Sent("recording", KEY, ENDED, headers=signature("recording", KEY)))
    ground.check(status)
    row = Recording.objects.get(pk=ground.target.pk)
    assert (status, row.status, row.recording_id, row.call.call_uuid) == (200, "completed", DOCUMENTED, CALL)
