"""Which sync of an account is due by itself: the newest pages every five minutes, everything once a night."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from django.contrib.auth.models import User

from recordings.choices import SyncState
from recordings.models import Account, SyncRun
from recordings.sync import Scope

EVERY = timedelta(minutes=5)
NIGHT = time(2)  # by the account's clock
NIGHT_LASTS = timedelta(hours=4)
MISSED = timedelta(hours=36)  # without a full run for so long, one is made by day
AGAIN = timedelta(hours=1)  # between two tries of a night
MARGIN = timedelta(hours=1)  # what was added so shortly before the last run is read again
TRIES = 3  # runs interrupted in a row that are begun anew at once


@dataclass(frozen=True, slots=True)
class DueSync:
    """What to read, and for whom: a person's run that was interrupted is begun anew in their name."""

    scope: Scope
    by: User | None = None


def due_sync(account: Account, now: datetime) -> DueSync | None:
    """The sync that is due now, if one is. At most a handful of queries, each by an index."""
    of_account = SyncRun.objects.filter(account=account)
    if of_account.running().exists():
        return None
    last = list(of_account.select_related("requested_by").order_by("-started_at", "-pk")[:TRIES])
    interrupted = [run for run in last if run.state == SyncState.INTERRUPTED]
    if last and last[0] in interrupted and len(interrupted) < TRIES and last[0].started_at > now - MISSED:
        return DueSync(Scope.from_json(last[0].scope), last[0].requested_by)
    if _full_is_due(account, now):
        return DueSync(Scope(full=True))
    if of_account.unfiltered().filter(started_at__gt=now - EVERY).exists():
        return None
    whole = of_account.without_gap().order_by("-started_at").first()
    return DueSync(Scope(newest=whole.started_at - MARGIN) if whole is not None else Scope())


def night_of(now: datetime, zone: tzinfo) -> datetime:
    """When the last night began, by the clocks of a zone."""
    today = datetime.combine(now.astimezone(zone).date(), NIGHT, tzinfo=zone)
    return today if today <= now else today - timedelta(days=1)


def _full_is_due(account: Account, now: datetime) -> bool:
    """Not done in the last night, and it is night; or it was missed for too long. Once everything was read before."""
    began = night_of(now, account.zone)
    full = SyncRun.objects.filter(account=account, scope__full=True).unfiltered()
    if account.first_synced_at is None or full.filter(started_at__gte=began, complete=True).exists():
        return False
    if full.filter(started_at__gt=now - AGAIN).exists():
        return False
    missed = not full.filter(started_at__gt=now - MISSED, complete=True).exists()
    is_old = account.first_synced_at <= now - MISSED
    return now < began + NIGHT_LASTS or (missed and is_old)
