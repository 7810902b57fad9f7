"""Writing deliveries down, once for each content: what was answered with 200 is never lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from recordings.callbacks.doors import Door
from recordings.callbacks.reading import Content, Raw
from recordings.callbacks.serializers import understand
from recordings.choices import EventKind, EventOutcome, Trust
from recordings.models import Account, CallbackEvent, Recording, SpentNonce
from recordings.models.callback_event import OUTCOME
from recordings.vobiz.signature import SIGNATURE_HEADERS, Verdict
from recordings.vobiz.wire import storable

# Kept of what nobody vouches for; the rest is counted. A recording has two callbacks, an account has many recordings.
KEPT_A_RECORDING, KEPT_AN_ACCOUNT = 20, 5_000
KEPT_HEADER_SETS = 8  # one delivery is tried four times
KEPT_NONCES = 32
HEADER_LENGTH = 1_024
UNTRUSTED_BODY = 64 * 1024  # bytes kept of such a body that could not be read

UNTRUSTED = (EventOutcome.REFUSED, EventOutcome.CONFLICT)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivery at a door: its bytes, its headers, and what its signature proves."""

    door: Door
    raw: Raw
    headers: Mapping[str, str] = field(repr=False)
    verdict: Verdict
    at: datetime

    @property
    def trust(self) -> Trust:
        """As the rows have it."""
        return Trust(self.verdict.trust)

    @property
    def is_admitted(self) -> bool:
        """Signed; or unsigned, at an account that takes those."""
        if self.trust == Trust.UNSIGNED:
            return not self.door.account.require_signed
        return self.trust == Trust.SIGNED


def keep(arrival: Arrival, content: Content) -> CallbackEvent | None:
    """Write an admitted delivery down. The event to be applied now; None where it has no effect to have.

    The same content again is a retry, under whichever nonce: counted, and applied if it was not yet. A nonce that was
    spent on other content makes it a conflict, of which nothing is applied.
    """
    with transaction.atomic():
        digest = arrival.door.key_digest
        clear = arrival.trust != Trust.SIGNED or spend(digest, arrival.verdict.nonces, content.digest)
        event = _same(arrival, content)
        if event is None:
            if not clear and _is_full(arrival.door):
                _count_only(arrival.door)
                return None
            event, is_new = _create(arrival, content, _first_outcome(content, clear=clear))
        else:
            is_new = False
        if not is_new:
            _count(event, arrival, reopen=clear)
        return event if clear and event.outcome not in _AT_REST else None


def keep_refused(arrival: Arrival, content: Content) -> CallbackEvent | None:
    """Write a refused delivery down, so that curing a setting loses nothing; None: too many, only counted."""
    with transaction.atomic():
        event = _same(arrival, content)
        if event is None:
            if _is_full(arrival.door):
                _count_only(arrival.door)
                return None
            event, is_new = _create(arrival, content, EventOutcome.REFUSED)
            if is_new:
                return event
        _count(event, arrival, reopen=False)
        return event


def spend(key_digest: str, nonces: tuple[str, ...], content_digest: str) -> bool:
    """Spend every nonce on this content. False: one of them was spent on another. Only inside a transaction."""
    rows = [
        SpentNonce(key_digest=key_digest, nonce=nonce, content_digest=content_digest)
        for nonce in sorted(set(nonces))
    ]
    SpentNonce.objects.bulk_create(rows, ignore_conflicts=True)
    return not (
        SpentNonce.objects.filter(key_digest=key_digest, nonce__in=nonces)
        .exclude(content_digest=content_digest)
        .exists()
    )


# At rest: the same content again changes nothing. (A conflict is opened again by a nonce of its own, see `_count`.)
_AT_REST = (EventOutcome.APPLIED, EventOutcome.CONFLICT, EventOutcome.REFUSED, EventOutcome.UNPARSED)
_OPENED_AGAIN = (EventOutcome.CONFLICT, EventOutcome.REFUSED)


def _first_outcome(content: Content, *, clear: bool) -> EventOutcome:
    if not clear:
        return EventOutcome.CONFLICT
    return EventOutcome.RECEIVED if content.unreadable is None else EventOutcome.UNPARSED


def _same(arrival: Arrival, content: Content) -> CallbackEvent | None:
    """The event of this content, locked."""
    found = CallbackEvent.objects.select_for_update(of=("self",)).select_related("account")
    same: CallbackEvent | None = found.filter(
        key_digest=arrival.door.key_digest, trust=arrival.trust, content_digest=content.digest
    ).first()
    return same


def _create(arrival: Arrival, content: Content, outcome: EventOutcome) -> tuple[CallbackEvent, bool]:
    """The event, and whether it is new: the same delivery may be written down by another process right now."""
    door, raw = arrival.door, arrival.raw
    event = CallbackEvent(
        account=door.account,
        recording=door.recording,
        door=door.name,
        key_digest=door.key_digest,
        content_digest=content.digest,
        kind=EventKind.OTHER if content.unreadable else understand(content.fields).kind,
        outcome=outcome,
        payload=dict(content.fields),
        nonces=list(arrival.verdict.nonces),
        scheme=arrival.verdict.scheme,
        trust=arrival.trust,
        received_at=arrival.at,
    )
    if outcome == EventOutcome.CONFLICT:
        event.error = _(
            "Its nonce was spent on other content: this may be a replay. Nothing of it was applied."
        )
    if outcome == EventOutcome.REFUSED:
        _note_evidence(event, arrival)
    if content.unreadable is not None:
        event.error = event.error or str(content.unreadable)
        event.raw_body = raw.data if outcome == EventOutcome.UNPARSED else raw.data[:UNTRUSTED_BODY]
        event.raw_form = {
            "method": raw.method, "content_type": raw.content_type,
            "content_encoding": raw.content_encoding, "bytes": max(len(raw.data), raw.declared or 0),
        }  # fmt: skip
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError:
        same = _same(arrival, content)
        if same is None:
            raise
        return same, False
    return event, True


def _note_evidence(event: CallbackEvent, arrival: Arrival) -> None:
    event.signature_headers = [_signature_headers(arrival.headers)]
    said = (arrival.headers.get(name, "") for name in ("Host", "X-Forwarded-Host"))
    event.hosts = [storable(host)[:255] for host in dict.fromkeys(said) if host]
    event.expected_base = arrival.door.without_key(arrival.door.bases[0])
    if arrival.trust == Trust.UNSIGNED:
        event.error = _("It is not signed, and the account requires signed callbacks.")
    else:
        event.error = _("None of its signatures verifies under the address and the tokens known here.")


def _signature_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """By a list of names: other headers may hold the account's token in clear text."""
    return {
        name: storable(value)[:HEADER_LENGTH]
        for name in SIGNATURE_HEADERS
        if (value := headers.get(name)) is not None
    }


def _count(event: CallbackEvent, arrival: Arrival, *, reopen: bool) -> None:
    """The same content once more; `event` is locked, and shows what was written."""
    event.nonces = list(dict.fromkeys([*event.nonces, *arrival.verdict.nonces]))[:KEPT_NONCES]
    changed: dict[str, Any] = {"deliveries": F("deliveries") + 1, "nonces": event.nonces}
    if reopen and event.outcome in _OPENED_AGAIN:
        event.set_outcome(EventOutcome.RECEIVED if event.raw_body is None else EventOutcome.UNPARSED)
        changed |= {column: getattr(event, column) for column in OUTCOME}
        changed |= {"error": None, "scheme": arrival.verdict.scheme}
    if event.outcome == EventOutcome.REFUSED:
        given = _signature_headers(arrival.headers)
        if given not in event.signature_headers and len(event.signature_headers) < KEPT_HEADER_SETS:
            event.signature_headers.append(given)
            changed["signature_headers"] = event.signature_headers
    CallbackEvent.objects.filter(pk=event.pk).update(**changed)


def _is_full(door: Door) -> bool:
    """As much is kept of this key as will be. Locks the key's row, so that two cannot pass the last place at once."""
    if door.recording is None:
        list(Account.objects.select_for_update(no_key=True).filter(pk=door.account.pk).values_list("pk"))
        limit = KEPT_AN_ACCOUNT
    else:
        list(Recording.objects.select_for_update(no_key=True).filter(pk=door.recording.pk).values_list("pk"))
        limit = KEPT_A_RECORDING
    kept = CallbackEvent.objects.filter(
        account=door.account, key_digest=door.key_digest, outcome__in=UNTRUSTED
    )
    return kept.count() >= limit


def _count_only(door: Door) -> None:
    if door.recording is None:
        Account.objects.filter(pk=door.account.pk).update(refused_uncounted=F("refused_uncounted") + 1)
    else:
        Recording.objects.filter(pk=door.recording.pk).update(refused_uncounted=F("refused_uncounted") + 1)
