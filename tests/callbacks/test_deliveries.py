"""Writing deliveries down: one content once, every nonce once, and a bound on what nobody vouches for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from recordings.callbacks import deliveries
from recordings.choices import EventOutcome, RecordingStatus
from recordings.models import Account, CallbackEvent, Recording, SpentNonce, Transcription
from recordings.vobiz.signature import NONCE_V2, NONCE_V3, SIGNATURE_HEADERS, SIGNATURE_V2, SIGNATURE_V3
from tests.callbacks.posting import GET, JSON, deliver, fresh_nonces, path_of, post, signature
from tests.callbacks.rows import KEY, asked_for, everything, the_event
from tests.vobiz.payloads import payload

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")


def test_four_identical_deliveries_are_one_event_with_one_effect(
    client: Client, recording: Recording
) -> None:
    headers = signature("recording", KEY)
    assert deliver(client, KEY, ENDED, headers=headers).status_code == 200
    once = everything(Recording, Transcription, SpentNonce)
    for _retry in range(3):
        assert deliver(client, KEY, ENDED, headers=headers).status_code == 200
    assert everything(Recording, Transcription, SpentNonce) == once
    assert (the_event().deliveries, the_event().outcome) == (4, EventOutcome.APPLIED)


def test_a_retry_under_new_nonces_or_in_another_encoding_is_still_one(
    client: Client, recording: Recording
) -> None:
    for encoding in ("form", JSON, GET, "form"):
        assert deliver(client, KEY, ENDED, encoding=encoding).status_code == 200
    event = the_event()
    assert (event.deliveries, len(event.nonces)) == (4, 8)
    assert SpentNonce.objects.count() == 8


def test_every_nonce_of_a_signed_delivery_is_spent_whichever_verified(
    client: Client, recording: Recording
) -> None:
    headers = signature("recording", KEY, nonces=("1" * 20, "2" * 20))
    headers[SIGNATURE_V2] = "A" * 43 + "="  # only V3 verifies
    deliver(client, KEY, ENDED, headers=headers)
    assert set(SpentNonce.objects.values_list("nonce", flat=True)) == {"1" * 20, "2" * 20}
    assert the_event().scheme == "v3"


@pytest.mark.parametrize("replayed", [NONCE_V2, NONCE_V3])
def test_a_spent_nonce_with_other_content_is_a_conflict_and_nothing_is_applied(
    client: Client, recording: Recording, replayed: str
) -> None:
    first = fresh_nonces()
    deliver(client, KEY, {"Event": "ping"}, nonces=first)
    before = everything(Recording, Transcription)
    second = fresh_nonces()
    mixed = (first[0], second[1]) if replayed == NONCE_V2 else (second[0], first[1])
    assert deliver(client, KEY, ENDED, nonces=mixed).status_code == 200
    assert everything(Recording, Transcription) == before
    event = CallbackEvent.objects.latest("pk")
    assert (event.outcome, event.trust) == (EventOutcome.CONFLICT, "signed")
    assert "nonce was spent" in str(event.error)
    deliver(client, KEY, ENDED, nonces=mixed)  # the same replay again
    assert everything(Recording, Transcription) == before


def test_a_replay_by_way_of_the_other_door_of_a_recording_is_a_conflict_too(
    client: Client, recording: Recording
) -> None:
    nonces = fresh_nonces()
    deliver(client, KEY, ENDED, nonces=nonces)
    deliver(client, KEY, SPOKEN, door="transcription", nonces=nonces)
    assert CallbackEvent.objects.latest("pk").outcome == EventOutcome.CONFLICT
    assert not Transcription.objects.exists()


def test_content_that_came_first_as_a_replay_is_applied_when_it_comes_with_a_nonce_of_its_own(
    client: Client, recording: Recording
) -> None:
    nonces = fresh_nonces()
    deliver(client, KEY, {"Event": "ping"}, nonces=nonces)
    deliver(client, KEY, ENDED, nonces=nonces)
    deliver(client, KEY, ENDED)
    event = CallbackEvent.objects.latest("pk")
    assert (event.outcome, event.deliveries, event.error) == (EventOutcome.APPLIED, 2, None)
    recording.refresh_from_db()
    assert recording.status == RecordingStatus.COMPLETED


def test_an_applied_event_stays_applied_when_its_content_is_replayed_under_a_spent_nonce(
    client: Client, recording: Recording
) -> None:
    nonces = fresh_nonces()
    deliver(client, KEY, {"Event": "ping"}, nonces=nonces)
    deliver(client, KEY, ENDED)
    deliver(client, KEY, ENDED, nonces=nonces)
    event = CallbackEvent.objects.latest("pk")
    assert (event.outcome, event.deliveries) == (EventOutcome.APPLIED, 2)


def test_the_same_nonce_under_another_key_is_another_nonce(client: Client, recording: Recording) -> None:
    other = asked_for(recording.account, "another-key-of-ours-0123456789ab")
    nonces = fresh_nonces()
    deliver(client, KEY, {**ENDED, "recording_id": "aaaa-1"}, nonces=nonces)
    deliver(client, str(other.callback_key), {**ENDED, "recording_id": "bbbb-2"}, nonces=nonces)
    assert set(CallbackEvent.objects.values_list("outcome", flat=True)) == {EventOutcome.APPLIED}


def test_signed_content_that_came_unsigned_or_refused_before_is_new(
    client: Client, recording: Recording
) -> None:
    ways: list[dict[str, Any]] = [{"headers": {}}, {"token": "a wrong token"}, {}]
    for how in ways:
        deliver(client, KEY, ENDED, **how)
    outcomes = list(CallbackEvent.objects.order_by("pk").values_list("trust", "outcome"))
    assert outcomes == [
        ("unsigned", EventOutcome.RECEIVED), ("refused", EventOutcome.REFUSED), ("signed", EventOutcome.APPLIED),
    ]  # fmt: skip
    recording.refresh_from_db()
    assert recording.status == RecordingStatus.COMPLETED


def test_the_nonces_of_an_unsigned_or_refused_delivery_are_not_spent(
    client: Client, recording: Recording
) -> None:
    deliver(client, KEY, ENDED, headers={NONCE_V2: "1" * 20})
    deliver(client, KEY, ENDED, token="a wrong token", nonces=("2" * 20, "3" * 20))
    assert not SpentNonce.objects.exists()
    deliver(client, KEY, SPOKEN, nonces=("1" * 20, "2" * 20))
    assert CallbackEvent.objects.latest("pk").outcome == EventOutcome.APPLIED


def test_an_unsigned_one_refused_by_policy_is_taken_when_it_comes_again_after_the_policy_changed(
    client: Client, recording: Recording
) -> None:
    Account.objects.update(require_signed=True)
    assert deliver(client, KEY, ENDED, headers={}).status_code == 403
    Account.objects.update(require_signed=False)
    assert deliver(client, KEY, ENDED, headers={}).status_code == 200
    assert (the_event().outcome, the_event().error) == (EventOutcome.RECEIVED, None)
    assert the_event().processed_at is not None


# Refused


def test_a_refused_delivery_is_kept_with_all_that_is_needed_to_look_into_it(
    client: Client, recording: Recording
) -> None:
    headers = signature("recording", KEY, token="a wrong token")
    secret = {
        "auth-token": "s3cret",
        "parent-auth-token": "s3cret",
        "X-Auth-Token": "s3cret",
        "Cookie": "s3cret",
    }
    given = {**headers, **secret, "Host": "evil.test", "X-Forwarded-Host": "inner.test"}
    assert deliver(client, KEY, ENDED, headers=given).status_code == 403
    event = the_event()
    assert (event.outcome, event.trust, event.kind) == (EventOutcome.REFUSED, "refused", "recording")
    assert event.payload["record_url"] == ENDED["record_url"]
    assert event.signature_headers == [headers]
    assert event.hosts == ["evil.test", "inner.test"]
    assert event.expected_base == "http://127.0.0.1:8000/callbacks/recording/…/"
    assert KEY not in str(everything(CallbackEvent))
    assert "s3cret" not in str(everything(CallbackEvent))
    recording.refresh_from_db()
    assert (recording.status, recording.read_back_due_at) == (RecordingStatus.REQUESTED, None)


def test_only_headers_of_the_list_are_kept_and_only_so_much_of_them(
    client: Client, recording: Recording
) -> None:
    headers = dict.fromkeys(SIGNATURE_HEADERS, "9" * 5000) | {"X-Vobiz-Signature-V9": "x"}
    deliver(client, KEY, ENDED, headers=headers)
    (kept,) = the_event().signature_headers
    assert kept == dict.fromkeys(SIGNATURE_HEADERS, "9" * deliveries.HEADER_LENGTH)


def test_the_signatures_of_retries_are_kept_too_up_to_a_bound(client: Client, recording: Recording) -> None:
    for _delivery in range(15):
        assert deliver(client, KEY, ENDED, token="a wrong token").status_code == 403
    event = the_event()
    assert event.deliveries == 15
    assert 4 < len(event.signature_headers) < 15  # Vobiz tries four times
    assert len(json.dumps(event.signature_headers)) <= deliveries.MAX_EVIDENCE


@pytest.mark.parametrize(
    "name", [pytest.param("X-Hub-Signature-{n}-" + "a" * 3_000, id="named long"), "X-Vobiz-Signature-V3"]
)
def test_evidence_is_bounded_whatever_its_headers_are_called_and_hold(
    client: Client, recording: Recording, name: str
) -> None:
    """A body of a few bytes must not bring kilobytes of headers into the database, by repeats neither."""
    account = recording.account
    Account.objects.update(require_signed=True)
    for n in range(12):
        headers = {name.format(n=n): f"{n:064x}" if "{n}" in name else "\xe9" * (1_000 + n)}
        deliver(client, account.callback_key, {"note": 1}, door="account", headers=headers)
    event = the_event()
    assert (event.outcome, event.deliveries) == (EventOutcome.REFUSED, 12)
    assert len(json.dumps(event.signature_headers)) <= deliveries.MAX_EVIDENCE


def test_a_refused_body_that_cannot_be_read_is_kept_in_part(client: Client, recording: Recording) -> None:
    headers = {**signature("recording", KEY, token="a wrong token"), "Content-Encoding": "br"}
    assert post(client, path_of("recording", KEY), b"\xff" * 100_000, headers=headers).status_code == 403
    event = the_event()
    assert event.outcome == EventOutcome.REFUSED
    assert len(bytes(event.raw_body or b"")) == deliveries.UNTRUSTED_BODY
    assert (event.raw_form or {})["bytes"] == 100_000


def test_of_refused_deliveries_twenty_are_kept_for_a_recording_and_the_rest_is_counted(
    client: Client, recording: Recording
) -> None:
    for number in range(23):
        door = ("recording", "transcription")[number % 2]
        answer = deliver(client, KEY, {"number": number}, door=door, token="a wrong token")
        assert answer.status_code == 403
    assert CallbackEvent.objects.refused().count() == 20
    recording.refresh_from_db()
    assert recording.refused_uncounted == 3
    # one that was kept is still counted on its own row, and another recording has twenty of its own
    deliver(client, KEY, {"number": 0}, token="a wrong token")
    assert CallbackEvent.objects.get(payload={"number": "0"}).deliveries == 2
    other = asked_for(recording.account, "another-key-of-ours-0123456789ab")
    deliver(client, str(other.callback_key), {"number": 0}, token="a wrong token")
    assert CallbackEvent.objects.refused().count() == 21
    assert deliver(client, KEY, ENDED).status_code == 200  # what is genuine is not held up


def test_of_refused_deliveries_five_thousand_are_kept_for_an_account(
    client: Client, account: Account
) -> None:
    deliver(client, account.callback_key, {"number": 0}, door="account", token="a wrong token")
    first = the_event()
    CallbackEvent.objects.bulk_create(
        CallbackEvent(
            account=account, door="account", key_digest=first.key_digest, content_digest=str(number),
            outcome=EventOutcome.REFUSED, trust="refused", received_at=first.received_at,
        )
        for number in range(1, deliveries.PER_ACCOUNT_KEY.events)
    )  # fmt: skip
    for number in (-1, -2):
        answer = deliver(
            client, account.callback_key, {"number": number}, door="account", token="a wrong token"
        )
        assert answer.status_code == 403
    assert CallbackEvent.objects.refused().count() == 5_000
    account.refresh_from_db()
    assert account.refused_uncounted == 2


def test_replays_with_ever_new_content_do_not_fill_the_database(client: Client, recording: Recording) -> None:
    nonces = fresh_nonces()
    deliver(client, KEY, ENDED, nonces=nonces)
    for number in range(25):
        assert deliver(client, KEY, {"number": number}, nonces=nonces).status_code == 200
    assert CallbackEvent.objects.filter(outcome=EventOutcome.CONFLICT).count() == 20
    recording.refresh_from_db()
    assert recording.refused_uncounted == 5


def test_signature_headers_are_those_that_are_checked() -> None:
    assert {SIGNATURE_V2, SIGNATURE_V3, NONCE_V2, NONCE_V3} < set(SIGNATURE_HEADERS)
