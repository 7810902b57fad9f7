"""The parts of one reconcile run, in their order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db.models import F

from recordings.callbacks import processing
from recordings.choices import EventOutcome
from recordings.clock import Clock
from recordings.mirror import ACCOUNT_ERRORS
from recordings.models import Account, CallbackEvent, Recording
from recordings.provider import client_for, explain
from recordings.reconcile import missing_callbacks
from recordings.reconcile.context import ReconcileContext, ReconcileResult
from recordings.reconcile.open_recordings import OpenRecordings
from recordings.reconcile.unmatched_callbacks import UnmatchedCallbacks, retry_callbacks
from recordings.vobiz.client import BACKGROUND, RetryPolicy


def run(
    account: Account,
    *,
    now: datetime,
    may_go_on: Callable[[], bool] = lambda: True,
    retry_policy: RetryPolicy = BACKGROUND,
) -> ReconcileResult:
    """Reconcile one account, as long as `may_go_on` allows. Running it twice does no harm."""
    context = ReconcileContext(account, Clock(now), may_go_on)
    _process_refused(account, now=now)
    retry_callbacks(context)
    try:
        with client_for(account, retry_policy=retry_policy) as client:
            if account.api_failures:  # the probe: what is due may be nothing
                client.check()
                account.record_api_success()
            UnmatchedCallbacks(context, client).find()
            OpenRecordings(context, client).check()
    except ACCOUNT_ERRORS as error:
        account.record_api_failure(error, now=context.now())
        context.errors.append(explain(error, account))
    missing_callbacks.mark_missing_callbacks(account, now=now)
    missing_callbacks.mark_missing_transcripts(account, now=now)
    # what came while Vobiz was asked waits for the next time
    answered = CallbackEvent.objects.awaiting_read_back().filter(account=account, received_at__lte=now)
    context.settled += answered.close()
    return ReconcileResult(
        context.settled, count_open(account), context.errors[0] if context.errors else None
    )


def _process_refused(account: Account, *, now: datetime) -> None:
    """Verify refused callbacks again after the token was changed, a batch a run, until none is taken any more."""
    if account.refused_due_at is None:
        return
    outcomes = processing.process_refused(account, now=now)
    taken = outcomes.total() - outcomes[EventOutcome.REFUSED]
    if outcomes.total() < processing.REFUSED_AT_ONCE or not taken:
        Account.objects.filter(pk=account.pk, refused_due_at=account.refused_due_at).update(
            refused_due_at=None
        )


def count_open(account: Account) -> int:
    """Count the recordings with a read-back due, now or later, and the events that had no effect yet."""
    # The account is hidden from SQLite's planner, which would walk all its rows instead of the few that are due.
    due = Recording.objects.alias(whose=F("account_id") + 0).filter(
        whose=account.pk, read_back_due_at__isnull=False
    )
    left = CallbackEvent.objects.not_applied().filter(account=account)
    return due.count() + left.count()
