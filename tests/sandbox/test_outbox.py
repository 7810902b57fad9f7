"""Callbacks: their fields, their encoding, their signatures, their retries."""

from __future__ import annotations

import re
import threading

import pytest

from recordings.vobiz.signature import verify
from tests.sandbox.conftest import MAIN, SUB, Client, record_and_report
from tests.sandbox.receiver import Receiver
from tests.waiting import eventually
from vobiz_portal.sandbox.audio import Conversation
from vobiz_portal.sandbox.entities import Call
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

TOKENS = {MAIN: "main_token_0123456789", SUB: "sub_token_9876543210"}


def test_a_recording_callback_has_the_documented_fields_form_encoded(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver
) -> None:
    started = record_and_report(client, call, receiver)
    world.advance(20)
    assert sandbox.outbox.deliver_now() == [200]
    (delivery,) = receiver.deliveries
    assert (delivery.method, delivery.path) == ("POST", "/callbacks/recording/k3y/")
    assert delivery.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert delivery.headers["User-Agent"] == "Vobiz"
    assert delivery.fields == {
        "api_id": started["api_id"],
        "record_url": started["url"],
        "call_uuid": call.call_uuid,
        "recording_id": started["recording_id"],
        "recording_duration": "20",
        "recording_duration_ms": "20000",
        "recording_start_ms": "1762436939422",
        "recording_end_ms": "1762436959422",
    }


def test_a_transcription_comes_later_with_the_words_that_are_in_the_audio(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver
) -> None:
    world.transcript_delay = 60.0
    world.advance(7.2)
    started = record_and_report(client, call, receiver)
    world.advance(20)
    sandbox.outbox.deliver_now()
    assert receiver.paths == ["/callbacks/recording/k3y/"]
    world.advance(60)
    sandbox.outbox.deliver_now()
    delivery = receiver.deliveries[1]
    assert delivery.path == "/callbacks/transcription/k3y/"
    words = Conversation(call.call_uuid).words(100, 100 + 278)
    assert len(words.split()) > 20
    assert delivery.fields == {
        "transcription_charge": "0.3",
        "transcription": words,
        "duration": "20",
        "call_uuid": call.call_uuid,
        "transcription_rate": "0.3",
        "recording_id": started["recording_id"],
        "error": "",
    }


def test_too_short_and_too_long_recordings_get_an_error_instead_of_a_transcript(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver
) -> None:
    record_and_report(client, call, receiver, time_limit=28_800)
    world.advance(0.4)
    client.delete(f"Call/{call.call_uuid}/Record/")
    record_and_report(client, call, receiver, time_limit=28_800)
    world.advance(30_000)
    sandbox.outbox.deliver_now("transcription")
    for delivery in receiver.deliveries:
        assert delivery.fields["transcription"] == ""
        assert delivery.fields["error"] == "Recording duration is not supported for transcription"
    assert len(receiver.deliveries) == 2


def test_no_transcription_is_made_that_was_not_asked_for(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver
) -> None:
    record_and_report(client, call, receiver, transcription_type="")
    record_and_report(client, call, receiver, transcription_url="")
    world.advance(100)
    sandbox.outbox.deliver_now()
    assert set(receiver.paths) == {"/callbacks/recording/k3y/"}
    world.quirks.transcripts_to_callback_url = True
    record_and_report(client, call, receiver, transcription_url="")
    world.advance(100)
    sandbox.outbox.deliver_now("transcription")
    assert "transcription" in receiver.deliveries[-1].fields


def test_a_get_callback_has_its_fields_in_the_query(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver
) -> None:
    record_and_report(
        client, call, receiver, callback_method="GET", callback_url=f"{receiver.url}/cb/?mine=1#part"
    )
    world.advance(20)
    sandbox.outbox.deliver_now()
    (delivery,) = receiver.deliveries
    assert (delivery.method, delivery.body) == ("GET", b"")
    assert delivery.query.startswith("mine=1&api_id=")
    assert delivery.fields["recording_duration_ms"] == "20000"


@pytest.mark.parametrize("owner", [MAIN, SUB])
def test_each_callback_is_signed_four_times_over_its_path(
    world: SandboxState, sandbox: Sandbox, receiver: Receiver, owner: str
) -> None:
    client = Client(sandbox, owner)
    record_and_report(
        client, world.place_call(owner), receiver, callback_url=f"{receiver.url}/cb/?not=signed"
    )
    world.advance(20)
    sandbox.outbox.deliver_now()
    headers = receiver.deliveries[0].headers
    base = f"{receiver.url}/cb/"
    own = {name: value for name, value in headers.items() if "-MA-" not in name}
    parents = {
        name: value for name, value in headers.items() if not re.fullmatch(r"X-Vobiz-Signature-V[23]", name)
    }
    for scheme, kept, token in (("v3", own, TOKENS[owner]), ("ma-v3", parents, TOKENS[MAIN])):
        verdict = verify(kept, bases=[base], tokens=[token])
        assert (verdict.trust, verdict.scheme) == ("signed", scheme)
        without_v3 = {name: value for name, value in kept.items() if not name.endswith("V3")}
        assert verify(without_v3, bases=[base], tokens=[token]).trust == "signed"
    same = headers["X-Vobiz-Signature-V2"] == headers["X-Vobiz-Signature-MA-V2"]
    assert same == (owner == MAIN)
    nonces = headers["X-Vobiz-Signature-V2-Nonce"], headers["X-Vobiz-Signature-V3-Nonce"]
    assert all(re.fullmatch(r"[0-9]{20}", nonce) for nonce in nonces)
    assert nonces[0] != nonces[1]
    assert len(headers["X-Vobiz-Signature"]) == 28


def test_callbacks_are_unsigned_or_carry_tokens_in_clear_by_switch(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver
) -> None:
    world.quirks.tokens_in_headers = True
    record_and_report(client, call, receiver)
    world.advance(20)
    sandbox.outbox.deliver_now("recording")
    assert receiver.deliveries[0].headers["auth-token"] == TOKENS[MAIN]
    world.quirks.sign_callbacks = False
    world.advance(20)
    sandbox.outbox.deliver_now()
    assert not any("signature" in name.lower() or "token" in name for name in receiver.deliveries[1].headers)


def test_anything_but_200_is_tried_three_times_more_with_growing_pauses_and_the_same_body(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver
) -> None:
    receiver.statuses = [500, 204, 302, 404]
    record_and_report(client, call, receiver, transcription_type="")
    world.advance(20)
    assert sandbox.outbox.deliver_now() == [500]
    for pause, status in ((1, 204), (2, 302), (4, 404)):
        world.advance(pause - 0.1)
        assert sandbox.outbox.deliver_now() == []
        world.advance(0.2)
        assert sandbox.outbox.deliver_now() == [status]
    world.advance(1000)
    assert sandbox.outbox.deliver_now() == []
    assert len({delivery.body for delivery in receiver.deliveries}) == 1
    assert len({delivery.headers["X-Vobiz-Signature-V3-Nonce"] for delivery in receiver.deliveries}) == 4
    assert len(world.ledger.of("callback.given_up")) == 1


def test_a_retry_keeps_its_nonces_by_switch(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver
) -> None:
    world.quirks.nonce_changes_on_retry = False
    receiver.statuses = [500]
    record_and_report(client, call, receiver, transcription_type="")
    world.advance(20)
    assert sandbox.outbox.drain()
    first, second = receiver.deliveries
    assert first.headers["X-Vobiz-Signature-V2-Nonce"] == second.headers["X-Vobiz-Signature-V2-Nonce"]


def test_patience_ends_and_the_callback_is_tried_again(
    world: SandboxState, client: Client, call: Call, receiver: Receiver
) -> None:
    sandbox = client.sandbox
    sandbox.outbox.timeout = 0.2
    receiver.go_on.clear()
    record_and_report(client, call, receiver, transcription_type="")
    world.advance(20)
    assert sandbox.outbox.deliver_now() == [None]
    receiver.go_on.set()
    sandbox.outbox.timeout = 20
    world.advance(1)
    assert sandbox.outbox.deliver_now() == [200]
    (failed, _) = world.ledger.of("callback.tried")
    assert failed.detail["status"] is None
    assert failed.detail["error"]


def test_nobody_listening_is_a_failed_try(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call
) -> None:
    client.record(call, callback_url="http://127.0.0.1:9/gone/")
    world.advance(60)
    assert sandbox.outbox.deliver_now() == [None]


def test_credentials_in_a_callback_url_are_sent_and_not_signed(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver
) -> None:
    url = receiver.url.replace("http://", "http://vobiz:s%40crt@")
    record_and_report(client, call, receiver, callback_url=f"{url}/cb/", transcription_type="")
    world.advance(20)
    sandbox.outbox.deliver_now()
    (delivery,) = receiver.deliveries
    assert delivery.headers["Authorization"] == "Basic dm9iaXo6c0BjcnQ="
    assert verify(delivery.headers, bases=[f"{receiver.url}/cb/"], tokens=[TOKENS[MAIN]]).trust == "signed"


def test_by_itself_the_sandbox_delivers_side_by_side_and_settles(
    world: SandboxState, receiver: Receiver
) -> None:
    """All callbacks are under way while the receiver keeps the first of them waiting."""
    with Sandbox(world, timeout=60) as sandbox:
        client = Client(sandbox, MAIN)
        receiver.go_on.clear()
        for _ in range(4):
            record_and_report(client, world.place_call(MAIN), receiver, transcription_type="")
        world.advance(20)
        eventually(lambda: len(receiver.deliveries) == 4)
        receiver.go_on.set()
        assert sandbox.outbox.drain()
        assert len(world.ledger.of("callback.delivered")) == 4


def test_settle_says_so_when_it_does_not_come_true(world: SandboxState, receiver: Receiver) -> None:
    with Sandbox(world, timeout=60) as sandbox:
        receiver.go_on.clear()
        record_and_report(Client(sandbox, MAIN), world.place_call(MAIN), receiver, transcription_type="")
        world.advance(20)
        assert not sandbox.outbox.drain(timeout=0.2)
        receiver.go_on.set()
        assert sandbox.outbox.drain()


def test_a_receiver_may_ask_the_api_while_it_is_being_called(
    world: SandboxState, sandbox: Sandbox, receiver: Receiver
) -> None:
    """No lock is held while a callback is out."""
    client = Client(sandbox, MAIN)
    receiver.go_on.clear()
    record_and_report(client, world.place_call(MAIN), receiver, transcription_type="")
    world.advance(20)
    sender = threading.Thread(target=sandbox.outbox.deliver_now)
    sender.start()
    eventually(lambda: receiver.deliveries)
    assert client.get("Recording/").status_code == 200
    receiver.go_on.set()
    sender.join(timeout=60)
    assert len(world.ledger.of("callback.delivered")) == 1


# Call flows


def test_a_call_flow_records_and_reports_in_camel_case(
    world: SandboxState, sandbox: Sandbox, receiver: Receiver
) -> None:
    world.set_flow(
        MAIN, callback_url=f"{receiver.url}/account/", transcription_url=f"{receiver.url}/account/t/"
    )
    call = world.place_call(MAIN, rings_for=2, lasts=30, flow=True)
    world.advance(2)
    sandbox.outbox.deliver_now()
    (begun,) = receiver.deliveries
    assert (begun.fields["Event"], begun.fields["RecordingDuration"]) == ("Record", "-1")
    world.advance(60)
    sandbox.outbox.deliver_now()
    _, stopped, transcript = receiver.deliveries
    assert stopped.fields["Event"] == "RecordStop"
    assert stopped.fields["RecordingID"] == begun.fields["RecordingID"] == transcript.fields["recording_id"]
    assert (stopped.fields["RecordingDurationMs"], stopped.fields["RecordingEndReason"]) == (
        "30000",
        "HungUp",
    )
    assert stopped.fields["CallUUID"] == call.call_uuid
    assert stopped.fields["RecordUrl"].endswith(f"{begun.fields['RecordingID']}.mp3")
    assert set(transcript.fields) == {
        "transcription",
        "transcription_id",
        "transcription_url",
        "recording_id",
    }
    assert transcript.path == "/account/t/"


def test_calls_without_the_flow_do_not_record_themselves(world: SandboxState, receiver: Receiver) -> None:
    world.set_flow(MAIN, callback_url=f"{receiver.url}/account/")
    world.place_call(MAIN)
    assert world.running() == []


def test_a_finished_recordings_callback_can_be_owed_again(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver
) -> None:
    started = record_and_report(client, call, receiver)
    world.advance(100)
    sandbox.outbox.deliver_now()
    world.resend_callback(started["recording_id"])
    world.resend_callback(started["recording_id"], "transcription")
    sandbox.outbox.deliver_now()
    assert [receiver.deliveries[n].body for n in (0, 1)] == [receiver.deliveries[n].body for n in (2, 3)]
