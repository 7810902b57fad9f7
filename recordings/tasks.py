"""What runs outside a request, and in which order the verbs follow each other there.

A task in the queue is only a wake-up: it says that something may be due, and the rows say what is. A task that is
lost, or that comes twice, costs nothing.
"""

from __future__ import annotations

import itertools
import logging
import os
import platform
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import close_old_connections, connection, transaction
from django.utils import timezone
from django_tasks import task

from recordings import archive, reconcile, sync
from recordings.archive import verifying
from recordings.models import Account, Recording, SyncRun, Worker
from recordings.models.lease_renewal import LEASE_RENEWER
from recordings.reconcile import Settled
from recordings.vobiz.client import BACKGROUND, INTERACTIVE

logger = logging.getLogger(__name__)

# Who this process is, in leases and among the workers.
HOLDER = f"{platform.node()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
# Set when this process is to end: what is in hand is finished, and nothing more begun.
STOPPING = threading.Event()
WAKE_EVERY = 1.0  # seconds between two tasks of one kind for one row: a burst of callbacks needs no more
ARCHIVED_AT_ONCE = 2  # recordings side by side, by one worker
VERIFIED_IN, VERIFIED_AT_LEAST = 30, 100  # nights for the whole archive; files a night
VERIFIED_WITHIN = timedelta(hours=4)
ARCHIVED_IN_A_ROUND = 100  # after which accounts are looked at anew: one may have been switched off

_takes = itertools.count(1)
_woken: dict[tuple[str, object], float] = {}


class Stopped(KeyboardInterrupt):
    """This process is to end, and a sync in hand would take too long."""


@dataclass(frozen=True, slots=True)
class Synced:
    """How a sync and the settling after it ended; `run` is None where nothing is written down (a dry run)."""

    tally: sync.Tally
    run: SyncRun | None
    settled: Settled | None
    already_running: bool = False


# Work, done here and now


def settle(account: Account, *, within: float | None = None) -> Settled | None:
    """Settle what is open of an account, under its lease; None where another is at it, who will see to it.

    `within` so many seconds, for a person who waits: what is left then is due as before.
    """
    holder = f"{HOLDER}/{next(_takes)}"
    began, done = timezone.now(), {}
    deadline = time.monotonic() + within if within is not None else None
    if not Account.objects.filter(pk=account.pk).lease(holder, limit=1):
        return None
    account.refresh_from_db()
    try:
        with LEASE_RENEWER.renewing(partial(account.renew, holder)) as lease:

            def may_go_on() -> bool:
                in_time = deadline is None or time.monotonic() < deadline
                return in_time and not lease.lost and not STOPPING.is_set()

            retry_policy = BACKGROUND if within is None else INTERACTIVE
            settled = reconcile.settle(account, now=began, may_go_on=may_go_on, retry_policy=retry_policy)
            if settled.error is None and may_go_on():
                done["settled_at"] = began
        return settled
    finally:
        account.release(holder, **done)


def sync_account(
    account: Account,
    scope: sync.Scope,
    *,
    by: User | None,
    progress: sync.Progress | None = None,
    after: int | None = None,
) -> Synced:
    """Sync now, then settle what is due: read-backs after callbacks, callbacks not applied yet.

    `after`: not where there was a run since that one, which the caller did not know of.
    """
    run = None
    if not scope.dry_run:
        run = SyncRun.objects.begin(account, now=timezone.now(), scope=scope.as_json(), by=by, after=after)
        if run is None:
            return Synced(sync.Tally(), None, None, already_running=True)
    return _carry_out(account, scope, run, progress)


def archive_accounts(accounts: list[Account], *, limit: int | None) -> archive.Report:
    """Archive what is due of these accounts: what a person asked for, and all of those archived automatically."""
    holder = f"{HOLDER}/{next(_takes)}"
    return archive.run(
        accounts,
        limit=limit,
        workers=ARCHIVED_AT_ONCE,
        by=holder,
        now=timezone.now(),
        automatic=True,
        stop=STOPPING,
    )


def verify_slice(now: datetime) -> verifying.Report:
    """Read those archived files again that nobody has looked at for longest: all of them, in VERIFIED_IN nights."""
    kept = Recording.objects.filter(archived_at__isnull=False).count()
    return verifying.verify(
        Account.objects.all(),
        by=f"{HOLDER}/{next(_takes)}",
        now=now,
        limit=max(VERIFIED_AT_LEAST, -(-kept // VERIFIED_IN)),
        within=VERIFIED_WITHIN,
        stop=STOPPING,
    )


def archive_now(pks: list[int]) -> None:
    """A person wants these archived, ahead of their turn and whether or not their accounts are automatically.

    A worker does it. Where none is there, it is done in a thread of this process; should that end, they are due.
    """
    chosen, now = Recording.objects.filter(pk__in=pks), timezone.now()
    left: list[int] = []
    chosen.request_archive(now)
    for account in Account.objects.filter(recording__in=chosen).distinct():
        account.schedule_archive_probe(now=now)
        if not wake(archive_account, account.pk):
            left += chosen.filter(account=account).values_list("pk", flat=True)
    if left:
        thread = threading.Thread(target=_archive_in_thread, args=(left,), name="archive-now", daemon=True)
        transaction.on_commit(thread.start)  # it looks at what is asked for here


def _archive_in_thread(pks: list[int]) -> None:
    close_old_connections()
    try:
        archive_these(pks)
    except Exception:
        logger.exception("Archiving now stopped")
    finally:
        connection.close()


def archive_these(pks: list[int]) -> archive.Report:
    """Archive these, due or not; one that another has in hand is left to it."""
    accounts = list(Account.objects.active().filter(recording__in=pks).distinct())
    holder = f"{HOLDER}/{next(_takes)}"
    return archive.run(
        accounts, limit=None, workers=1, by=holder, now=timezone.now(), only=pks, stop=STOPPING
    )


def sync_in_background(account: Account, scope: sync.Scope, *, by: User | None) -> tuple[SyncRun, bool]:
    """Begin a sync that goes on after the request that asked for it. The run, and whether it is a new one.

    A worker carries it out. Where none is there, it lives in a thread of this process: should the process end, the
    run's lease ends too and the run is shown as interrupted; what it had read is kept.
    """
    run = SyncRun.objects.begin(account, now=timezone.now(), scope=scope.as_json(), by=by)
    if run is None:
        running = SyncRun.objects.running().filter(account=account).first()
        if running is not None:
            return running, False
        return sync_in_background(account, scope, by=by)  # the other ended this very moment
    if not wake(carry_out_sync, run.pk):
        threading.Thread(
            target=_in_thread, args=(account, scope, run), name=f"sync-{run.pk}", daemon=True
        ).start()
    return run, True


def stop_when_asked(tally: sync.Tally) -> None:
    """Ends a sync between two pages when this process is to end; the next worker begins it anew."""
    if STOPPING.is_set():
        raise Stopped


def _in_thread(account: Account, scope: sync.Scope, run: SyncRun) -> None:
    close_old_connections()
    try:
        _carry_out(account, scope, run, None)
    except Exception:
        logger.exception("Sync run %s stopped", run.pk)
    finally:
        connection.close()


def _carry_out(
    account: Account, scope: sync.Scope, run: SyncRun | None, progress: sync.Progress | None
) -> Synced:
    now = timezone.now()
    if run is None:
        tally = sync.run(account, scope, now=now, sync_run=None, progress=progress)
    else:
        with LEASE_RENEWER.renewing(run.record_progress):
            tally = sync.run(account, scope, now=now, sync_run=run, progress=progress)
    settled = settle(account) if not scope.dry_run and tally.pages else None
    return Synced(tally, run, settled)


# Wake-ups


@task(queue_name="settle")
def settle_account(account_pk: int) -> None:
    """Something may be due of this account: a callback came."""
    account = Account.objects.filter(pk=account_pk).first()
    if account is not None:
        settle(account)


@task(queue_name="sync")
def carry_out_sync(run_pk: int) -> None:
    """A person asked for this sync, and its run is begun."""
    run = SyncRun.objects.running().filter(pk=run_pk).select_related("account__parent").first()
    if run is not None and run.record_progress():
        _carry_out(run.account, sync.Scope.from_json(run.scope), run, stop_when_asked)


@task(queue_name="archive")
def archive_account(account_pk: int) -> None:
    """A person asked for recordings of this account; what else is due of it may come along."""
    archive_accounts(list(Account.objects.filter(pk=account_pk)), limit=ARCHIVED_IN_A_ROUND)


def wake(what: Any, row: int) -> bool:
    """Have a worker look at a row soon. False: there is none, or the queue is away; nothing is lost by that."""
    key = (what.name, row)
    if time.monotonic() - _woken.get(key, -WAKE_EVERY) < WAKE_EVERY:
        return True
    try:
        if not Worker.objects.alive().exists():
            return False
        what.enqueue(row)
    except Exception as error:  # noqa: BLE001 - whatever the queue has, who asks must not suffer for it
        logger.warning("No worker could be woken: %s", type(error).__name__)
        return False
    _woken[key] = time.monotonic()
    return True
