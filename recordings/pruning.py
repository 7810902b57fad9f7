"""Pruning: deletes access events, callback events and events for other programs that are old enough.

Access events older than ACCESS_RETENTION_DAYS and *applied* callback events older than CALLBACK_RETENTION_DAYS. Never
a callback that had no effect, and never a spent nonce, which keeps an old delivery from being played again. Events
for other programs a week after they were delivered, or a month after they were given up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from recordings.choices import EventOutcome
from recordings.models import AccessEvent, Account, CallbackEvent, OutgoingEvent

BATCH = 500  # rows deleted in one transaction, so that nobody waits long for it


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many callback events and access events were deleted."""

    events: int
    accesses: int


def prune(now: datetime) -> Pruned:
    """Delete what is past its retention, oldest first. A run that is interrupted is continued by the next."""
    applied_before = now - timedelta(days=settings.CALLBACK_RETENTION_DAYS)
    events = 0
    for account in Account.objects.order_by("pk"):  # one by one: so the index finds the oldest of each
        applied = CallbackEvent.objects.filter(account=account, outcome=EventOutcome.APPLIED)
        events += _delete(applied.filter(received_at__lt=applied_before).order_by("received_at"))
    before = now - timedelta(days=settings.ACCESS_RETENTION_DAYS)
    accesses = _delete(AccessEvent.objects.filter(at__lt=before).order_by("at", "pk"))
    for rows in OutgoingEvent.objects.past_retention(now):
        _delete(rows)
    Session.objects.filter(
        expire_date__lt=now
    ).delete()  # of people who closed the browser, and of no use to anybody
    return Pruned(events, accesses)


def _delete(rows: QuerySet[Any]) -> int:
    """Delete all of `rows`, a batch at a time; return how many."""
    gone = 0
    while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
        gone += rows.model._default_manager.filter(pk__in=batch).delete()[0]
        if len(batch) < BATCH:
            break
    return gone
