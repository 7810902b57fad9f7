"""The parts of a settling, in their order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from recordings.clock import Clock
from recordings.mirror import ACCOUNT_ERRORS
from recordings.models import Account, CallbackEvent, Recording
from recordings.provider import client_for, explain
from recordings.reconcile import silence
from recordings.reconcile.announced import Announced, apply_again
from recordings.reconcile.errand import Errand, Settled
from recordings.reconcile.unfinished import Unfinished
from recordings.vobiz.client import BACKGROUND, RetryPolicy


def settle(
    account: Account,
    *,
    now: datetime,
    may_go_on: Callable[[], bool] = lambda: True,
    retry_policy: RetryPolicy = BACKGROUND,
) -> Settled:
    """Settle what is open of one account, as far as `may_go_on`. Harmless where nothing is."""
    errand = Errand(account, Clock(now), may_go_on)
    apply_again(errand)
    try:
        with client_for(account, retry_policy=retry_policy) as client:
            Announced(errand, client).find()
            Unfinished(errand, client).settle()
    except ACCOUNT_ERRORS as error:
        errand.errors.append(explain(error, account))
    silence.note_missing_callbacks(account, now=now)
    silence.note_missing_transcripts(account, now=now)
    # what came while Vobiz was asked waits for the next time
    answered = CallbackEvent.objects.awaiting_read_back().filter(account=account, received_at__lte=now)
    errand.settled += answered.close()
    return Settled(errand.settled, still_open(account), errand.errors[0] if errand.errors else None)


def still_open(account: Account) -> int:
    """Recordings that Vobiz is to be asked about, now or later, and events that had no effect yet."""
    due = Recording.objects.filter(account=account, read_back_due_at__isnull=False)
    left = CallbackEvent.objects.not_applied().filter(account=account)
    return due.count() + left.count()
