"""What a delivery does to recordings and transcripts, once it is written down; and doing it again by hand.

A signature covers the path, not the content: even a signed delivery only fills what the API has not said, an unsigned
one moves nothing, and either way the API is asked about the recording afterwards. Nothing here sends a request.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime

from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from recordings.callbacks.doors import Door
from recordings.callbacks.inbox import spend
from recordings.callbacks.reading import Raw, read
from recordings.callbacks.serializers import Said, understand
from recordings.choices import Attention, EventKind, EventOutcome, Source, Trust
from recordings.models import Account, CallbackEvent, Recording, SpentNonce, claim_recording_id, merge_facts
from recordings.models.callback_event import NOT_APPLIED, OUTCOME
from recordings.models.recording.provenance import Facts
from recordings.models.transcription import receive
from recordings.vobiz.signature import Verdict, verify
from recordings.vobiz.wire import one_line

logger = logging.getLogger(__name__)

ERROR_LENGTH = 500
REFUSED_AT_ONCE = 500  # processed again by one press of the button: some seconds


def apply(event: CallbackEvent, *, now: datetime, read_back: bool = False) -> EventOutcome:
    """Let an event that is not applied yet have its effect, once, in one transaction.

    Whatever goes wrong is kept on the event, which stays as it was to be tried again; after 8 tries it is failed.
    `read_back`: the API has just been asked about the recording, so that needs not be done again.
    """
    try:
        with transaction.atomic():
            event.account.lock_family()
            held = _locked(event)
            if held.outcome in NOT_APPLIED:
                outcome, words = _effect(held, due_at=None if read_back else now)
                if outcome == EventOutcome.RECEIVED and read_back:
                    outcome = EventOutcome.APPLIED
                _settle(held, outcome, words, now=now)
            outcome = EventOutcome(held.outcome)
    except Exception as error:  # noqa: BLE001 - kept on the event, whatever it is
        outcome = _note_failure(event, error)
    event.outcome = outcome
    return outcome


def process_again(event: CallbackEvent, *, now: datetime) -> EventOutcome:
    """Do what can be done for an event now: verify a refused one anew, read an unreadable one, apply the others.

    An applied event, and one whose nonce was spent on other content, stay what they are.
    """
    given = event
    if event.outcome == EventOutcome.REFUSED:
        event = _verify_again(event, now=now)
    if event.outcome == EventOutcome.UNPARSED:
        event = _read_again(event)
    if event.outcome == EventOutcome.CONFLICT:
        event = _open_conflict(event)
    if event.outcome in NOT_APPLIED:
        apply(event, now=now)
    given.refresh_from_db()
    return EventOutcome(given.outcome)


def named_recording(event: CallbackEvent) -> str | None:
    """The recording id an event names; None where it names none that could be one."""
    return understand(event.payload).recording_id


def process_refused(account: Account, *, now: datetime) -> Counter[EventOutcome]:
    """Process refused events of an account again, REFUSED_AT_ONCE at most; how many came to which outcome.

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


# The effect


def _effect(event: CallbackEvent, *, due_at: datetime | None) -> tuple[EventOutcome, str | None]:
    """Change rows as far as this event may; what becomes of it, and why in words.

    An unsigned event stays *received* until the API was asked: at `due_at`, if that was not done.
    """
    said = understand(event.payload)
    if event.door == "account":
        outcome = _find_recording(event, said)
        if outcome is not None:
            return outcome
    recording = event.recording
    if recording is None:
        return EventOutcome.FAILED, _("The recording its address belongs to is not there any more.")
    if said.kind == EventKind.RECORDING:
        Recording.objects.filter(pk=recording.pk).record_delivery()
    if due_at is not None:
        recording.schedule_read_back(due_at)
    if said.problem is not None:
        return EventOutcome.FAILED, said.problem
    words = _contradiction(recording, said)
    if event.trust == Trust.SIGNED:
        words = _complete(recording, said, words)
    if words is None and said.brings_transcript and not _keep_transcript(recording, said, event):
        recording.flag_attention(Attention.TRANSCRIPT_REVISED)
        words = _("Another transcript came before; that one stands, this one is kept here.")
    if words is not None:
        return EventOutcome.CONFLICT, words
    return (EventOutcome.APPLIED if event.trust == Trust.SIGNED else EventOutcome.RECEIVED), None


def _complete(recording: Recording, said: Said, contradiction: str | None) -> str | None:
    """What a signed delivery may do to its recording; why not, in words."""
    if contradiction is not None:
        if said.recording_id and recording.recording_id:
            recording.flag_attention(Attention.ID_CONFLICT)
        return contradiction
    named = said.recording_id
    if named is not None and named != recording.recording_id and not claim_recording_id(recording, named):
        return _("%s is the id of another recording here.") % named
    facts = said.facts()
    if facts != Facts():
        merge_facts(recording, facts, Source.CALLBACK)
    if said.ended:
        recording.complete()
    return None


def _find_recording(event: CallbackEvent, said: Said) -> tuple[EventOutcome, str | None] | None:
    """Set the recording that a delivery on an account's door names; without one, what becomes of the event."""
    if said.problem is not None:
        return EventOutcome.FAILED, said.problem
    if said.recording_id is None and said.kind == EventKind.OTHER:
        return EventOutcome.APPLIED, None  # a call's event, or a test: there is nothing in it for us
    if said.recording_id is None:
        return EventOutcome.FAILED, _("It names no recording.")
    rows = Recording.objects.select_related("account__parent", "call")
    event.recording = rows.filter(
        recording_id=said.recording_id, account__in=event.account.family().values("pk")
    ).first()
    return None if event.recording is not None else (EventOutcome.UNMATCHED, None)


def _contradiction(recording: Recording, said: Said) -> str | None:
    """Why the fields cannot be about the recording whose key the delivery came under."""
    known, named = recording.recording_id, said.recording_id
    if known and named:
        words = _("It names recording %(named)s; this one is %(known)s.")
        return None if known == named else words % {"named": named, "known": known}
    if said.call_uuid and said.call_uuid != recording.call.call_uuid:
        words = _("It names call %(named)s; this recording is of call %(known)s.")
        return words % {"named": said.call_uuid, "known": recording.call.call_uuid}
    return None


def _keep_transcript(recording: Recording, said: Said, event: CallbackEvent) -> bool:
    return receive(
        recording,
        text=said.transcription,
        error=said.error,
        charge=said.transcription_charge,
        rate=said.transcription_rate,
        duration=said.duration,
        trust=Trust(event.trust),
        at=event.received_at,
    )


def _locked(event: CallbackEvent) -> CallbackEvent:
    rows = CallbackEvent.objects.select_for_update(of=("self",))
    held: CallbackEvent = rows.select_related("account__parent", "recording__account", "recording__call").get(
        pk=event.pk
    )
    return held


def _settle(event: CallbackEvent, outcome: EventOutcome, error: str | None, *, now: datetime) -> None:
    """Write down what became of it. `processed_at` says since when it has had all the effect it may have."""
    if outcome != EventOutcome.UNMATCHED or event.outcome != outcome:  # unmatched as before is no news
        event.set_outcome(outcome)
    event.error = error
    event.processed_at = None if outcome == EventOutcome.UNMATCHED else now
    event.save(update_fields=[*OUTCOME, "error", "processed_at", "recording"])


def _note_failure(event: CallbackEvent, error: Exception) -> EventOutcome:
    logger.error("callback event %s could not be applied: %s", event.pk, type(error).__name__)
    try:
        event.reschedule(_words_for(error))
    except (DatabaseError, InterfaceError, CallbackEvent.DoesNotExist) as worse:
        # it is written down as not applied, and that is what is tried again
        logger.error("nor could that be noted on callback event %s: %s", event.pk, type(worse).__name__)  # noqa: TRY400
    return EventOutcome(event.outcome)


def _words_for(error: Exception) -> str:
    """What went wrong, without what was in the row: PostgreSQL's detail lines quote it, transcript and all."""
    first_line = str(error).partition("\n")[0] if isinstance(error, DatabaseError) else str(error)
    return one_line(f"{type(error).__name__}: {first_line}")[:ERROR_LENGTH]


# Again, by hand


def _verify_again(event: CallbackEvent, *, now: datetime) -> CallbackEvent:
    """A refused event, as it stands after its signatures were checked under today's address and tokens."""
    door = Door.of(event)
    if door is None:
        return event
    tried = [verify(given, bases=door.bases, tokens=door.tokens(now)) for given in event.signature_headers]
    verified = [verdict for verdict in tried if verdict.trust == "signed"]
    with transaction.atomic():
        held = _locked(event)
        if held.outcome != EventOutcome.REFUSED:
            return held
        if verified:
            return _admit_as_signed(held, verified)
        held.expected_base = door.without_key(door.bases[0])
        if held.trust == Trust.UNSIGNED and not door.account.require_signed:
            held.set_outcome(_unapplied(held))
            held.error = None
        held.save(update_fields=[*OUTCOME, "error", "expected_base"])
    return held


def _admit_as_signed(event: CallbackEvent, verified: list[Verdict]) -> CallbackEvent:
    """Its nonces are spent; where the same content came signed before, that event stands for both."""
    nonces = tuple(dict.fromkeys(nonce for verdict in verified for nonce in verdict.nonces))
    clear = spend(event.key_digest, nonces, event.content_digest)
    event.scheme, event.error, event.attempts = verified[0].scheme, None, 0
    event.set_outcome(_unapplied(event) if clear else EventOutcome.CONFLICT)
    if not clear:
        event.error = _(
            "Its nonce was spent on other content: this may be a replay. Nothing of it was applied."
        )
    standing = _become(event, trust=Trust.SIGNED)
    if standing.pk != event.pk and clear and standing.outcome == EventOutcome.CONFLICT:
        standing.set_outcome(_unapplied(standing))  # there it was a replay, here it has a nonce of its own
        standing.save(update_fields=OUTCOME)
    return standing


def _read_again(event: CallbackEvent) -> CallbackEvent:
    """An event that could not be read, as it stands after today's reader has tried."""
    form = event.raw_form or {}
    raw = Raw(
        method=str(form.get("method")),
        content_type=str(form.get("content_type")),
        content_encoding=str(form.get("content_encoding")),
        declared=form.get("bytes"),
        data=bytes(event.raw_body or b""),
    )
    content = read(raw)
    if content.unreadable is not None:
        return event
    with transaction.atomic():
        held = _locked(event)
        if held.outcome != EventOutcome.UNPARSED:
            return held
        SpentNonce.objects.filter(key_digest=held.key_digest, content_digest=held.content_digest).update(
            content_digest=content.digest
        )
        held.payload, held.kind = dict(content.fields), understand(content.fields).kind
        held.set_outcome(EventOutcome.RECEIVED)
        held.error = None
        held.raw_body = held.raw_form = None
        return _become(held, content_digest=content.digest)


def _open_conflict(event: CallbackEvent) -> CallbackEvent:
    """A contradiction may be cured; a nonce that was spent on other content stays spent."""
    with transaction.atomic():
        held = _locked(event)
        replayed = (
            SpentNonce.objects.filter(key_digest=held.key_digest, nonce__in=held.nonces)
            .exclude(content_digest=held.content_digest)
            .exists()
        )
        if held.outcome == EventOutcome.CONFLICT and not replayed:
            held.set_outcome(_unapplied(held))
            held.save(update_fields=OUTCOME)
    return held


def _become(event: CallbackEvent, **identity: str) -> CallbackEvent:
    """Save the (locked) event under another identity. If an event has that already, it stands for both.

    Then this one is applied as far as it goes: its content is, or will be, through the other. The one to go on with.
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


def _unapplied(event: CallbackEvent) -> EventOutcome:
    return EventOutcome.RECEIVED if event.raw_body is None else EventOutcome.UNPARSED
