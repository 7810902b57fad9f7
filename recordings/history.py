"""Retention: deletes access events, callback events and events for other programs that are old enough.

Access events older than ACCESS_RETENTION_DAYS and *applied* callback events older than CALLBACK_RETENTION_DAYS. Never
a callback that had no effect, and never a spent nonce, which keeps an old delivery from being played again. Events
for other programs a week after they were delivered, or a month after they were given up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from recordings.choices import EventOutcome
from recordings.clock import written_by_fast_clock
from recordings.models import (
    AccessEvent,
    Account,
    Alert,
    AlertChoice,
    AlertMessage,
    Call,
    CallbackEvent,
    OutgoingEvent,
    Recording,
    SyncRun,
    Worker,
)
from recordings.models.account import API_PROBED_EVERY, ARCHIVE_PROBED_EVERY
from recordings.models.alert import LONGEST_WAIT
from recordings.models.recording.queryset import LONGEST_READ_BACK_WAIT
from recordings.shared_cache import CacheEntry

BATCH = 500  # rows deleted in one transaction, so that nobody waits long for it

DAY = timedelta(days=1)
# What is written by this machine's clock when something happens here, and waited for
OWN_TIMES: dict[type[Model], tuple[str, ...]] = {
    SyncRun: ("started_at", "ended_at"),
    Account: (
        "settled_at", "live_tried_at", "live_refresh_started_at", "live_refreshed_at", "first_synced_at",
        "archive_paused_at", "dropped_at", "gap_seen_at",
    ),
    CallbackEvent: ("received_at",),
    Recording: ("requested_at", "archived_at", "archive_asked_at", "no_callback_at"),
    Worker: ("nightly_at",),
    AlertChoice: ("digest_at",),
}  # fmt: skip
# What is set to a moment that is still to come, and how far ahead at most. Longer waits there are none; what a person
# chose, as how long a former token is accepted, is not among them.
DUE_TIMES: dict[type[Model], dict[str, timedelta]] = {
    Account: {"archive_probe_at": ARCHIVE_PROBED_EVERY, "api_probe_at": API_PROBED_EVERY},
    Recording: {"read_back_due_at": LONGEST_READ_BACK_WAIT},
    AlertMessage: {"next_at": LONGEST_WAIT},
    OutgoingEvent: {"next_at": LONGEST_WAIT},
    CacheEntry: {"expires_at": DAY},  # used-up guesses
}

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
    """Set to now the times of our own that a machine wrote while its clock was fast; return how many.

    Work that waits for such a moment would wait as long as the clock was wrong. What Vobiz says is left as it is. Two
    columns are in large tables and in no index: `Recording.archive_next_at` and `synced_at`. Their queries ask for such
    times themselves.
    """
    corrected = 0
    for found, column, furthest in _times():
        rows = found.filter(written_by_fast_clock(column, now, furthest=furthest)).order_by()
        if rows.exists():
            with transaction.atomic():
                # A row that somebody holds is left for the next sweep: no wait, no deadlock.
                free = rows.select_for_update(skip_locked=True, no_key=True, of=("self",)).values("pk")
                corrected += found.model._default_manager.filter(pk__in=free).update(**{column: Now()})
    if corrected:
        logger.warning("The clock was wrong: %s times in the future were set to now.", corrected)
    return corrected


def _times() -> Iterator[tuple[QuerySet[Any], str, timedelta]]:
    """Yield rows, a column of theirs, and how far in the future it may be; each is found by an index, or among few."""
    for model, columns in OWN_TIMES.items():
        for column in columns:
            yield model._default_manager.all(), column, timedelta(0)
    for model, furthest in DUE_TIMES.items():
        for column in furthest:
            yield model._default_manager.all(), column, furthest[column]
    running = Recording.objects.order_by().open()
    archived = Recording.objects.filter(archived_at__isnull=False)
    yield running, "stop_requested_at", timedelta(0)
    yield archived, "verified_at", timedelta(0)
    yield Call.objects.live(), "seen_live_at", timedelta(0)
    yield Call.objects.filter(pk__in=running.values("call")), "ended_at", timedelta(0)
    yield Alert.objects.current(), "seen_at", timedelta(0)


def _delete(rows: QuerySet[Any]) -> int:
    """Delete all of `rows`, a batch at a time; return how many."""
    gone = 0
    while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
        gone += rows.model._default_manager.filter(pk__in=batch).delete()[0]
        if len(batch) < BATCH:
            break
    return gone
