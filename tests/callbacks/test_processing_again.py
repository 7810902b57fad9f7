"""Processing events again: by hand, once a token, an address, a policy or a contradiction was cured."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from recordings.callbacks import processing
from recordings.choices import EventOutcome, RecordingStatus
from recordings.models import Account, CallbackEvent, Recording, SpentNonce, Transcription, claim_recording_id
from tests.callbacks.posting import deliver, encode, fresh_nonces, path_of, post, signature
from tests.callbacks.rows import DOCUMENTED, KEY, everything, the_event
from tests.meanwhile import before_statement
from tests.vobiz.payloads import payload

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")
STOPPED = payload("flow_callback__stopped")
WRONG = "a wrong token"


@pytest.fixture
def asha(db: None) -> User:
    return User.objects.create_user("asha", is_staff=True)


def fresh(recording: Recording) -> Recording:
    row: Recording = Recording.objects.get(pk=recording.pk)
    return row


def test_a_refused_event_is_processed_again_once_the_token_is_right(
    client: Client, recording: Recording
) -> None:
    deliver(client, KEY, ENDED, token=WRONG, nonces=("1" * 20, "2" * 20))
    now = timezone.now()
    assert processing.process_again(the_event(), now=now) == EventOutcome.REFUSED
    recording.account.set_token(WRONG, now=now)
    assert processing.process_again(the_event(), now=now) == EventOutcome.APPLIED
    event = the_event()
    assert (event.trust, event.scheme, event.error) == ("signed", "v3", None)
    assert fresh(recording).status == RecordingStatus.COMPLETED
    assert SpentNonce.objects.count() == 2
    assert processing.process_again(event, now=now) == EventOutcome.APPLIED
    # what was processed is known: the same content is a retry, its nonce with other content a replay
    deliver(client, KEY, ENDED, token=WRONG)
    assert the_event().deliveries == 2
    deliver(client, KEY, SPOKEN, token=WRONG, nonces=("1" * 20, "4" * 20))
    assert CallbackEvent.objects.latest("pk").outcome == EventOutcome.CONFLICT


def test_a_refused_event_is_processed_again_once_portal_url_is_right(
    client: Client, recording: Recording, settings: Settings
) -> None:
    base = f"https://portal.example.com{path_of('recording', KEY)}"
    deliver(client, KEY, ENDED, base=base)
    assert the_event().outcome == EventOutcome.REFUSED
    settings.PORTAL_URL = "https://portal.example.com"
    assert processing.process_again(the_event(), now=timezone.now()) == EventOutcome.APPLIED


def test_a_refused_event_whose_content_was_applied_as_signed_has_no_second_effect(
    client: Client, recording: Recording
) -> None:
    deliver(client, KEY, ENDED, token=WRONG)
    deliver(client, KEY, ENDED)
    before = everything(Recording, Transcription)
    now = timezone.now()
    recording.account.set_token(WRONG, now=now)
    refused, signed = CallbackEvent.objects.order_by("pk")
    assert processing.process_again(refused, now=now) == EventOutcome.APPLIED
    refused.refresh_from_db()
    assert (refused.trust, refused.outcome) == ("refused", EventOutcome.APPLIED)
    assert str(signed.pk) in str(refused.error)
    assert everything(Recording, Transcription) == before
    assert not CallbackEvent.objects.refused().exists()
    # its nonces are spent all the same
    assert SpentNonce.objects.count() == 4


def test_a_refused_event_whose_content_came_only_as_a_replay_has_its_effect(
    client: Client, recording: Recording
) -> None:
    replayed = fresh_nonces()
    deliver(client, KEY, {"Event": "ping"}, nonces=replayed)
    deliver(client, KEY, ENDED, nonces=replayed)
    deliver(client, KEY, ENDED, token=WRONG)
    now = timezone.now()
    recording.account.set_token(WRONG, now=now)
    refused = CallbackEvent.objects.get(trust="refused")
    assert processing.process_again(refused, now=now) == EventOutcome.APPLIED
    assert fresh(recording).status == RecordingStatus.COMPLETED
    assert not CallbackEvent.objects.exclude(outcome=EventOutcome.APPLIED).exists()


def test_a_refused_event_with_a_nonce_spent_on_other_content_stays_unapplied(
    client: Client, recording: Recording
) -> None:
    nonces = fresh_nonces()
    deliver(client, KEY, SPOKEN, nonces=nonces)
    deliver(client, KEY, ENDED, token=WRONG, nonces=nonces)
    now = timezone.now()
    recording.account.set_token(WRONG, now=now)
    refused = CallbackEvent.objects.latest("pk")
    assert processing.process_again(refused, now=now) == EventOutcome.CONFLICT
    assert processing.process_again(refused, now=now) == EventOutcome.CONFLICT
    assert fresh(recording).status == RecordingStatus.REQUESTED


def test_all_refused_events_of_an_account_are_processed_again_by_one_verb(
    client: Client, recording: Recording
) -> None:
    deliver(client, KEY, ENDED, token=WRONG)
    deliver(client, KEY, SPOKEN, door="transcription", token=WRONG)
    deliver(client, recording.account.callback_key, STOPPED, door="account", token=WRONG)
    deliver(client, KEY, {"a": "b"}, token="yet another")
    now = timezone.now()
    recording.account.set_token(WRONG, now=now)
    counts = processing.process_refused(recording.account, now=now)
    assert counts == {EventOutcome.APPLIED: 3, EventOutcome.REFUSED: 1}
    assert fresh(recording).status == RecordingStatus.COMPLETED
    assert Transcription.objects.get().trust == "signed"


def test_an_unsigned_event_refused_by_policy_is_processed_again_once_the_policy_allows(
    client: Client, recording: Recording
) -> None:
    Account.objects.update(require_signed=True)
    deliver(client, KEY, SPOKEN, headers={})
    now = timezone.now()
    assert processing.process_again(the_event(), now=now) == EventOutcome.REFUSED
    Account.objects.update(require_signed=False)
    assert processing.process_again(the_event(), now=now) == EventOutcome.RECEIVED
    assert (the_event().trust, Transcription.objects.get().trust) == ("unsigned", "unsigned")


def test_an_unreadable_event_is_read_again(client: Client, recording: Recording) -> None:
    headers = signature("recording", KEY)
    path = path_of("recording", KEY)
    post(client, path, encode(ENDED), headers=headers, content_type="application/x-vobiz")
    event = the_event()
    now = timezone.now()
    assert processing.process_again(event, now=now) == EventOutcome.UNPARSED
    # a later release reads this type as a form
    CallbackEvent.objects.update(
        raw_form={**(event.raw_form or {}), "content_type": "application/x-www-form-urlencoded"}
    )
    event.refresh_from_db()
    assert processing.process_again(event, now=now) == EventOutcome.APPLIED
    assert fresh(recording).status == RecordingStatus.COMPLETED
    event.refresh_from_db()
    assert (event.kind, event.raw_body, event.raw_form) == ("recording", None, None)
    assert set(SpentNonce.objects.values_list("content_digest", flat=True)) == {event.content_digest}
    deliver(client, KEY, ENDED, headers=headers)  # the same delivery, tried again by Vobiz
    assert the_event().deliveries == 2


def test_a_refused_event_that_could_not_be_read_is_unreadable_once_it_verifies(
    client: Client, recording: Recording
) -> None:
    headers = {**signature("recording", KEY, token=WRONG), "Content-Encoding": "gzip"}
    post(client, path_of("recording", KEY), b"abc", headers=headers)
    now = timezone.now()
    recording.account.set_token(WRONG, now=now)
    assert processing.process_again(the_event(), now=now) == EventOutcome.UNPARSED
    assert the_event().trust == "signed"


def test_a_contradiction_that_was_cured_is_applied_again(client: Client, recording: Recording) -> None:
    claim_recording_id(recording, "another-recording")
    deliver(client, KEY, ENDED)
    assert the_event().outcome == EventOutcome.CONFLICT
    Recording.objects.update(recording_id=DOCUMENTED)
    assert processing.process_again(the_event(), now=timezone.now()) == EventOutcome.APPLIED
    assert fresh(recording).status == RecordingStatus.COMPLETED


def test_applying_an_applied_event_changes_nothing(client: Client, recording: Recording) -> None:
    deliver(client, KEY, ENDED)
    before = everything(Recording, Transcription, CallbackEvent, but=set())
    later = timezone.now() + timedelta(days=1)
    assert processing.apply(the_event(), now=later) == EventOutcome.APPLIED
    assert everything(Recording, Transcription, CallbackEvent, but=set()) == before


# What somebody has seen is news again once anything becomes of it


def see(event: CallbackEvent, by: User) -> None:
    """`by` marks it as seen."""
    assert CallbackEvent.objects.filter(pk=event.pk).mark_seen(by=by, now=timezone.now()) == [event.pk]
    event.refresh_from_db()


def is_news(event: CallbackEvent) -> bool:
    event.refresh_from_db()
    return (event.seen_at, event.seen_by) == (None, None)


def test_a_seen_refused_event_that_is_a_conflict_by_now_is_news(
    client: Client, recording: Recording, asha: User
) -> None:
    nonces = fresh_nonces()
    deliver(client, KEY, SPOKEN, nonces=nonces)
    deliver(client, KEY, ENDED, token=WRONG, nonces=nonces)
    refused = CallbackEvent.objects.latest("pk")
    see(refused, asha)
    assert processing.process_again(refused, now=timezone.now()) == EventOutcome.REFUSED
    assert not is_news(refused)
    recording.account.set_token(WRONG, now=timezone.now())
    assert processing.process_again(refused, now=timezone.now()) == EventOutcome.CONFLICT
    assert is_news(refused)


def test_a_seen_refused_event_that_is_unreadable_by_now_is_news(
    client: Client, recording: Recording, asha: User
) -> None:
    headers = {**signature("recording", KEY, token=WRONG), "Content-Encoding": "gzip"}
    post(client, path_of("recording", KEY), b"abc", headers=headers)
    event = the_event()
    see(event, asha)
    recording.account.set_token(WRONG, now=timezone.now())
    assert processing.process_again(event, now=timezone.now()) == EventOutcome.UNPARSED
    assert is_news(event)


def test_a_seen_event_whose_content_is_applied_through_another_is_not_seen_any_more(
    client: Client, recording: Recording, asha: User
) -> None:
    replayed = fresh_nonces()
    deliver(client, KEY, {"Event": "ping"}, nonces=replayed)
    deliver(client, KEY, ENDED, nonces=replayed)
    deliver(client, KEY, ENDED, token=WRONG)
    replay, refused = CallbackEvent.objects.exclude(outcome=EventOutcome.APPLIED).order_by("pk")
    see(replay, asha)
    see(refused, asha)
    recording.account.set_token(WRONG, now=timezone.now())
    assert processing.process_again(refused, now=timezone.now()) == EventOutcome.APPLIED
    assert is_news(replay)
    assert is_news(refused)


def test_a_seen_replay_that_comes_again_with_a_nonce_of_its_own_and_cannot_be_read_is_news(
    client: Client, recording: Recording, asha: User
) -> None:
    replayed = fresh_nonces()
    deliver(client, KEY, SPOKEN, nonces=replayed)
    path, gzip = path_of("recording", KEY), {"Content-Encoding": "gzip"}
    post(client, path, b"abc", headers={**signature("recording", KEY, nonces=replayed), **gzip})
    event = CallbackEvent.objects.latest("pk")
    see(event, asha)
    post(client, path, b"abc", headers={**signature("recording", KEY), **gzip})
    assert is_news(event)
    assert event.outcome == EventOutcome.UNPARSED


def test_an_event_that_has_its_effect_while_it_is_marked_is_not_seen(
    client: Client, recording: Recording, asha: User
) -> None:
    for fields in (ENDED, {"a": "b"}):
        deliver(client, KEY, fields, token=WRONG)
    event, other = CallbackEvent.objects.order_by("pk")
    CallbackEvent.objects.filter(pk=other.pk).update(outcome=EventOutcome.FAILED)
    recording.account.set_token(WRONG, now=timezone.now())
    marked = 'UPDATE "recordings_callbackevent" SET "seen_at"'
    with before_statement(marked, lambda: processing.process_again(event, now=timezone.now())):
        assert CallbackEvent.objects.mark_seen(by=asha, now=timezone.now()) == [other.pk]
    assert event.outcome == EventOutcome.APPLIED
    assert is_news(event)
