"""One look each at what is due of a kind, and doing it."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from recordings import tasks
from recordings.choices import EventOutcome
from recordings.models import Account, CallbackEvent, Recording, SyncRun
from recordings.worker.schedule import due_sync

logger = logging.getLogger(__name__)

REST = 30.0  # seconds for which an account is left alone where Vobiz could not be asked
SETTLED_EVERY = timedelta(minutes=2)  # an account is looked at whether or not anything seems due


def to_settle(now: datetime) -> QuerySet[Account]:
    """Accounts of which something is open, or that were not looked at for a while; the longest unsettled first."""
    rows = Recording.objects.order_by()
    events = CallbackEvent.objects.filter(account=OuterRef("pk"))
    waiting = events.filter(outcome__in=(EventOutcome.RECEIVED, EventOutcome.UNMATCHED))
    open_now = (
        Q(pk__in=rows.open().values("account"))
        | Q(pk__in=rows.filter(read_back_due_at__lte=now).values("account"))
        | Exists(waiting.exclude(outcome=EventOutcome.APPLIED))
    )
    late = Q(settled_at=None) | Q(settled_at__lt=now - SETTLED_EVERY)
    accounts = Account.objects.active().free().filter(open_now | late)
    return accounts.order_by("settled_at", "pk")


class SettleRound:
    """Callbacks, read-backs, starts of unknown outcome, calls of open recordings, what never came."""

    def __init__(self) -> None:
        self._rests: dict[int, float] = {}

    def __call__(self) -> None:
        """Each account that is free, one after the other."""
        now = time.monotonic()
        for account in list(to_settle(timezone.now())):
            if tasks.STOPPING.is_set():
                return
            if self._rests.get(account.pk, 0.0) > now:
                continue
            settled = tasks.settle(account)
            if settled is not None and settled.error is not None:
                logger.warning("%s could not be settled: %s", account.masked_auth_id, settled.error)
                self._rests[account.pk] = time.monotonic() + REST


def sync_round() -> None:
    """The syncs that are due by themselves, and those that were interrupted."""
    now = timezone.now()
    SyncRun.objects.mark_stale_interrupted(now)
    for account in Account.objects.active().exclude(encrypted_token=None).select_related("parent"):
        if tasks.STOPPING.is_set():
            return
        of_account = SyncRun.objects.filter(account=account).order_by("-pk")
        newest = of_account.values_list("pk", flat=True).first() or 0
        due = due_sync(account, timezone.now())
        if due is not None:  # unless another worker has just done it
            progress = tasks.stop_when_asked
            tasks.sync_account(account, due.scope, by=due.by, progress=progress, after=newest)


def archive_round() -> None:
    """What is due to be archived, nearest to leaving Vobiz first, until nothing is."""
    while not tasks.STOPPING.is_set():
        accounts = list(Account.objects.active().select_related("parent"))
        report = tasks.archive_accounts(accounts, limit=tasks.ARCHIVED_IN_A_ROUND)
        if report.tried < tasks.ARCHIVED_IN_A_ROUND:
            return
