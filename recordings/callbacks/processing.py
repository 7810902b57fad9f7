"""Applying deliveries to recordings and transcripts; and processing stored ones again.

A signature covers the path, not the content: even a signed delivery only fills what the API has not said, an unsigned
one moves nothing, and either way the API is asked about the recording afterwards. Nothing here sends a request.

Lock order, the same everywhere: account family, recordings (by key), nonces, transcript. Whoever locks an event that
exists and a recording holds the family lock first.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime

from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from recordings.bulk_insert import insert_rows
from recordings.callbacks.body import RawBody, decode_body
from recordings.callbacks.deliveries import (
    FINAL,
    BudgetSpentError,
    Delivery,
    body_verdicts,
    count_only,
    find_event,
    first_outcome,
    is_full,
    is_recording_full,
    is_replay,
    new_event,
    record_repeat,
    replay_words,
    spend_new_nonces,
    spend_nonces,
)
from recordings.callbacks.endpoints import CallbackEndpoint
from recordings.callbacks.failures import log_failure, reading_again, words_for
from recordings.callbacks.payload import CallbackPayload, parse_payload
from recordings.choices import (
    Attention,
    EventKind,
    EventOutcome,
    RecordingStatus,
    Source,
    StartAnswer,
    Trust,
)
from recordings.models import Account, CallbackEvent, LockedRecording, Recording, SpentNonce, Transcription
from recordings.models.callback_event import NOT_APPLIED, OUTCOME
from recordings.models.transcription import ARRIVED, AWAITED, store_transcript
from recordings.vobiz.signature import Verdict, verify

logger = logging.getLogger(__name__)

REFUSED_AT_ONCE = 500  # processed again by one press of the button: some seconds


class ApplyError(Exception):
    """Applying an event failed; `__cause__` is why. The delivery itself is to be stored all the same."""


def receive(delivery: Delivery) -> CallbackEvent | None:
    """Store an admitted delivery and apply it, with one commit. Return its event, None if there was nothing to apply.

    The first transaction takes the delivery for new, as nearly all are, and lets the unique constraints of nonces and
    content object. If one does, or applying fails, it is rolled back, and the second looks for what is there already:
    a retry, a replay, a recording id that another transaction has just stored, the row lock that a deadlock took from
    it. What cannot be applied then either is rolled back too, and stored with the reason by the third, to be applied
    later. An error of the database while storing is raised: the sender is to try again. Raises BudgetSpentError for
    an unsigned delivery beyond what is stored of those; it is counted.
    """
    try:
        with transaction.atomic():
            return _store_new(delivery)
    except (IntegrityError, ApplyError, BudgetSpentError):
        pass
    try:
        with transaction.atomic():
            return _store(delivery)
    except BudgetSpentError:
        count_only(delivery.endpoint, now=delivery.received_at)
        raise
    except ApplyError as error:
        failure = error.__cause__ or error
    with transaction.atomic():
        event = _store(delivery, failure=failure)
    if event is not None:
        log_failure(event, failure)
    return event


def apply(event: CallbackEvent, *, now: datetime, read_back: bool = False) -> EventOutcome:
    """Apply a stored event that is not applied yet, once, in one transaction; return its outcome.

    Whatever goes wrong is stored on the event, which stays as it was to be tried again; after 8 tries it is failed.
    `read_back`: the API has just been asked about the recording, so that needs not be done again.
    """
    try:
        with transaction.atomic():
            event.account.lock_family()
            held = _locked(event)
            if held.outcome in NOT_APPLIED:
                payload = parse_payload(held.payload, held.door)
                _apply(held, payload, _find_and_lock_recording(held, payload), now=now, read_back=read_back)
                held.save(update_fields=[*OUTCOME, "error", "processed_at", "recording"])
            outcome = EventOutcome(held.outcome)
    except Exception as error:  # noqa: BLE001 - stored on the event, whatever it is
        outcome = _store_failure(event, error.__cause__ or error if isinstance(error, ApplyError) else error)
    event.outcome = outcome
    return outcome


def process_again(event: CallbackEvent, *, now: datetime) -> EventOutcome:
    """Process a stored event again: verify a refused one, decode an unreadable one, apply the others.

    An applied event, one whose nonce was spent on other content, and one that cannot be read stay what they are.
    """
    given = event
    with reading_again(event):
        if event.outcome == EventOutcome.REFUSED:
            event = _verify_again(event, now=now)
        if event.outcome == EventOutcome.UNPARSED:
            event = _decode_again(event) if event.is_unreadable else _reopen(event)
        if event.outcome == EventOutcome.CONFLICT:
            event = _reopen_conflict(event)
        if event.outcome in NOT_APPLIED:
            apply(event, now=now)
    given.refresh_from_db()
    return EventOutcome(given.outcome)


def named_recording(event: CallbackEvent) -> str | None:
    """Return the recording id an event names, None where it names none that could be one, or cannot be read."""
    with reading_again(event):
        return parse_payload(event.payload, event.door).recording_id
    return None


def process_refused(account: Account, *, now: datetime) -> Counter[EventOutcome]:
    """Process refused events of an account again, REFUSED_AT_ONCE at most; count them by outcome.

    Those tried least often go first, so that pressing the button again reaches the others.
    """
    found = CallbackEvent.objects.refused().filter(account=account).order_by("attempts", "received_at", "pk")
    outcomes: Counter[EventOutcome] = Counter()
    for pk in list(found.values_list("pk", flat=True)[:REFUSED_AT_ONCE]):
        event = CallbackEvent.objects.select_related("account__parent").get(pk=pk)
        outcome = process_again(event, now=now)
        if outcome == EventOutcome.REFUSED:
            CallbackEvent.objects.filter(pk=pk).update(attempts=F("attempts") + 1)
        outcomes[outcome] += 1
    return outcomes


# Storing and applying, inside the caller's transaction


def _store_new(delivery: Delivery) -> CallbackEvent | None:
    """Store and apply a delivery that is taken for new. Raises IntegrityError where it is not.

    The family is locked only where another row may be touched: to claim an id, which a sync may have stored first,
    and to find the recording that an account's callback names. Other deliveries of one family do not wait.
    """
    endpoint, payload = delivery.endpoint, delivery.payload
    event = new_event(delivery, first_outcome(delivery, replay=False))
    recording = endpoint.recording
    if recording is None or (recording.recording_id is None and payload.recording_id is not None):
        endpoint.account.lock_family()
    locked = _find_and_lock_recording(event, payload)
    if delivery.trust == Trust.SIGNED:
        spend_new_nonces(delivery)
    elif is_full(delivery, _row_of(locked)):
        raise BudgetSpentError
    if event.outcome not in FINAL:
        _apply(event, payload, locked, now=delivery.received_at)
    insert_rows([event])
    return None if delivery.content.problem else event


def _store(delivery: Delivery, *, failure: BaseException | None = None) -> CallbackEvent | None:
    """Store a delivery whose content or nonces may be there already, and apply it if that is still to be done.

    `failure`: applying it was tried and failed with this, so that is stored instead.
    """
    endpoint = delivery.endpoint
    endpoint.account.lock_family()
    event = new_event(delivery, EventOutcome.RECEIVED)
    locked = _find_and_lock_recording(event, delivery.payload)
    replay = delivery.trust == Trust.SIGNED and not spend_nonces(
        endpoint.key_digest, delivery.verdict.nonces, delivery.content.digest
    )
    found = find_event(delivery)
    if found is not None:
        event = found
        record_repeat(event, delivery, reopen=not replay)
    elif replay and is_full(delivery, endpoint.recording):
        count_only(endpoint, now=delivery.received_at)
        return None
    elif delivery.trust != Trust.SIGNED and is_full(delivery, _row_of(locked)):
        raise BudgetSpentError
    else:
        event = new_event(delivery, first_outcome(delivery, replay=replay))
    is_due = not replay and event.outcome not in FINAL
    if is_due and failure is not None:
        event.record_failed_attempt(words_for(failure))
    elif is_due:
        _apply(event, delivery.payload, locked, now=delivery.received_at)
    event.save()
    return event if is_due else None


def _find_and_lock_recording(event: CallbackEvent, payload: CallbackPayload) -> LockedRecording | None:
    """Find and lock the recording that an event is about, and the row whose id it may claim; None without one."""
    if event.door != "account":
        if event.recording_id is None:
            return None
        # An id that is known already is not claimed, so the row of another id is left alone.
        claimed = None if event.recording and event.recording.recording_id else payload.recording_id
        return LockedRecording.lock(event.recording_id, recording_id=claimed)
    rows = Recording.objects.locked().order_by()
    rows = rows.filter(account__in=event.account.family().order_by().values("pk"))
    if payload.recording_id is not None:
        rows = rows.filter(recording_id=payload.recording_id)
    elif payload.brings_transcript and payload.call_uuid is not None:
        rows = rows.filter(call__call_uuid=payload.call_uuid, transcription__status__in=AWAITED)
    else:
        return None
    # Of several recordings of one call, nothing tells whose transcript it is.
    found = list(rows[:2])
    return LockedRecording(found[0]) if len(found) == 1 else None


def _row_of(locked: LockedRecording | None) -> Recording | None:
    return None if locked is None else locked.row


def _apply(
    event: CallbackEvent,
    payload: CallbackPayload,
    locked: LockedRecording | None,
    *,
    now: datetime,
    read_back: bool = False,
) -> None:
    """Let an event have its effect, and set on it what became of it; the caller saves the event.

    `processed_at` says since when it has had all the effect it may have.
    """
    try:
        outcome, words = _effect(event, payload, locked, due_at=None if read_back else now)
        if locked is not None:
            # Only while an unsigned one waits is its request among those that anyone may cause, which have a budget.
            if outcome == EventOutcome.RECEIVED and not read_back:
                locked.schedule_read_back(now)
            locked.save()
    except Exception as error:
        raise ApplyError from error
    if outcome == EventOutcome.RECEIVED and read_back:
        outcome = EventOutcome.APPLIED
    if outcome != EventOutcome.UNMATCHED or event.outcome != outcome:  # unmatched as before is no news
        event.set_outcome(outcome)
    event.error = words
    event.processed_at = None if outcome == EventOutcome.UNMATCHED else now


def _effect(
    event: CallbackEvent, payload: CallbackPayload, locked: LockedRecording | None, *, due_at: datetime | None
) -> tuple[EventOutcome, str | None]:
    """Change the recording as far as this event may; return what becomes of the event, and why in words.

    An unsigned event stays *received* until the API was asked. After a signed one that is at `due_at`, if not None.
    """
    if event.door == "account":
        outcome = _match_recording(event, payload, locked)
        if outcome is not None:
            return outcome
    if locked is None:
        return EventOutcome.FAILED, _("The recording its address belongs to is not there any more.")
    if payload.kind == EventKind.RECORDING:
        locked.record_delivery()
    is_signed = event.trust == Trust.SIGNED
    if is_signed and due_at is not None:
        locked.schedule_read_back(due_at)
    if payload.problem is not None:
        return EventOutcome.FAILED, payload.problem
    words = _contradiction(locked.row, payload)
    if is_signed:
        words = _complete(locked, payload, words)
    if words is None and payload.brings_transcript and not _store_transcript(locked.row, payload, event):
        locked.flag_attention(Attention.TRANSCRIPT_REVISED)
        words = _(
            "A different transcript was received earlier and is kept. This one is stored with the callback only."
        )
    if words is not None:
        return EventOutcome.CONFLICT, words
    if payload.misses_subject:
        return EventOutcome.UNPARSED, _missing_words(event)
    if payload.brings_transcript and payload.is_truncated:
        words = _("An earlier version stored only the first 2,000 characters of this transcript.")
    return (EventOutcome.APPLIED if is_signed else EventOutcome.RECEIVED), words


def _missing_words(event: CallbackEvent) -> str:
    """Return that what the address or the event's name announces is not in it."""
    if event.door == "transcription":
        return _(
            "This callback was sent to a transcription address, but contains no transcript and no error."
        )
    return _("Its event is about a recording or transcription, but no field known here says anything of it.")


def _complete(locked: LockedRecording, payload: CallbackPayload, contradiction: str | None) -> str | None:
    """Do what a signed delivery may do to its recording; return why not, in words."""
    named = _claimed_id(locked.row, payload)
    if contradiction is not None:
        if named and locked.row.recording_id:
            locked.flag_attention(Attention.ID_CONFLICT)
        return contradiction
    if named is not None and not locked.claim_recording_id(named):
        return _("%s is the id of another recording here.") % named
    if payload.start_failed:
        return _fail_start(locked, payload)
    locked.merge_facts(payload.facts(), Source.CALLBACK)
    if payload.ended:
        locked.complete()
    elif payload.is_start_answer:
        locked.confirm()
    return None


def _claimed_id(recording: Recording, payload: CallbackPayload) -> str | None:
    """Return the id that the delivery names; the end of a URL counts only where no id is known."""
    return None if payload.id_from_url and recording.recording_id else payload.recording_id


def _fail_start(locked: LockedRecording, payload: CallbackPayload) -> str | None:
    """Fail the recording whose start Vobiz has refused; return why not, in words."""
    row = locked.row
    if row.recording_id is not None or (row.api_id and payload.api_id != row.api_id):
        return _(
            "This callback says that a start failed, but this recording has begun or belongs to another request."
        )
    if row.status == RecordingStatus.FAILED or locked.fail(str(payload.error), StartAnswer.REFUSED):
        return None
    return _("This callback says that the start failed, but this recording has ended.")


def _match_recording(
    event: CallbackEvent, payload: CallbackPayload, locked: LockedRecording | None
) -> tuple[EventOutcome, str | None] | None:
    """Set the recording that a delivery to an account's endpoint names; return the outcome where there is none."""
    if payload.problem is not None:
        return EventOutcome.FAILED, payload.problem
    if locked is not None:
        is_stored_unsigned = event.pk is not None and event.trust != Trust.SIGNED
        if is_stored_unsigned and event.recording_id is None and is_recording_full(event, locked.row):
            return EventOutcome.FAILED, _("Too many unsigned callbacks about this recording are stored.")
        if event.trust != Trust.SIGNED and _owner(event, locked.row).require_signed:
            return EventOutcome.FAILED, _(
                "This callback is not signed, and the recording's account requires signed callbacks."
            )
        event.recording = locked.row
        return None
    event.recording = None
    if payload.recording_id is not None:
        return EventOutcome.UNMATCHED, None
    if payload.kind == EventKind.OTHER and not payload.misses_subject:
        return EventOutcome.APPLIED, None  # a call's event, or a test: nothing in it is about a recording
    if payload.call_uuid is None:
        return EventOutcome.UNPARSED, _("This callback names no recording and no call.")
    return EventOutcome.UNMATCHED, _(
        "This callback names a call and no recording. It is applied when exactly one recording of the call expects "
        "a transcript."
    )


def _contradiction(recording: Recording, payload: CallbackPayload) -> str | None:
    """Return why the fields cannot be about the recording whose key the delivery came under."""
    known, named = recording.recording_id, _claimed_id(recording, payload)
    if known and named:
        words = _("This callback names recording %(named)s; this recording is %(known)s.")
        return None if known.lower() == named.lower() else words % {"named": named, "known": known}
    if payload.call_uuid and payload.call_uuid.lower() != (recording.call.call_uuid or "").lower():
        words = _("This callback names call %(named)s; this recording is of call %(known)s.")
        return words % {"named": payload.call_uuid, "known": recording.call.call_uuid}
    return None


def _store_transcript(recording: Recording, payload: CallbackPayload, event: CallbackEvent) -> bool:
    return store_transcript(
        recording,
        text=payload.transcription,
        error=payload.error,
        charge=payload.transcription_charge,
        rate=payload.transcription_rate,
        duration=payload.duration,
        trust=Trust(event.trust),
        at=event.received_at,
        verified=event.trust == Trust.SIGNED or not _is_unusual(recording, event),
    )


def _owner(event: CallbackEvent, recording: Recording) -> Account:
    """Return the recording's account: the one of the address, or another of its family."""
    return event.account if recording.account_id == event.account_id else recording.account


def _is_unusual(recording: Recording, event: CallbackEvent) -> bool:
    """Return whether an unsigned callback is unusual: at the account of its address, or at the recording's."""
    accounts = dict.fromkeys((event.account, _owner(event, recording)))
    return any(account.usually_signed(event.received_at) for account in accounts)


def _locked(event: CallbackEvent) -> CallbackEvent:
    rows = CallbackEvent.objects.select_for_update(of=("self",)).select_related(
        "account__parent", "recording"
    )
    held: CallbackEvent = rows.get(pk=event.pk)
    return held


def _store_failure(event: CallbackEvent, error: BaseException) -> EventOutcome:
    log_failure(event, error)
    try:
        event.reschedule(words_for(error))
    except (DatabaseError, InterfaceError, CallbackEvent.DoesNotExist) as worse:
        # The row says that it is not applied, and that is what is tried again.
        logger.error("nor could that be noted on callback event %s: %s", event.pk, type(worse).__name__)  # noqa: TRY400
    return EventOutcome(event.outcome)


# Again, by hand


def _verify_again(event: CallbackEvent, *, now: datetime) -> CallbackEvent:
    """Check the signatures of a refused event under today's address and tokens; return the event as it is then."""
    endpoint = CallbackEndpoint.of_event(event)
    if endpoint is None:
        return event
    bases, tokens = endpoint.signed_bases, endpoint.account.callback_tokens(now)
    tried = [verify(given, bases=bases, tokens=tokens) for given in event.signature_headers]
    tried += body_verdicts(event, endpoint)
    verified = [verdict for verdict in tried if verdict.trust == "signed"]
    with transaction.atomic():
        held = _locked(event)
        if held.outcome != EventOutcome.REFUSED:
            return held
        if verified:
            return _admit_as_signed(held, verified)
        held.expected_base = endpoint.redact(bases[0])
        if held.trust == Trust.UNSIGNED and not endpoint.account.require_signed:
            held.reopen()
        held.save(update_fields=[*OUTCOME, "error", "expected_base"])
    return held


def _admit_as_signed(event: CallbackEvent, verified: list[Verdict]) -> CallbackEvent:
    """Spend its nonces; where the same content came signed before, that event stands for both."""
    nonces = tuple(dict.fromkeys(nonce for verdict in verified for nonce in verdict.nonces))
    replay = not spend_nonces(event.key_digest, nonces, event.content_digest)
    event.scheme, event.attempts = verified[0].scheme, 0
    if not event.is_unreadable:
        event.raw_body = None
    event.reopen()
    if replay:
        event.set_outcome(EventOutcome.CONFLICT)
        event.error = replay_words()
    standing = _become(event, trust=Trust.SIGNED)
    if standing.pk != event.pk and not replay and standing.outcome == EventOutcome.CONFLICT:
        # there it was a replay, here it has a nonce of its own
        standing.set_outcome(standing.unapplied_outcome)
        standing.save(update_fields=OUTCOME)
    return standing


def _decode_again(event: CallbackEvent) -> CallbackEvent:
    """Decode an unreadable event with today's decoder; return the event as it is then."""
    form = event.raw_form or {}
    raw = RawBody(
        method=str(form.get("method")),
        content_type=str(form.get("content_type")),
        content_encoding=str(form.get("content_encoding")),
        declared=form.get("bytes"),
        content=bytes(event.raw_body or b""),
    )
    content = decode_body(raw)
    if content.problem is not None:
        return event
    with transaction.atomic():
        held = _locked(event)
        if held.outcome != EventOutcome.UNPARSED:
            return held
        SpentNonce.objects.filter(key_digest=held.key_digest, content_digest=held.content_digest).update(
            content_digest=content.digest
        )
        held.payload, held.kind = dict(content.fields), parse_payload(content.fields, held.door).kind
        held.raw_body = held.raw_form = None
        held.reopen()
        return _become(held, content_digest=content.digest)


def _reopen(event: CallbackEvent) -> CallbackEvent:
    """Let an event be applied again in which nothing known was found: today's reader may find it."""
    with transaction.atomic():
        held = _locked(event)
        if held.outcome in (EventOutcome.UNPARSED, EventOutcome.APPLIED) and not held.is_unreadable:
            held.reopen()
            held.kind = parse_payload(held.payload, held.door).kind
            held.save(update_fields=[*OUTCOME, "error", "kind"])
    return held


def reread(event: CallbackEvent, *, now: datetime) -> None:
    """Read a stored event with today's reader, where that may find more than the version that stored it.

    An applied event is applied again only where it means something else today. Vobiz is not asked again about its
    recording: that was done. An outcome that stays what it was is no news.
    """
    if event.outcome in (EventOutcome.REFUSED, EventOutcome.CONFLICT):
        return
    payload = parse_payload(event.payload, event.door)
    if event.outcome == EventOutcome.APPLIED:
        means_more = payload.kind != event.kind or payload.misses_subject or payload.is_start_answer
        if means_more or _lost_its_transcript(event, payload):
            apply(_reopen(event), now=now, read_back=True)
        return
    before = event.outcome, event.error
    seen = {"seen_at": event.seen_at, "seen_by": event.seen_by}
    CallbackEvent.objects.filter(pk=event.pk).update(attempts=0, kind=payload.kind)
    process_again(event, now=now)
    if (event.outcome, event.error) == before:
        CallbackEvent.objects.filter(pk=event.pk, outcome=event.outcome).update(**seen)


def _lost_its_transcript(event: CallbackEvent, payload: CallbackPayload) -> bool:
    """Return whether an applied event holds a transcript and its recording still has none."""
    if not payload.brings_transcript or event.error is not None:
        return False
    arrived = Transcription.objects.filter(recording=event.recording_id, status__in=ARRIVED)
    return event.recording_id is None or not arrived.exists()


def _reopen_conflict(event: CallbackEvent) -> CallbackEvent:
    """Let a contradiction be applied again, because it may be cured; a spent nonce stays spent."""
    with transaction.atomic():
        held = _locked(event)
        replay = is_replay(held.key_digest, held.nonces, held.content_digest)
        if held.outcome == EventOutcome.CONFLICT and not replay:
            held.set_outcome(held.unapplied_outcome)
            held.save(update_fields=OUTCOME)
    return held


def _become(event: CallbackEvent, **identity: str) -> CallbackEvent:
    """Save the (locked) event under another identity; return the event to go on with.

    If an event has that identity already, it stands for both: this one is then applied as far as it goes, because its
    content is, or will be, applied through the other.
    """
    before = {name: getattr(event, name) for name in identity}
    for name, value in identity.items():
        setattr(event, name, value)
    try:
        with transaction.atomic():
            event.save()
    except IntegrityError:
        twin: CallbackEvent = (
            CallbackEvent.objects.select_related("account__parent")
            .exclude(pk=event.pk)
            .get(key_digest=event.key_digest, trust=event.trust, content_digest=event.content_digest)
        )
        for name, value in before.items():
            setattr(event, name, value)
        event.set_outcome(EventOutcome.APPLIED)
        event.error = _("The same content came signed, as callback event %s.") % twin.pk
        event.processed_at = twin.processed_at
        event.save(update_fields=[*OUTCOME, "error", "processed_at"])
        return twin
    return event
