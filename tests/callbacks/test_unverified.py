"""A transcript that anyone may have sent: shown as not verified, and never taken for the one that is expected."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recordings.choices import EventOutcome, TranscriptionStatus, Trust
from recordings.models import Account, CallbackEvent, Recording, Transcription, claim_recording_id
from tests.callbacks.posting import deliver
from tests.callbacks.rows import DOCUMENTED, KEY, asked_for, listed_row
from tests.vobiz.payloads import payload

SPOKEN = payload("transcription_callback__documented")
FALSE: dict[str, Any] = {**SPOKEN, "transcription": "Pay the money to somebody else."}


@pytest.fixture
def expecting(client: Client, account: Account) -> Recording:
    """A recording whose transcript is expected, of an account whose callbacks are signed."""
    deliver(client, account.callback_key, {"event": "hangup"}, door="account")
    return asked_for(account, transcribe=True, recording_id=DOCUMENTED)


def the_transcript() -> Transcription:
    found: Transcription = Transcription.objects.get()
    return found


def unsigned(client: Client, fields: dict[str, Any]) -> None:
    assert deliver(client, KEY, fields, door="transcription", headers={}).status_code == 200


@pytest.mark.parametrize("status", [TranscriptionStatus.EXPECTED, TranscriptionStatus.MISSING])
def test_it_never_completes_an_expected_one_where_callbacks_are_signed(
    client: Client, expecting: Recording, status: TranscriptionStatus
) -> None:
    Transcription.objects.update(status=status)
    unsigned(client, FALSE)
    held = the_transcript()
    assert (held.status, held.trust, held.tokens) == (status, Trust.UNSIGNED, "")
    deliver(client, KEY, SPOKEN, door="transcription")
    held = the_transcript()
    assert (held.status, held.trust) == (TranscriptionStatus.COMPLETED, Trust.SIGNED)
    assert held.text == SPOKEN["transcription"]
    expecting.refresh_from_db()
    assert expecting.needs_attention is None


def test_an_unsigned_error_does_not_end_the_waiting(client: Client, expecting: Recording) -> None:
    unsigned(client, {**SPOKEN, "transcription": "", "error": "Recording file size too large"})
    assert (the_transcript().status, the_transcript().text) == (TranscriptionStatus.EXPECTED, None)


def test_where_no_callback_is_signed_it_is_the_transcript(client: Client, account: Account) -> None:
    asked_for(account, transcribe=True, recording_id=DOCUMENTED)
    unsigned(client, SPOKEN)
    assert the_transcript().status == TranscriptionStatus.COMPLETED


@pytest.mark.parametrize("through_main", [False, True])
def test_the_address_of_another_account_of_the_family_is_no_way_around_it(
    client: Client, account: Account, subaccount: Account, through_main: bool
) -> None:
    """It is enough that the callbacks of the address, or those of the recording's account, are signed."""
    address, owner = (account, subaccount) if through_main else (subaccount, account)
    deliver(
        client, account.callback_key, {"event": "hangup"}, door="account"
    )  # the main account's are signed
    asked_for(owner, transcribe=True, recording_id=DOCUMENTED)
    assert deliver(client, address.callback_key, FALSE, door="account", headers={}).status_code == 200
    held = the_transcript()
    assert (held.status, held.text, held.tokens) == (TranscriptionStatus.EXPECTED, FALSE["transcription"], "")


@pytest.mark.parametrize("sent", [{}, {"transcription": "", "error": "Recording file size too large"}])
def test_a_row_that_a_sync_made_first_is_no_way_around_it(
    client: Client, account: Account, sent: dict[str, str]
) -> None:
    """The answer to the start is late: what came to the other row meanwhile does not end the waiting of this one."""
    deliver(client, account.callback_key, {"event": "hangup"}, door="account")
    waiting = asked_for(account, transcribe=True)
    listed_row(account)
    assert deliver(client, account.callback_key, FALSE | sent, door="account", headers={}).status_code == 200
    assert claim_recording_id(waiting, DOCUMENTED)
    held = the_transcript()
    assert (held.recording, held.status, held.tokens or "") == (waiting, TranscriptionStatus.EXPECTED, "")
    assert held.text == (None if sent else FALSE["transcription"])
    deliver(client, KEY, SPOKEN, door="transcription")
    assert (the_transcript().text, the_transcript().trust) == (SPOKEN["transcription"], Trust.SIGNED)


def test_an_account_that_requires_signatures_is_not_reached_through_another_of_the_family(
    client: Client, account: Account, subaccount: Account
) -> None:
    Account.objects.filter(pk=account.pk).update(require_signed=True)
    row = asked_for(account, transcribe=True, recording_id=DOCUMENTED, read_back_due_at=None)
    assert deliver(client, account.callback_key, FALSE, door="account", headers={}).status_code == 403
    assert deliver(client, subaccount.callback_key, FALSE, door="account", headers={}).status_code == 200
    event = CallbackEvent.objects.get(account=subaccount)
    assert (event.outcome, event.recording) == (EventOutcome.FAILED, None)
    row.refresh_from_db()
    assert (the_transcript().text, row.read_back_due_at) == (None, None)


def test_signed_callbacks_of_long_ago_decide_nothing(client: Client, expecting: Recording) -> None:
    CallbackEvent.objects.update(received_at=timezone.now() - timedelta(days=31))
    unsigned(client, SPOKEN)
    assert the_transcript().status == TranscriptionStatus.COMPLETED


@pytest.mark.parametrize("usual", [True, False])
def test_pages_show_it_as_not_verified(
    client: Client, account: Account, admin_client: Client, usual: bool
) -> None:
    if usual:
        deliver(client, account.callback_key, {"event": "hangup"}, door="account")
    recording = asked_for(account, transcribe=True, recording_id=DOCUMENTED)
    unsigned(client, FALSE)
    page = f"/admin/recordings/recording/{recording.pk}/"
    for url in (f"{page}change/", "/admin/recordings/transcription/", "/admin/recordings/recording/"):
        assert "Not verified" in admin_client.get(url).content.decode(), url
    read = admin_client.post(f"{page}transcript/").content.decode()
    assert FALSE["transcription"] in read
    assert "Not verified" in read
    found = admin_client.get("/admin/recordings/recording/?q=somebody+else").content.decode()
    assert ("Not verified" in found) != usual  # its words are searched only where it is the transcript
    answer: Any = admin_client.post("/admin/recordings/transcription/export-csv/")
    exported = b"".join(answer.streaming_content)
    assert (b"somebody else" in exported) != usual
