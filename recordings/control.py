"""VERB: start and stop recordings. The row is committed before Vobiz is asked; a start is never repeated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from recordings.choices import (
    Attention,
    Origin,
    RecordingStatus,
    Source,
    StartAnswer,
    TranscriptionStatus,
)
from recordings.models import Account, Call, Recording, Transcription
from recordings.models.account import new_callback_key
from recordings.models.facts import Facts
from recordings.provider import callback_urls_possible, client_for, explain, public_url
from recordings.vobiz.client import WAITING
from recordings.vobiz.errors import NotConnected, NotFound, Refused, Unreachable, VobizError


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What a start asks for; `time_limit` in seconds, always sent."""

    time_limit: int
    file_format: str
    channels: str
    transcribe: bool = False

    @classmethod
    def of(cls, account: Account) -> StartOptions:
        """The account's defaults."""
        return cls(
            time_limit=account.default_time_limit,
            file_format=account.default_file_format,
            channels=account.default_channels,
            transcribe=account.default_transcribe and callback_urls_possible(),
        )


def start(
    call: Call,
    options: StartOptions,
    *,
    by: User | None,
    now: datetime,
    intent: UUID | None = None,
) -> Recording:
    """Start one recording of a live call, at most once for one `intent`.

    The row that comes back says what happened: active; failed, with why in `error`; or still requested, which
    means that Vobiz's answer was lost and it may be recording. A second start with the same intent sends nothing
    and returns the first's row. Not inside a transaction: the row is committed before Vobiz is asked.
    """
    reachable = callback_urls_possible()
    options = replace(options, transcribe=options.transcribe and reachable)
    recording = _write_down(call, options, by=by, now=now, intent=intent)
    if recording is None:
        first: Recording = Recording.objects.select_related("account", "call").get(intent=intent, call=call)
        return first
    try:
        with client_for(call.account, patience=WAITING) as client:
            answer = client.start_recording(
                call.call_uuid,
                time_limit=options.time_limit,
                file_format=options.file_format,
                channels=options.channels,
                callback_url=_callback_url("recording", recording) if reachable else None,
                transcription_url=_callback_url("transcription", recording) if options.transcribe else None,
            )
    except VobizError as error:
        _settle_refusal(recording, error, now=now)
    else:
        if answer.recording_id is not None:
            recording.take_id(answer.recording_id)
        recording.fill(Facts.from_answer(answer), Source.ANSWER)
        recording.confirm()
    recording.refresh_from_db()
    return recording


def _write_down(
    call: Call, options: StartOptions, *, by: User | None, now: datetime, intent: UUID | None
) -> Recording | None:
    """The row, committed before Vobiz is asked; None where this intent has one already."""
    try:
        with transaction.atomic(durable=True):
            recording = Recording.objects.create(
                account=call.account,
                call=call,
                origin=Origin.PORTAL,
                status=RecordingStatus.REQUESTED,
                callback_key=new_callback_key(),
                callback_base=public_url("") if callback_urls_possible() else None,
                intent=intent,
                requested_by=by,
                requested_at=now,
                happened_at=now,
                time_limit=options.time_limit,
                file_format=options.file_format,
                channels=options.channels,
                transcribe=options.transcribe,
            )
            if options.transcribe:
                Transcription.objects.create(recording=recording)
    except IntegrityError:
        if intent is not None and Recording.objects.filter(intent=intent, call=call).exists():
            return None
        raise
    return recording


def _callback_url(door: str, recording: Recording) -> str:
    return public_url(reverse(f"callbacks:{door}", args=[recording.callback_key]))


def _settle_refusal(recording: Recording, error: VobizError, *, now: datetime) -> None:
    """Vobiz said no, was not reached, or nobody knows."""
    words = explain(error, recording.account)
    if isinstance(error, NotFound) and not error.route_missing:
        recording.call.end(now)
        recording.fail(_("The call is over, so nothing was recorded."), StartAnswer.REFUSED)
    elif isinstance(error, Refused):
        recording.fail(words, StartAnswer.REFUSED)
    elif isinstance(error, Unreachable | NotConnected):
        recording.fail(words, StartAnswer.NOT_SENT)
    else:
        recording.note_unknown(words)
        return
    Transcription.objects.filter(recording=recording, status=TranscriptionStatus.EXPECTED).update(
        status=TranscriptionStatus.MISSING
    )


class StopOutcome(Enum):
    """What became of a stop."""

    SENT = "sent"
    ALREADY_ASKED = "already asked"
    ALREADY_OVER = "already over"
    NO_URL = "no url"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    SET_CHANGED = "set changed"


@dataclass(frozen=True, slots=True)
class StopResult:
    """How a stop ended; `stopped` is how many recordings Vobiz was asked to stop."""

    outcome: StopOutcome
    stopped: int = 0
    error: str | None = None


def stop(recording: Recording, *, by: User | None, now: datetime) -> StopResult:
    """Stop this one recording, by its own URL. Without a URL nothing is sent: Vobiz would stop all of the call."""
    recording.refresh_from_db()
    if not recording.is_open:
        return StopResult(StopOutcome.ALREADY_OVER)
    if not recording.recording_url:
        return StopResult(StopOutcome.NO_URL)
    first = recording.note_stop(by, now=now)
    recording.refresh_from_db()
    if not recording.is_open:
        return StopResult(StopOutcome.ALREADY_OVER)
    if not first and recording.needs_attention != Attention.STOP_UNCONFIRMED:
        return StopResult(StopOutcome.ALREADY_ASKED)
    try:
        with client_for(recording.account, patience=WAITING) as client:
            client.stop_recording(recording.call.call_uuid, url=recording.recording_url)
    except VobizError as error:
        asked = [recording] if first else []
        return _settle_stop([recording], recording.call, error, asked=asked, now=now)
    recording.clear(Attention.STOP_UNCONFIRMED)
    return StopResult(StopOutcome.SENT, stopped=1)


def stop_all(
    call: Call, *, by: User | None, now: datetime, expected: frozenset[int] | None = None
) -> StopResult:
    """Stop every recording of a call, also those that were not started here: one request without a URL.

    `expected` holds the primary keys the person was shown; if others run by now, nothing is sent.
    """
    running: list[Recording] = list(call.open_recordings())
    if expected is not None and frozenset(row.pk for row in running) != expected:
        return StopResult(StopOutcome.SET_CHANGED)
    asked = [row for row in running if row.note_stop(by, now=now)]
    try:
        with client_for(call.account, patience=WAITING) as client:
            client.stop_all_recordings(call.call_uuid)
    except VobizError as error:
        return _settle_stop(running, call, error, asked=asked, now=now)
    for row in running:
        row.clear(Attention.STOP_UNCONFIRMED)
    return StopResult(StopOutcome.SENT, stopped=len(running))


def _settle_stop(
    rows: list[Recording], call: Call, error: VobizError, *, asked: list[Recording], now: datetime
) -> StopResult:
    """404: the call is over and so are its recordings. Not heard: it may be asked again. Lost: unconfirmed.

    `asked` are the rows whose stop was noted for this request: who asked before this did so all the same.
    """
    words = explain(error, call.account)
    if isinstance(error, NotFound) and not error.route_missing:
        call.end(now)
        for row in rows:
            if row.recording_id is not None:
                row.make_read_back_due(now)
        return StopResult(StopOutcome.ALREADY_OVER)
    if isinstance(error, Refused | Unreachable | NotConnected):
        for row in asked:
            row.withdraw_stop()
        return StopResult(StopOutcome.FAILED, error=words)
    for row in rows:
        row.flag(Attention.STOP_UNCONFIRMED)
    return StopResult(StopOutcome.UNCONFIRMED, error=words)
