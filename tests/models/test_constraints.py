"""Every rule the database guards, tried to be broken by a plain UPDATE or INSERT, past all of our own code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.forms import model_to_dict

from recordings.choices import EventOutcome, Origin, RecordingStatus, SyncState, Trust
from recordings.models import (
    AccessEvent,
    Account,
    Alert,
    AlertChoice,
    AlertMessage,
    AlertWebhook,
    Call,
    CallbackEvent,
    OutgoingEvent,
    Preference,
    Recording,
    SavedView,
    SpentNonce,
    SyncRun,
    Transcription,
    Waveform,
    Worker,
)
from tests.conftest import NOW, OTHER


def make(account: Account, at: datetime = NOW) -> dict[type[models.Model], models.Model]:
    """One good row of everything."""
    call = Call.objects.create(account=account, call_uuid="call-1")
    recording = Recording.objects.create(
        account=account, call=call, recording_id="rec-1", origin=Origin.PORTAL, status=RecordingStatus.ACTIVE,
        callback_key="key-1", intent="11111111-1111-4111-8111-111111111111", requested_at=at, time_limit=60,
        happened_at=at,
    )  # fmt: skip
    transcription = Transcription.objects.create(recording=recording)
    event = CallbackEvent.objects.create(
        account=account, recording=recording, door="recording", key_digest="k", content_digest="c",
        outcome=EventOutcome.APPLIED, trust=Trust.SIGNED, received_at=at,
    )  # fmt: skip
    nonce = SpentNonce.objects.create(key_digest="k", nonce="1", content_digest="c")
    run = SyncRun.objects.create(account=account, started_at=at, lease_until=at)
    preference = Preference.objects.create(user=User.objects.create(username="chooser"), time_zone="UTC")
    access = AccessEvent.objects.create(
        at=at, action="play", result="ok", user_pk=1, username="listener", account_auth_id=account.auth_id,
        recording_pk=recording.pk, play_id="play-1",
    )  # fmt: skip
    waveform = Waveform.objects.create(recording=recording, channels=1, points=b"\x00\xff")
    worker = Worker.objects.create(name="worker-1", started_at=at, heard_at=at)
    view = SavedView.objects.create(user=preference.user, name="Mumbai", query="kept=at_risk")
    alert = Alert.objects.create(code="no_worker", cause="c", cure="c", url="/", opened_at=at, seen_at=at)
    choice = AlertChoice.objects.create(user=preference.user)
    message = AlertMessage.objects.create(alert=alert, kind="started", user=preference.user, created_at=at)
    hook, _secret = AlertWebhook.create(account, "https://hooks.example.com/", "standard")
    told = OutgoingEvent.objects.create(
        account=account, webhook=hook, kind="recording.started", recording_pk=recording.pk, recording_id="rec-1",
        at=at, created_at=at,
    )  # fmt: skip
    rows = (
        account, call, recording, transcription, event, nonce, run, preference, view, access, waveform, worker,
        alert, choice, message, hook, told,
    )  # fmt: skip
    return {type(row): row for row in rows}


CHECKS: dict[str, tuple[type[models.Model], list[dict[str, object]]]] = {
    "account_default_time_limit": (Account, [{"default_time_limit": 0}, {"default_time_limit": 28_801}]),
    "account_default_file_format": (Account, [{"default_file_format": "ogg"}]),
    "account_default_channels": (Account, [{"default_channels": "5.1"}]),
    "account_retention_days": (Account, [{"retention_days": 0}]),
    "account_not_its_own_parent": (Account, [{"parent": models.F("pk")}]),
    "call_uuid_or_text": (Call, [{"call_uuid_text": "sent"}]),
    "call_text_unknown_is_null": (Call, [{"call_uuid": None, "call_uuid_text": ""}]),
    "call_state": (Call, [{"state": "busy"}, {"state": ""}]),
    "call_direction": (Call, [{"direction": "sideways"}, {"direction": ""}]),
    "call_unknown_is_null": (Call, [{"call_uuid": ""}, {"from_number": ""}, {"to_number": ""}]),
    "recording_status": (Recording, [{"status": "paused"}, {"status": ""}]),
    "recording_origin": (Recording, [{"origin": "guessed"}]),
    "recording_start_answer": (Recording, [{"start_answer": "maybe"}]),
    "recording_channels": (Recording, [{"channels": "5.1"}, {"channels": ""}]),
    "recording_needs_attention": (Recording, [{"needs_attention": "boredom"}, {"needs_attention": ""}]),
    "recording_time_limit": (Recording, [{"time_limit": 0}, {"time_limit": 28_801}]),
    "recording_archive_flag": (Recording, [{"archive_flag": "odd"}, {"archive_flag": ""}]),
    "recording_archived_is_whole": (
        Recording,
        [
            {"archived_at": NOW},
            *(
                {"archived_at": NOW, "audio": "a", "audio_sha256": "b", "audio_bytes": 1, "container": "mp3"}
                | {lacking: None}
                for lacking in ("audio", "audio_sha256", "audio_bytes", "container")
            ),
            {"archived_at": NOW, "audio": "a", "audio_sha256": "b", "audio_bytes": 0, "container": "mp3"},
        ],
    ),
    "recording_requested_with_key_and_limit": (
        Recording,
        [{"requested_at": None}, {"callback_key": None}, {"time_limit": None}],
    ),
    "recording_known_by_request_or_id": (
        Recording,
        [{"requested_at": None, "callback_key": None, "recording_id": None}],
    ),
    "recording_unknown_is_null": (
        Recording,
        [
            {name: ""}
            for name in (
                "recording_id",
                "callback_key",
                "api_id",
                "recording_url",
                "kind",
                "file_format",
                "conference_name",
            )
        ],
    ),
    "transcription_status": (Transcription, [{"status": "lost"}]),
    "transcription_trust": (Transcription, [{"trust": "refused"}, {"trust": ""}]),
    "transcription_completed_has_text": (Transcription, [{"status": "completed"}]),
    "transcription_text_has_tokens": (Transcription, [{"text": "hello", "tokens": None}]),
    "callbackevent_kind": (CallbackEvent, [{"kind": "video"}]),
    "callbackevent_outcome": (CallbackEvent, [{"outcome": "lost"}]),
    "callbackevent_trust": (CallbackEvent, [{"trust": "blind"}]),
    "callbackevent_scheme": (CallbackEvent, [{"scheme": "v1"}]),
    "accessevent_action": (AccessEvent, [{"action": "sung"}, {"action": ""}]),
    "accessevent_result": (AccessEvent, [{"result": "perhaps"}, {"result": ""}]),
    "alert_code": (Alert, [{"code": "boredom"}]),
    "alertchoice_digest": (AlertChoice, [{"digest": "hourly"}]),
    "alertmessage_kind": (AlertMessage, [{"kind": "sung"}]),
    "alertwebhook_form": (AlertWebhook, [{"form": "fax"}]),
    "alertmessage_unknown_is_null": (AlertMessage, [{"address": ""}, {"text": ""}, {"error": ""}]),
    "alertwebhook_events_since": (AlertWebhook, [{"events": "recording.started", "events_since": None}]),
    "outgoingevent_kind": (OutgoingEvent, [{"kind": "recording.sung"}]),
    "syncrun_state": (SyncRun, [{"state": "tired", "ended_at": NOW}]),
    "syncrun_ended_when_not_running": (SyncRun, [{"state": SyncState.PARTIAL}, {"ended_at": NOW}]),
    "syncrun_complete_only_when_complete": (SyncRun, [{"complete": True}]),
}
COPIES: dict[str, tuple[type[models.Model], dict[str, object]]] = {
    "call_once_an_account": (Call, {}),
    "call_once_each_text": (Call, {"call_uuid": None, "call_uuid_text": "sent@10.0.0.1"}),
    "callbackevent_once_each_content": (CallbackEvent, {}),
    "spentnonce_once": (SpentNonce, {}),
    "syncrun_one_running_an_account": (SyncRun, {}),
    "account.auth_id": (Account, {"callback_key": "another"}),
    "account.callback_key": (Account, {"auth_id": OTHER}),
    "recording.recording_id": (Recording, {"callback_key": "key-2", "intent": None}),
    "recording.callback_key": (Recording, {"recording_id": "rec-2", "intent": None}),
    "recording.intent": (Recording, {"recording_id": "rec-2", "callback_key": "key-2"}),
    "transcription.recording": (Transcription, {}),
    "preference.user": (Preference, {}),
    "savedview_name": (SavedView, {}),
    "accessevent.play_id": (AccessEvent, {}),
    "waveform.recording": (Waveform, {}),
    "worker.name": (Worker, {}),
    "alert_of_portal": (Alert, {}),
    "alert_of_account": (Alert, {}),
    "alertchoice.user": (AlertChoice, {}),
    "alertmessage_once_a_person": (AlertMessage, {}),
    "alertmessage_once_a_webhook": (AlertMessage, {"user": None}),
    "alertmessage_once_an_address": (AlertMessage, {"user": None, "address": "ops@example.com"}),
    "outgoingevent_once_a_row": (OutgoingEvent, {"recording_id": "rec-2"}),
    "outgoingevent_once_a_recording": (OutgoingEvent, {"recording_pk": 10**9}),
}


def test_every_rule_of_every_table_is_tried_here() -> None:
    rules = set()
    for model in apps.get_app_config("recordings").get_models():
        rules |= {constraint.name for constraint in model._meta.constraints}
        rules |= {
            f"{model._meta.model_name}.{field.name}"
            for field in model._meta.concrete_fields
            if field.unique and not field.primary_key
        }
    assert rules == CHECKS.keys() | COPIES.keys()


@pytest.mark.parametrize(
    ("rule", "change"), [(rule, change) for rule, (_, changes) in CHECKS.items() for change in changes]
)
def test_a_row_that_breaks_a_check_is_refused(account: Account, rule: str, change: dict[str, object]) -> None:
    model = CHECKS[rule][0]
    row = make(account)[model]
    if model is AccessEvent:  # no UPDATE of one gets as far as its checks
        values = {**model_to_dict(row), "at": NOW, "play_id": None, "id": None, **change}
        assert rule in refused(lambda: model._default_manager.create(**values))
        return
    assert rule in refused(lambda: model._default_manager.filter(pk=row.pk).update(**change))


@pytest.mark.parametrize("rule", COPIES)
def test_a_second_row_of_what_there_is_once_is_refused(account: Account, rule: str) -> None:
    model, differing = COPIES[rule]
    copy = make(account)[model]
    if rule == "call_once_each_text":  # a good row has a UUID, and so no text
        Call.objects.create(account=account, **differing)
    if rule == "alert_of_account":
        differing = {"account": account}
    if rule == "alertmessage_once_a_webhook":
        differing = {"user": None, "webhook": AlertWebhook.objects.get()}
    if rule in {
        "alert_of_account",
        "alertmessage_once_a_webhook",
        "alertmessage_once_an_address",
    }:  # a good row is of the other kind
        model._default_manager.update(**differing)
    copy.pk = None
    for name, value in differing.items():
        setattr(copy, name, value)
    assert "unique" in refused(lambda: copy.save(force_insert=True)).lower()


def test_a_row_with_history_is_not_deleted(account: Account) -> None:
    rows = make(account)
    for model in (Account, Call, Recording):
        with pytest.raises(models.ProtectedError):
            rows[model].delete()


def refused(write: Callable[[], object]) -> str:
    """The database's words when it refused; empty when it did not."""
    try:
        with transaction.atomic():
            write()
    except IntegrityError as error:
        return str(error)
    return ""
