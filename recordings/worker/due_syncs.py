"""Which sync is due: the newest pages every five minutes, everything once a night. No cron job is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from django.contrib.auth.models import User

from recordings.choices import SyncState
from recordings.models import Account, SyncRun
from recordings.sync import SyncRequest

SYNC_EVERY = timedelta(minutes=5)
NIGHT = time(2)  # by the account's clock
NIGHT_LENGTH = timedelta(hours=4)
OVERDUE_AFTER = timedelta(hours=36)  # without a full run for so long, one is made by day
RETRY_AFTER = timedelta(hours=1)  # between two tries of a night
OVERLAP = timedelta(hours=1)  # what was added so shortly before the last run is read again
MAX_RESTARTS = 3  # runs interrupted in a row that are begun anew at once


@dataclass(frozen=True, slots=True)
class DueSync:
    """What to read, and for whom: an interrupted run of a person restarts in their name."""

    scope: SyncRequest
    by: User | None = None


def due_sync(account: Account, now: datetime) -> DueSync | None:
    """Return the sync that is due now, if one is. Costs a few queries, each by an index.

    Runs that a fast clock dated in the future do not count: else nothing would be due until then.
    """
    if SyncRun.objects.filter(account=account).running().exists():
        return None
    of_account = SyncRun.objects.filter(account=account, started_at__lte=now)
    last = list(of_account.select_related("requested_by").order_by("-started_at", "-pk")[:MAX_RESTARTS])
    interrupted = [run for run in last if run.state == SyncState.INTERRUPTED]
    if (
        last
        and last[0] in interrupted
        and len(interrupted) < MAX_RESTARTS
        and last[0].started_at > now - OVERDUE_AFTER
    ):
        return DueSync(SyncRequest.from_json(last[0].scope), last[0].requested_by)
    if _full_is_due(account, now):
        return DueSync(SyncRequest(full=True))
    if of_account.unfiltered().filter(started_at__gt=now - SYNC_EVERY).exists():
        return None
    whole = of_account.without_gap().order_by("-started_at").first()
    return DueSync(SyncRequest(newest=whole.started_at - OVERLAP) if whole is not None else SyncRequest())


def night_of(now: datetime, zone: tzinfo) -> datetime:
    """Return when the last night began, in a time zone."""
    today = datetime.combine(now.astimezone(zone).date(), NIGHT, tzinfo=zone)
    return today if today <= now else today - timedelta(days=1)


def _full_is_due(account: Account, now: datetime) -> bool:
    """Return whether a full sync is due: at night once, or by day after OVERDUE_AFTER without one."""
    began = night_of(now, account.zone)
    full = SyncRun.objects.filter(account=account, scope__full=True, started_at__lte=now).unfiltered()
    if account.first_synced_at is None or full.filter(started_at__gte=began, complete=True).exists():
        return False
    if full.filter(started_at__gt=now - RETRY_AFTER).exists():
        return False
    missed = not full.filter(started_at__gt=now - OVERDUE_AFTER, complete=True).exists()
    is_old = account.first_synced_at <= now - OVERDUE_AFTER
    return now < began + NIGHT_LENGTH or (missed and is_old)
