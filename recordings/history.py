"""Retention: deletes access events, callback events and events for other programs that are old enough.

Access events older than ACCESS_RETENTION_DAYS and *applied* callback events older than CALLBACK_RETENTION_DAYS. Never
a callback that had no effect, and never a spent nonce, which keeps an old delivery from being played again. Events
for other programs a week after they were delivered, or a month after they were given up.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now

from recordings.choices import EventOutcome
from recordings.models import AccessEvent, Account, CallbackEvent, OutgoingEvent, Recording, SyncRun

BATCH = 500  # rows deleted in one transaction, so that nobody waits long for it

CLOCK_LEEWAY = timedelta(minutes=1)
# What is written by this machine's clock when something happens here, and waited for
OWN_TIMES: dict[type[Model], tuple[str, ...]] = {
    SyncRun: ("started_at", "ended_at"),
    Account: (
        "settled_at", "live_tried_at", "live_refresh_started_at", "live_refreshed_at", "first_synced_at",
        "archive_paused_at", "dropped_at",
    ),
    CallbackEvent: ("received_at",),
    Recording: ("requested_at", "archived_at", "archive_asked_at", "no_callback_at"),
}  # fmt: skip

logger = logging.getLogger(__name__)


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


def correct_future_times(now: datetime) -> int:
    """Set to now the times of our own that lie in the future by the database's clock and by `now`; return how many.

    They were written while a machine's clock was fast. Work that waits for such a moment would wait as long as the
    clock was wrong. A machine whose clock is still fast corrects nothing: what it has just done would seem long ago to
    it, and be done again at once. What Vobiz says is left as it is.
    """
    corrected = 0
    for model, columns in OWN_TIMES.items():
        for column in columns:
            later = Q(**{f"{column}__gt": Now() + CLOCK_LEEWAY}) & Q(**{f"{column}__gt": now + CLOCK_LEEWAY})
            rows = model._default_manager.filter(later).order_by()
            if rows.exists():
                corrected += rows.update(**{column: Now()})
    if corrected:
        logger.warning("The clock was wrong: %s times in the future were set to now.", corrected)
    return corrected


def _delete(rows: QuerySet[Any]) -> int:
    """Delete all of `rows`, a batch at a time; return how many."""
    gone = 0
    while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
        gone += rows.model._default_manager.filter(pk__in=batch).delete()[0]
        if len(batch) < BATCH:
            break
    return gone
