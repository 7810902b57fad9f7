"""Webhooks of SIP trunks: JSON to the account's address, signed over the body under a secret of the account."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from django.test import Client

from recordings.callbacks import processing
from recordings.callbacks.diagnosis import diagnosis
from recordings.callbacks.payload import parse_payload
from recordings.choices import EventKind, EventOutcome, Scheme, Trust
from recordings.models import Account, CallbackEvent
from tests.callbacks.posting import path_of, post

SECRET = "whsec_trunk_0123456789"
RECORDING_ID, CALL = "5c1d6d84-9f9a-4e37-9f4e-2f3a8c9f1b22", "0e9b0c5e-3c52-4a86-a2ae-8c7cf57f4f10"


def a_body(event: str = "recording.completed") -> bytes:
    recording = {
        "recording_id": RECORDING_ID, "call_uuid": CALL,
        "recording_url": f"https://media.vobiz.ai/v1/Account/MA_PU0XU668/Recording/{RECORDING_ID}.mp3",
    }  # fmt: skip
    return json.dumps({"event": event, "data": recording}).encode()


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def trunk(account: Account) -> Account:
    account.set_webhook_secret(SECRET)
    return account


def send(client: Client, account: Account, body: bytes, headers: dict[str, str]) -> Any:
    where = path_of("account", account.callback_key)
    return post(client, where, body, headers=headers, content_type="application/json")


@pytest.mark.parametrize(
    "written",
    [lambda hexed: hexed, str.upper, "sha256={}".format,
     lambda hexed: base64.b64encode(bytes.fromhex(hexed)).decode()],
)  # fmt: skip
def test_a_signature_over_the_body_is_trusted_however_it_is_written(
    client: Client, trunk: Account, written: Any
) -> None:
    body = a_body()
    assert send(client, trunk, body, {"X-Vobiz-Signature": written(signed(body))}).status_code == 200
    event = CallbackEvent.objects.get()
    assert (event.trust, event.scheme) == (Trust.SIGNED, Scheme.BODY)
    assert (event.kind, event.outcome) == (
        EventKind.RECORDING,
        EventOutcome.UNMATCHED,
    )  # until Vobiz is asked
    assert parse_payload(event.payload, "account").recording_id == RECORDING_ID


def test_it_is_accepted_where_the_account_requires_a_signature(client: Client, trunk: Account) -> None:
    Account.objects.update(require_signed=True)
    body = a_body("transcription.completed")
    assert send(client, trunk, body, {"X-Vobiz-Signature": signed(body)}).status_code == 200


def test_the_header_may_have_another_name(client: Client, trunk: Account) -> None:
    Account.objects.update(webhook_header="X-Trunk-Hmac")
    body = a_body()
    assert send(client, trunk, body, {"X-Trunk-Hmac": signed(body)}).status_code == 200
    assert CallbackEvent.objects.get().trust == Trust.SIGNED


@pytest.mark.parametrize(
    "value", ["", "0" * 64, "sha256=", signed(a_body("recording.deleted")), signed(a_body(), "other"), "é"]
)
def test_another_signature_is_refused_and_kept(client: Client, trunk: Account, value: str) -> None:
    assert send(client, trunk, a_body(), {"X-Vobiz-Signature": value}).status_code == 403
    assert CallbackEvent.objects.get().outcome == EventOutcome.REFUSED


WRONG = "whsec_another"


@pytest.mark.parametrize(
    ("secret", "header", "sent_in"),
    [
        (WRONG, "", "X-Vobiz-Signature"),
        (SECRET, "X-Other-Signature", "X-Vobiz-Signature"),
        (WRONG, "X-Trunk-Hmac", "X-Trunk-Hmac"),
        (None, "", "X-Vobiz-Signature"),
    ],
    ids=["secret", "header", "both named", "no secret"],
)
def test_what_was_refused_is_taken_once_the_secret_or_the_header_is_right(
    client: Client, account: Account, secret: str | None, header: str, sent_in: str
) -> None:
    account.set_webhook_secret(secret)
    Account.objects.update(require_signed=True, webhook_header=header)
    body = a_body()
    assert send(client, account, body, {sent_in: signed(body)}).status_code == 403
    event = CallbackEvent.objects.get()
    assert processing.process_again(event, now=event.received_at) == EventOutcome.REFUSED
    assert "trunk webhook" in diagnosis(event, now=event.received_at).words

    account.set_webhook_secret(SECRET)
    Account.objects.update(webhook_header=sent_in.lower())
    event = CallbackEvent.objects.get()
    assert "is valid now" in diagnosis(event, now=event.received_at).words
    assert processing.process_again(event, now=event.received_at) == EventOutcome.UNMATCHED
    event.refresh_from_db()
    assert (event.trust, event.scheme, event.raw_body) == (Trust.SIGNED, Scheme.BODY, None)


def test_headers_that_are_no_signature_are_not_stored(client: Client, trunk: Account) -> None:
    Account.objects.update(require_signed=True)
    hexed = signed(a_body())
    tokens = {"X-Auth-Token": hexed, "Authorization": f"Bearer {hexed}", "X-Signature-Note": "of the trunk"}
    assert send(client, trunk, a_body(), tokens).status_code == 403
    event = CallbackEvent.objects.get()
    assert (event.signature_headers, event.raw_body) == ([{}], None)


def test_an_unsigned_one_with_a_kept_body_is_applied_once_that_is_allowed(
    client: Client, trunk: Account
) -> None:
    Account.objects.update(require_signed=True, webhook_header="X-Other-Signature")
    body = a_body()
    assert send(client, trunk, body, {"X-Vobiz-Signature": signed(body)}).status_code == 403
    Account.objects.update(require_signed=False)
    assert send(client, trunk, body, {"X-Vobiz-Signature": signed(body)}).status_code == 200
    assert CallbackEvent.objects.get().outcome == EventOutcome.UNMATCHED


def test_without_the_header_or_without_a_secret_it_is_unsigned(client: Client, account: Account) -> None:
    body = a_body()
    assert send(client, account, body, {"X-Vobiz-Signature": signed(body)}).status_code == 200
    account.set_webhook_secret(SECRET)
    assert send(client, account, a_body("recording.started"), {}).status_code == 200
    assert set(CallbackEvent.objects.values_list("trust", flat=True)) == {Trust.UNSIGNED}


def test_a_secret_that_no_key_opens_trusts_nothing(client: Client, account: Account) -> None:
    Account.objects.update(encrypted_webhook_secret="gAAAA-not-ours")
    body = a_body()
    assert send(client, account, body, {"X-Vobiz-Signature": signed(body)}).status_code == 200
    assert CallbackEvent.objects.get().trust == Trust.UNSIGNED


def test_a_body_that_is_too_large_is_not_read_whole(client: Client, trunk: Account) -> None:
    body = b'{"pad": "' + b"x" * (1024 * 1024) + b'"}'
    assert send(client, trunk, body, {"X-Vobiz-Signature": signed(body)}).status_code == 413
    assert not CallbackEvent.objects.exists()
