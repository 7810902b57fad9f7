"""Start and stop recordings. The row is committed before Vobiz is asked; a start is never repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from recordings.choices import (
    Attention,
    Origin,
    RecordingStatus,
    StartAnswer,
    TranscriptionStatus,
)
from recordings.models import Account, Call, Recording, Transcription, record_start_accepted
from recordings.models.account import new_callback_key
from recordings.models.recording.model import StopRequest
from recordings.provider import callback_urls_possible, client_for, explain, public_url
from recordings.vobiz.client import INTERACTIVE, VobizClient
from recordings.vobiz.errors import (
    NotConnectedError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
    UnreachableError,
    VobizError,
)
from recordings.vobiz.objects import StartAnswer as Answer
from recordings.vobiz.wire import one_line

PARALLEL_STARTS = 10
START_PERIODS = {"minute": timedelta(minutes=1), "day": timedelta(days=1)}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What a start asks for; `time_limit` in seconds, always sent."""

    time_limit: int
    file_format: str
    channels: str
    transcribe: bool = False

    @classmethod
    def of(cls, account: Account) -> StartOptions:
        """Return the account's defaults."""
        return cls(
            time_limit=account.default_time_limit,
            file_format=account.default_file_format,
            channels=account.default_channels,
            transcribe=account.default_transcribe and callback_urls_possible(),
        )


class ConcurrentRecordingsError(Exception):
    """Other recordings of the call are running, which the person had not been shown. Nothing was sent."""

    def __init__(self, call: Call, began: list[Recording]) -> None:
        super().__init__(f"{len(began)} recordings of {call.call_uuid} began meanwhile")
        self.call, self.began = call, began


class StartLimitError(Exception):
    """So many recordings were started that the settings allow no more for now; `str()` says which limit. Not sent."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """One start.

    `idempotency_key`: at most one recording for each (column `intent`). `expected`: the primary keys of the running
    recordings that the person was shown.
    """

    call: Call
    options: StartOptions
    idempotency_key: UUID | None = None
    expected: frozenset[int] | None = None


def start(
    call: Call,
    options: StartOptions,
    *,
    by: User | None,
    now: datetime,
    idempotency_key: UUID | None = None,
    expected: frozenset[int] | None = None,
) -> Recording:
    """Start one recording of a live call, at most once for one `idempotency_key`.

    The row that comes back says what happened: active; failed, with why in `error`; or still requested, which
    means that Vobiz's answer was lost and it may be recording. A second start with the same key sends nothing
    and returns the first's row. Not inside a transaction: the row is committed before Vobiz is asked.

    `expected` holds the primary keys of the running recordings the person was shown. Raise ConcurrentRecordingsError,
    and send nothing, where another runs by now; and StartLimitError where a limit of the settings is reached.
    """
    outcome = start_many([StartRequest(call, options, idempotency_key, expected)], by=by, now=now)[0]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def start_many(
    requests: Sequence[StartRequest], *, by: User | None, now: datetime
) -> list[Recording | ConcurrentRecordingsError | StartLimitError]:
    """Start several, in their order. All rows are committed first, then the requests are sent in parallel."""
    outcomes: list[Recording | ConcurrentRecordingsError | StartLimitError] = []
    new: list[Recording] = []
    for request in requests:
        try:
            recording = _create_row(request, by=by, now=now)
        except (ConcurrentRecordingsError, StartLimitError) as refusal:
            outcomes.append(refusal)
            continue
        if recording is None:
            known = Recording.objects.select_related("account", "call", "requested_by")
            recording = known.get(intent=request.idempotency_key, call=request.call)
        else:
            new.append(recording)
        outcomes.append(recording)
    _send_requests(new, now=now)
    return outcomes


def _create_row(request: StartRequest, *, by: User | None, now: datetime) -> Recording | None:
    """Commit the row before Vobiz is asked; return None where this idempotency key has one already."""
    call, reachable = request.call, callback_urls_possible()
    key = request.idempotency_key
    transcribe = request.options.transcribe and reachable
    try:
        with transaction.atomic(durable=True):
            if _is_repeat(request, by, now=now):
                return None
            _check_expected(call, request.expected)
            recording = Recording.objects.create(
                account=call.account,
                call=call,
                origin=Origin.PORTAL,
                status=RecordingStatus.REQUESTED,
                callback_key=new_callback_key(),
                callback_base=public_url("") if reachable else None,
                intent=key,
                requested_by=by,
                requested_at=now,
                happened_at=now,
                time_limit=request.options.time_limit,
                file_format=request.options.file_format,
                channels=request.options.channels,
                transcribe=transcribe,
            )
            if transcribe:
                Transcription.objects.create(recording=recording)
    except IntegrityError:
        if key is not None and Recording.objects.filter(intent=key, call=call).exists():
            return None
        raise
    return recording


def _is_repeat(request: StartRequest, by: User | None, *, now: datetime) -> bool:
    """Return whether this idempotency key has a recording. Raise StartLimitError if one more is too many.

    Every start that was asked for counts, whatever became of it; a command counts for its account only. What is locked
    stays so until the row is committed, so starts at the same moment cannot all take the last place.
    """
    account = request.call.account
    account.lock_family()
    whose = {"account": Q(account=account)}
    if by is not None:
        list(User.objects.order_by().filter(pk=by.pk).select_for_update(no_key=True).values_list("pk"))
        whose["user"] = Q(requested_by=by)
    limits = [(name, period) for name in whose for period in START_PERIODS]
    counts = {
        f"{name}_{period}": Count("pk", filter=whose[name] & Q(requested_at__gt=now - START_PERIODS[period]))
        for name, period in limits
    }
    rows = Q(requested_at__gt=now - START_PERIODS["day"])
    if (key := request.idempotency_key) is not None:
        rows |= Q(intent=key)
        counts["repeats"] = Count("pk", filter=Q(intent=key, call=request.call))
    found = Recording.objects.order_by().filter(rows).aggregate(**counts)
    if found.get("repeats"):
        return True
    for name, period in limits:
        limit = getattr(settings, f"STARTS_PER_{name}_{period}".upper())
        if found[f"{name}_{period}"] >= limit:
            raise StartLimitError(_limit_words(name, period) % limit)
    return False


def _limit_words(name: str, period: str) -> str:
    """Return which limit is reached, with a place for its number."""
    return {
        ("user", "minute"): _(
            "One person may start %d recordings a minute, and you have. Nothing was sent; try again in a minute."
        ),
        ("user", "day"): _(
            "One person may start %d recordings within 24 hours, and you have. Nothing was sent; ask an administrator."
        ),
        ("account", "minute"): _(
            "%d recordings a minute may be started for one account, and were. Nothing was sent; try again in a minute."
        ),
        ("account", "day"): _(
            "%d recordings within 24 hours may be started for one account, and were. Nothing was sent; ask an"
            " administrator."
        ),
    }[name, period]


def _check_expected(call: Call, expected: frozenset[int] | None) -> None:
    """Raise ConcurrentRecordingsError if others run than those. The call's lock holds until the row is committed."""
    if expected is None:
        return
    Call.objects.select_for_update().only("pk").get(pk=call.pk)
    running = call.open_recordings().select_related("requested_by")
    if began := [row for row in running if row.pk not in expected]:
        raise ConcurrentRecordingsError(call, began)


def _send_requests(rows: list[Recording], *, now: datetime) -> None:
    """Ask Vobiz for each once, and write down what it answered. Only the asking is done in threads."""
    pending: list[tuple[Recording, Future[Answer]]] = []
    clients: dict[int, VobizClient] = {}
    with ExitStack() as opened, ThreadPoolExecutor(PARALLEL_STARTS) as pool:
        for row in rows:
            try:
                call_uuid = _uuid_of(row.call)
                if row.account.pk not in clients:
                    client = client_for(row.account, retry_policy=INTERACTIVE)
                    clients[row.account.pk] = opened.enter_context(client)
            except VobizError as error:
                _store_refusal(row, error, now=now)
                continue
            ask = partial(
                clients[row.account.pk].start_recording,
                call_uuid,
                time_limit=row.time_limit or 0,
                file_format=row.file_format or "",
                channels=row.channels or "",
                callback_url=_callback_url("recording", row) if row.callback_base is not None else None,
                transcription_url=_callback_url("transcription", row) if row.transcribe else None,
            )
            pending.append((row, pool.submit(ask)))
        troubles = [_store_answer(row, future, now=now) for row, future in pending]
    for row in rows:
        row.refresh_from_db()
    for trouble in filter(None, troubles):
        raise trouble


def _store_answer(recording: Recording, pending: Future[Answer], *, now: datetime) -> Exception | None:
    """Store one answer; return what prevented that, to be raised after the others are stored."""
    try:
        try:
            answer = pending.result()
        except VobizError as error:
            _store_refusal(recording, error, now=now)
        else:
            record_start_accepted(recording, answer)
    except Exception as trouble:
        logger.exception("the answer to the start of recording %s was not written down", recording.pk)
        return trouble
    return None


def _callback_url(endpoint: str, recording: Recording) -> str:
    return public_url(reverse(f"callbacks:{endpoint}", args=[recording.callback_key]))


def _store_refusal(recording: Recording, error: VobizError, *, now: datetime) -> None:
    """Store why no recording was started, or that nobody knows whether one was."""
    message = explain(error, recording.account)
    if isinstance(error, NotFoundError):
        recording.call.end(now)
        recording.fail(_("The call is over, so nothing was recorded."), StartAnswer.REFUSED)
    elif isinstance(error, RefusedError):
        recording.fail(message, StartAnswer.REFUSED)
    elif isinstance(error, UnreachableError | NotConnectedError):
        recording.fail(message, StartAnswer.NOT_SENT)
    else:
        recording.mark_unconfirmed(message)
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
    before = recording.stop_request
    first = recording.request_stop(by, now=now)
    recording.refresh_from_db()
    if not recording.is_open:
        return StopResult(StopOutcome.ALREADY_OVER)
    if not first and recording.needs_attention != Attention.STOP_UNCONFIRMED:
        return StopResult(StopOutcome.ALREADY_ASKED)
    try:
        with client_for(recording.account, retry_policy=INTERACTIVE) as client:
            call_uuid = _uuid_of(recording.call)
            send = partial(client.stop_recording, call_uuid, url=recording.recording_url)
            _send_stop(send, client, call_uuid)
    except VobizError as error:
        requested = [(recording, before)] if first else []
        return _handle_stop_error([recording], recording.call, error, requested=requested, now=now)
    recording.clear_attention(Attention.STOP_UNCONFIRMED)
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
    requested = [(row, row.stop_request) for row in running if row.request_stop(by, now=now)]
    try:
        with client_for(call.account, retry_policy=INTERACTIVE) as client:
            call_uuid = _uuid_of(call)
            _send_stop(partial(client.stop_all_recordings, call_uuid), client, call_uuid)
    except VobizError as error:
        return _handle_stop_error(running, call, error, requested=requested, now=now)
    for row in running:
        row.clear_attention(Attention.STOP_UNCONFIRMED)
    return StopResult(StopOutcome.SENT, stopped=len(running))


def _send_stop(send: Callable[[], None], client: VobizClient, call_uuid: str) -> None:
    """Ask Vobiz to stop; believe a 404 only where the call is over too. Raises OutcomeUnknownError where it is not."""
    try:
        send()
    except NotFoundError as error:
        try:
            client.retrieve_live_call(call_uuid)
        except NotFoundError:
            raise error from None
        except VobizError as unknown:
            raise OutcomeUnknownError(unknown.message) from unknown
        raise OutcomeUnknownError(_("Vobiz did not find it, but the call continues.")) from error


def _uuid_of(call: Call) -> str:
    """Return the UUID for a path. Raises NotConnectedError for a call that Vobiz names none of: nothing is sent."""
    if call.call_uuid is not None:
        return call.call_uuid
    if call.call_uuid_text is None:
        raise NotConnectedError(_("Vobiz names no UUID for this call, so it cannot be asked to do this."))
    raise NotConnectedError(
        _(
            "Vobiz names this call “%s”, which is not an id as it gives them, so it cannot be asked to do this."
        )
        % one_line(call.call_uuid_text)
    )


def _handle_stop_error(
    rows: list[Recording],
    call: Call,
    error: VobizError,
    *,
    requested: list[tuple[Recording, StopRequest]],
    now: datetime,
) -> StopResult:
    """Store why a stop failed. 404: the call has ended. Not sent: it may be repeated. Answer lost: unconfirmed.

    `requested` are the rows whose stop was noted for this request, each with who had asked before: he did so all the
    same.
    """
    message = explain(error, call.account)
    if isinstance(error, NotFoundError):
        call.end(now)
        for row in rows:
            if row.recording_id is not None:
                row.schedule_read_back(now)
        return StopResult(StopOutcome.ALREADY_OVER)
    if isinstance(error, RefusedError | UnreachableError | NotConnectedError):
        for row, before in requested:
            row.withdraw_stop(now, back_to=before)
        return StopResult(StopOutcome.FAILED, error=message)
    # one that a callback has ended meanwhile needs nobody
    running = [row for row in rows if row.mark_stop_unconfirmed()]
    if not running:
        return StopResult(StopOutcome.ALREADY_OVER)
    return StopResult(StopOutcome.UNCONFIRMED, error=message)
