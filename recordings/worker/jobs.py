"""The jobs that the scheduler runs in the worker threads: each finds what is due and does it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from recordings import tasks
from recordings.choices import EventOutcome
from recordings.models import Account, CallbackEvent, Recording, SyncRun
from recordings.worker.due_syncs import due_sync
from recordings.worker.steps import Step, run_each

logger = logging.getLogger(__name__)

BACKOFF_SECONDS = 30.0  # seconds for which an account is left alone where Vobiz could not be asked
CHECK_EVERY = 60.0  # seconds between two looks for problems
RECONCILE_EVERY = timedelta(minutes=2)  # an account is looked at whether or not anything seems due


def accounts_to_reconcile(now: datetime) -> QuerySet[Account]:
    """Return the accounts with something open, or not checked for RECONCILE_EVERY; the oldest check first."""
    rows = Recording.objects.order_by()
    events = CallbackEvent.objects.filter(account=OuterRef("pk"))
    waiting = events.filter(outcome__in=(EventOutcome.RECEIVED, EventOutcome.UNMATCHED))
    open_now = (
        Q(pk__in=rows.open().values("account"))
        | Q(pk__in=rows.filter(read_back_due_at__lte=now).values("account"))
        | Exists(waiting.exclude(outcome=EventOutcome.APPLIED))
    )
    late = Q(settled_at=None) | Q(settled_at__lt=now - RECONCILE_EVERY)
    accounts = Account.objects.active().free().filter(open_now | late | Q(refused_due_at__isnull=False))
    return accounts.order_by("settled_at", "pk")


class ReconcileJob:
    """The job that reconciles each account that is due, with a backoff where Vobiz could not be asked."""

    def __init__(self) -> None:
        self._rests: dict[int, float] = {}

    def __call__(self) -> None:
        """Reconcile each account whose lease is free, one after the other, also where one fails."""
        run_each(self._steps())

    def _steps(self) -> Iterator[Step]:
        now = time.monotonic()
        for account in list(accounts_to_reconcile(timezone.now())):
            if tasks.STOPPING.is_set():
                return
            if self._rests.get(account.pk, 0.0) <= now:
                yield f"reconcile {account.masked_auth_id}", partial(self._reconcile, account)

    def _reconcile(self, account: Account) -> None:
        try:
            settled = tasks.reconcile_account(account)
        except Exception:
            self._rest(account)
            raise
        if settled is not None and settled.error is not None:
            logger.warning(
                "Unfinished recordings of %s could not be checked: %s",
                account.masked_auth_id,
                settled.error,
            )
            self._rest(account)

    def _rest(self, account: Account) -> None:
        self._rests[account.pk] = time.monotonic() + BACKOFF_SECONDS


class AlertJob:
    """The job that looks for problems every CHECK_EVERY, and sends what is due at each sweep."""

    def __init__(self) -> None:
        self._next_check = 0.0

    def __call__(self) -> None:
        """Check, if it is time, and send."""
        check = time.monotonic() >= self._next_check
        if check:
            self._next_check = time.monotonic() + min(CHECK_EVERY, 4 * settings.SWEEP_SECONDS)
        tasks.run_alerts(timezone.now(), check=check)


def run_due_syncs() -> None:
    """Run the syncs that are due, and restart those that were interrupted."""
    now = timezone.now()
    SyncRun.objects.mark_stale_interrupted(now)
    run_each(_due_syncs())


def _due_syncs() -> Iterator[Step]:
    for account in Account.objects.active().exclude(encrypted_token=None).select_related("parent"):
        if tasks.STOPPING.is_set():
            return
        yield f"sync {account.masked_auth_id}", partial(_sync_if_due, account)


def _sync_if_due(account: Account) -> None:
    of_account = SyncRun.objects.filter(account=account).order_by("-pk")
    newest = of_account.values_list("pk", flat=True).first() or 0
    due = due_sync(account, timezone.now())
    if due is not None and account.may_ask_api(timezone.now()):  # unless another worker has just done it
        progress = tasks.raise_if_stopping
        tasks.sync_account(account, due.scope, by=due.by, progress=progress, after=newest)


def run_due_archiving() -> None:
    """Archive what is due, by the end of its retention, until nothing is left."""
    while not tasks.STOPPING.is_set():
        accounts = list(Account.objects.active().select_related("parent"))
        report = tasks.archive_accounts(accounts, limit=tasks.ARCHIVE_BATCH)
        if report.tried < tasks.ARCHIVE_BATCH:
            return
