"""Correct the times in the future that a machine wrote while its clock was fast."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from recordings.clock import written_by_fast_clock
from recordings.models import (
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
    CacheEntry: {"expires_at": timedelta(days=1)},  # used-up guesses
}

logger = logging.getLogger(__name__)


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
