"""Store deliveries, deduplicated by content, so that nothing that was answered with 200 is lost.

The functions here change an event in memory or lock it; `processing` decides in which transaction and saves it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.utils.translation import gettext as _

from recordings.bulk_insert import insert_rows
from recordings.callbacks.body import DecodedBody, RawBody
from recordings.callbacks.endpoints import CallbackEndpoint
from recordings.callbacks.payload import CallbackPayload, parse_payload
from recordings.choices import EventKind, EventOutcome, Trust
from recordings.models import Account, CallbackEvent, Recording, SpentNonce
from recordings.vobiz.signature import SIGNATURE_HEADERS, Verdict, body_signatures, verify_body
from recordings.vobiz.wire import storable

MIB = 1024 * 1024


class Budget(NamedTuple):
    """How much is stored of what nobody vouches for; the rest is counted."""

    events: int
    body_bytes: int


# A recording has two callbacks, an account has many recordings.
PER_RECORDING = Budget(20, 4 * MIB)
# of the account's own address: in 24 hours, and without effect at all
PER_ACCOUNT_KEY = Budget(5_000, 32 * MIB)
PER_ACCOUNT = Budget(20_000, 128 * MIB)  # all its addresses together: likewise
BUDGET_PERIOD = timedelta(days=1)
MAX_BODY_SIGNATURES = 4
MAX_NONCES = 32
HEADER_LENGTH = 512  # characters: eight signatures and their commas
HEADER_NAME_LENGTH = 64
# Characters of JSON stored of all its deliveries' signature headers: one is tried four times, with 450 each
MAX_EVIDENCE = 4_096
UNTRUSTED_BODY = 64 * 1024  # bytes stored of such a body that could not be decoded

# The same content again changes nothing on these. (A conflict is opened again by a nonce of its own.)
FINAL = (EventOutcome.APPLIED, EventOutcome.CONFLICT, EventOutcome.REFUSED, EventOutcome.UNPARSED)
_REOPENED = (EventOutcome.CONFLICT, EventOutcome.REFUSED)


class BudgetSpentError(Exception):
    """As much is stored already of what nobody vouches for as will be."""


@dataclass(frozen=True)
class Delivery:
    """One delivery to an endpoint: its bytes, its fields, its headers, and what its signature proves."""

    endpoint: CallbackEndpoint
    raw: RawBody
    content: DecodedBody
    headers: Mapping[str, str] = field(repr=False)
    verdict: Verdict
    received_at: datetime

    @property
    def trust(self) -> Trust:
        """The verdict as the rows have it."""
        return Trust(self.verdict.trust)

    @cached_property
    def payload(self) -> CallbackPayload:
        """The fields, typed; parsed once."""
        return parse_payload(self.content.fields, self.endpoint.name)

    @cached_property
    def size(self) -> int:
        """The bytes received, or the characters stored of its fields where escapes make them more."""
        return max(len(self.raw.content), _written(dict(self.content.fields)))


def is_admitted(verdict: Verdict, account: Account) -> bool:
    """Return whether a delivery may be applied: signed, or unsigned at an account that accepts those."""
    trust = Trust(verdict.trust)
    if trust == Trust.UNSIGNED:
        return not account.require_signed
    return trust == Trust.SIGNED


def store_refused(delivery: Delivery) -> CallbackEvent | None:
    """Store a refused delivery, so that correcting a setting loses nothing. None: too many, so only counted."""
    with transaction.atomic():
        event = find_event(delivery)
        if event is not None:
            record_repeat(event, delivery, reopen=False)
        elif is_full(delivery, delivery.endpoint.recording):
            count_only(delivery.endpoint, now=delivery.received_at)
            return None
        else:
            event = new_event(delivery, EventOutcome.REFUSED)
        event.save()
        return event


# Nonces


def spend_new_nonces(delivery: Delivery) -> None:
    """Spend the nonces of a delivery that is taken for new. Raises IntegrityError where one of them was spent."""
    insert_rows(_nonce_rows(delivery.endpoint.key_digest, delivery.verdict.nonces, delivery.content.digest))


def spend_nonces(key_digest: str, nonces: tuple[str, ...], content_digest: str) -> bool:
    """Spend every nonce on this content. False: one of them was spent on another. Only inside a transaction.

    The INSERT waits for a transaction that spends the same nonce at this moment, and only then the SELECT looks: of
    two deliveries that race for one nonce, exactly one gets it.
    """
    SpentNonce.objects.bulk_create(_nonce_rows(key_digest, nonces, content_digest), ignore_conflicts=True)
    return not is_replay(key_digest, nonces, content_digest)


def is_replay(key_digest: str, nonces: tuple[str, ...] | list[str], content_digest: str) -> bool:
    """Return whether one of the nonces was spent on other content."""
    spent = SpentNonce.objects.filter(key_digest=key_digest, nonce__in=nonces)
    return spent.exclude(content_digest=content_digest).exists()


def _nonce_rows(key_digest: str, nonces: tuple[str, ...], content_digest: str) -> list[SpentNonce]:
    # Sorted, so that two transactions never wait for each other's nonce.
    return [
        SpentNonce(key_digest=key_digest, nonce=nonce, content_digest=content_digest)
        for nonce in sorted(set(nonces))
    ]


# Events


def find_event(delivery: Delivery) -> CallbackEvent | None:
    """Return the event that has this content already, locked."""
    events = CallbackEvent.objects.select_for_update(of=("self",)).select_related("account")
    return events.filter(
        key_digest=delivery.endpoint.key_digest,
        trust=delivery.trust,
        content_digest=delivery.content.digest,
    ).first()


def first_outcome(delivery: Delivery, *, replay: bool) -> EventOutcome:
    """Return what a new event begins as."""
    if replay:
        return EventOutcome.CONFLICT
    return EventOutcome.RECEIVED if delivery.content.problem is None else EventOutcome.UNPARSED


def new_event(delivery: Delivery, outcome: EventOutcome) -> CallbackEvent:
    """Return an unsaved event. Of two identical deliveries at once, the unique constraint lets one in."""
    endpoint, raw, problem = delivery.endpoint, delivery.raw, delivery.content.problem
    event = CallbackEvent(
        account=endpoint.account,
        recording=endpoint.recording,
        door=endpoint.name,
        key_digest=endpoint.key_digest,
        content_digest=delivery.content.digest,
        kind=EventKind.OTHER if problem else delivery.payload.kind,
        outcome=outcome,
        payload=dict(delivery.content.fields),
        nonces=list(delivery.verdict.nonces),
        scheme=delivery.verdict.scheme,
        trust=delivery.trust,
        body_bytes=delivery.size,
        received_at=delivery.received_at,
    )
    if outcome == EventOutcome.CONFLICT:
        event.error = replay_words()
    if outcome == EventOutcome.REFUSED:
        _store_evidence(event, delivery)
    if problem is not None:
        event.error = event.error or str(problem)
        event.raw_body = raw.content if outcome == EventOutcome.UNPARSED else raw.content[:UNTRUSTED_BODY]
        event.body_bytes = len(event.raw_body)
        event.raw_form = {
            "method": raw.method, "content_type": raw.content_type,
            "content_encoding": raw.content_encoding, "bytes": max(len(raw.content), raw.declared or 0),
        }  # fmt: skip
    return event


def replay_words() -> str:
    """Return why nothing of a replay was applied."""
    return _("Its nonce was spent on other content: this may be a replay. Nothing of it was applied.")


def record_repeat(event: CallbackEvent, delivery: Delivery, *, reopen: bool) -> None:
    """Count the same content once more on its locked event; `reopen` it where it was stored and never applied."""
    event.deliveries += 1
    event.nonces = list(dict.fromkeys([*event.nonces, *delivery.verdict.nonces]))[:MAX_NONCES]
    if reopen and event.outcome in _REOPENED:
        event.reopen()
        event.scheme = delivery.verdict.scheme
    if event.outcome == EventOutcome.REFUSED:
        given = _signature_headers(delivery)
        sets = [*event.signature_headers, given]
        if given not in event.signature_headers and _written(sets) <= MAX_EVIDENCE:
            event.signature_headers = sets


def _store_evidence(event: CallbackEvent, delivery: Delivery) -> None:
    given = _signature_headers(delivery)
    event.signature_headers = [given] if _written([given]) <= MAX_EVIDENCE else []
    if set(given).difference(SIGNATURE_HEADERS):  # a body's signature is of use with its body alone
        event.raw_body = delivery.raw.content
        event.body_bytes += len(event.raw_body)
    hosts = (delivery.headers.get(name, "") for name in ("Host", "X-Forwarded-Host"))
    event.hosts = [storable(host)[:255] for host in dict.fromkeys(hosts) if host]
    event.expected_base = delivery.endpoint.redact(delivery.endpoint.signed_bases[0])
    if delivery.trust == Trust.UNSIGNED:
        event.error = _("This callback is not signed, and the account requires signed callbacks.")
    else:
        event.error = _("None of its signatures verifies under the address and the tokens known here.")


def _signature_headers(delivery: Delivery) -> dict[str, str]:
    """Return the headers of a fixed list, and what may be a body's signature; others may hold a token in clear text."""
    headers = delivery.headers
    given = {
        name: storable(value)[:HEADER_LENGTH]
        for name in SIGNATURE_HEADERS
        if (value := headers.get(name)) is not None
    }
    if not given and delivery.endpoint.name == "account":
        short = [pair for pair in body_signatures(headers).items() if len(pair[0]) <= HEADER_NAME_LENGTH]
        given = dict(short[:MAX_BODY_SIGNATURES])
    return given


def _written(value: object) -> int:
    """Return how many characters a value takes as JSON, which the databases store with escapes."""
    return len(json.dumps(value))


def body_verdicts(event: CallbackEvent, endpoint: CallbackEndpoint) -> list[Verdict]:
    """Check the stored signatures over the body of a refused event under today's header and secret."""
    expected = endpoint.webhook_signature
    if expected is None or event.raw_body is None:
        return []
    header, secret = expected
    values = [
        value
        for given in event.signature_headers
        for name, value in given.items()
        if name.lower() == header.lower()
    ]
    return [verify_body(value, bytes(event.raw_body), secret) for value in values]


# The bound on what nobody vouches for


def is_full(delivery: Delivery, recording: Recording | None) -> bool:
    """Return whether as much is stored of what nobody vouches for as will be; `recording` is the one it is about.

    Every outcome counts, so that no later change of it makes room. Locks the row of the key, so that two deliveries
    cannot both take the last place.
    """
    endpoint, size = delivery.endpoint, delivery.size
    row = _account_row(endpoint) if endpoint.recording is None else _recording_row(endpoint)
    list(row.select_for_update(no_key=True).values_list("pk"))
    of_account = CallbackEvent.objects.filter(account=endpoint.account)
    of_key = Q(key_digest=endpoint.key_digest)
    if recording is not None and _is_spent(
        of_account.filter(of_key, recording=recording), PER_RECORDING, size
    ):
        return True
    lately = of_account.filter(received_at__gt=delivery.received_at - BUDGET_PERIOD)
    for events in (of_account.exclude(outcome=EventOutcome.APPLIED), lately):
        if recording is None and _is_spent(events.filter(of_key), PER_ACCOUNT_KEY, size):
            return True
        if _is_spent(events, PER_ACCOUNT, size):
            return True
    return False


def is_recording_full(event: CallbackEvent, recording: Recording) -> bool:
    """Return whether the recording that a stored, unsigned event turns out to be about has as many as it may have."""
    others = CallbackEvent.objects.filter(key_digest=event.key_digest, recording=recording).exclude(
        pk=event.pk
    )
    return _is_spent(others, PER_RECORDING, event.body_bytes)


def _is_spent(events: Any, budget: Budget, size: int) -> bool:
    """Return whether `size` more bytes exceed the budget; of a budget's events and one more, none is read twice."""
    rows = events.untrusted().order_by().values("pk", "body_bytes")[: budget.events]
    found = rows.aggregate(events=Count("pk"), total=Sum("body_bytes"))
    return found["events"] >= budget.events or (found["total"] or 0) + size > budget.body_bytes


def count_only(endpoint: CallbackEndpoint, *, now: datetime) -> None:
    """Count a delivery that is not stored, on its recording and on its account, which says so."""
    if endpoint.recording is not None:
        _recording_row(endpoint).update(refused_uncounted=F("refused_uncounted") + 1)
    _account_row(endpoint).update(refused_uncounted=F("refused_uncounted") + 1, dropped_at=now)


def _account_row(endpoint: CallbackEndpoint) -> Any:
    return Account.objects.order_by().filter(pk=endpoint.account.pk)


def _recording_row(endpoint: CallbackEndpoint) -> Any:
    return Recording.objects.order_by().filter(pk=endpoint.recording and endpoint.recording.pk)
