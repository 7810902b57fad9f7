"""Events for other programs: their bodies, and their delivery in the order of the facts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.urls import reverse

from recordings.alerts import webhooks
from recordings.alerts.errors import NotWantedError, UnsentError
from recordings.alerts.sending import attempt
from recordings.choices import OutgoingKind, TranscriptionStatus
from recordings.clock import Clock
from recordings.models import AlertWebhook, OutgoingEvent, Recording, Transcription
from recordings.provider import public_url

logger = logging.getLogger(__name__)

AT_ONCE = 100  # events to one address in one look
LONGEST_TURN = timedelta(seconds=5)  # after which the next address has its turn


def send_events(now: datetime, *, stop: Callable[[], bool] = lambda: False) -> int:
    """Post what is due, to one address after the other; return how many were delivered."""
    sent, clock = 0, Clock(now)
    for webhook in OutgoingEvent.objects.webhooks_due(now):
        if stop():
            break
        sent += _send_to(webhook, clock, stop)
    return sent


def _send_to(webhook: AlertWebhook, clock: Clock, stop: Callable[[], bool]) -> int:
    """Post to one address until a post fails, its turn is over, or nothing is left."""
    began, sent, held = clock.now(), 0, set()
    for event in OutgoingEvent.objects.due(webhook, began)[:AT_ONCE]:
        at = clock.now()
        if stop() or at - began >= LONGEST_TURN:
            break
        if event.recording_pk in held or not event.claim(at):
            held.add(event.recording_pk)  # another worker has it: what follows for this recording waits
            continue
        try:
            sent += attempt(event, partial(_post, event, webhook, at), clock)
        except UnsentError as error:
            logger.warning("Event %s could not be delivered: %s", event.pk, error)
            event.retry(str(error), clock.now())
            OutgoingEvent.objects.give_up(webhook, str(error), clock.now())
            break
    return sent


def _post(event: OutgoingEvent, webhook: AlertWebhook, now: datetime) -> None:
    webhooks.post_signed(webhook, f"evt_{event.pk}", body_of(event, webhook), now)


def body_of(event: OutgoingEvent, webhook: AlertWebhook) -> dict[str, Any]:
    """Return the body: ids and facts as they are now.

    Raises NotWantedError where the address does not get this kind any more, or the recording is not of its account.
    """
    return {"type": event.kind, "timestamp": _iso(event.at), "data": _data(event, webhook)}


def _data(event: OutgoingEvent, webhook: AlertWebhook) -> dict[str, Any]:
    data: dict[str, Any] = {"account": webhook.account.auth_id}
    if event.kind == OutgoingKind.TEST:
        return {**data, "url": settings.PORTAL_URL}
    recording = event.recording() if event.kind in webhook.event_kinds else None
    if recording is None:
        raise NotWantedError
    data |= _facts(recording)
    if webhook.with_numbers:
        data |= {"from_number": recording.call.from_number, "to_number": recording.call.to_number}
    if event.kind == OutgoingKind.ARCHIVED:
        data["archive"] = {
            "format": recording.container,
            "bytes": recording.audio_bytes,
            "sha256": recording.audio_sha256,
            "archived_at": _iso(recording.archived_at),
        }
    if event.kind == OutgoingKind.LOST:
        data["deleted_at"] = _iso(recording.gone_at_provider_at)
    if event.kind == OutgoingKind.TRANSCRIPT:
        data["transcript"] = _transcript(recording, with_text=webhook.with_text)
    return data


def _facts(recording: Recording) -> dict[str, Any]:
    length = recording.duration_ms
    return {
        "recording_id": recording.recording_id,
        "call_uuid": recording.call.call_uuid,
        "direction": recording.call.direction,
        "started_at": _iso(recording.started_at),
        "ended_at": _iso(recording.ended_at),
        "duration_seconds": length / 1_000 if length is not None else None,
        "time_limit_reached": recording.was_cut_short,
        "url": public_url(reverse("admin:recordings_recording_change", args=[recording.pk])),
    }


def _transcript(recording: Recording, *, with_text: bool) -> dict[str, Any]:
    row = Transcription.objects.filter(recording=recording, status=TranscriptionStatus.COMPLETED).first()
    if row is None:
        raise NotWantedError
    facts = {
        "received_at": _iso(row.received_at),
        "trust": row.trust,
        "characters": len(row.text or ""),
    }
    return {**facts, "text": row.text} if with_text else facts


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at is not None else None
