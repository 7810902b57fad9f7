"""What runs outside a request, and in which order the services follow each other there.

A task in the queue is only a wake-up: it says that something may be due, and the rows say what is. A task that is
lost, or that comes twice, costs nothing. One alone is the work itself, `mail_password_link`: no row says that a link
is to be sent. So it is tried again, the queues keep it (`worker/queue.py`), and the access log says what became of it.
"""

from __future__ import annotations

import itertools
import logging
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import close_old_connections, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django_tasks import task

from recordings import alerts, archive, live, mail, overview, reconcile, smtp, sync
from recordings.archive import verifying
from recordings.choices import AccessAction, AccessResult, SyncState
from recordings.clock import Clock
from recordings.lease import LEASE_RENEWER
from recordings.models import AccessEvent, Account, Recording, SyncRun, Worker
from recordings.models.alert import FIRST_WAIT, LONGEST_WAIT
from recordings.reconcile import ReconcileResult
from recordings.vobiz.client import BACKGROUND, INTERACTIVE

logger = logging.getLogger(__name__)

# Who this process is, in leases and among the workers.
WORKER_ID = f"{platform.node()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
# Set when this process is to end: what is in hand is finished, and nothing more begun.
STOPPING = threading.Event()
MOST_WOKEN = 1_000  # tasks and rows whose last waking is remembered
WAKE_INTERVAL = 1.0  # seconds between two tasks of one kind for one row: a burst of callbacks needs no more
ARCHIVE_THREADS = 2  # recordings side by side, by one worker
VERIFY_NIGHTS, VERIFY_MINIMUM = 30, 100  # nights for the whole archive; files a night
VERIFY_TIMEOUT = timedelta(hours=4)
LIVE_INTERVAL = timedelta(seconds=15)  # between two lists of an account's live calls, for a count
MOST_LIVE_ACCOUNTS = 16  # whose live calls one task asks for
MAIL_RETRIED_FOR = 24 * 3_600.0  # seconds for which a link that could not be sent is tried again
ARCHIVE_BATCH = 100  # after which accounts are looked at anew: one may have become inactive

_lease_numbers = itertools.count(1)
_woken: dict[tuple[str, object], tuple[float, bool]] = {}  # when, and whether a worker was there


class ShutdownInterrupt(KeyboardInterrupt):
    """The process shuts down, so a sync that runs stops between two pages."""


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """The result of a sync and of the reconcile run after it. `run` is None for a dry run."""

    result: sync.SyncResult
    run: SyncRun | None
    settled: ReconcileResult | None
    already_running: bool = False


# Work, done here and now


def reconcile_account(account: Account, *, within: float | None = None) -> ReconcileResult | None:
    """Reconcile an account under its lease; return None where another process holds the lease.

    `within` so many seconds, for a person who waits: what is left then is due as before.
    """
    holder = f"{WORKER_ID}/{next(_lease_numbers)}"
    began, done = timezone.now(), {}
    deadline = time.monotonic() + within if within is not None else None
    if within is None and not account.may_ask_api(began):
        return None
    if not Account.objects.filter(pk=account.pk).lease(holder, limit=1):
        return None
    account.refresh_from_db()
    try:
        with LEASE_RENEWER.renewing(partial(account.renew, holder)) as lease:

            def may_go_on() -> bool:
                in_time = deadline is None or time.monotonic() < deadline
                return in_time and not lease.lost and not STOPPING.is_set()

            retry_policy = BACKGROUND if within is None else INTERACTIVE
            settled = reconcile.run(account, now=began, may_go_on=may_go_on, retry_policy=retry_policy)
            if settled.error is None and may_go_on():
                done["settled_at"] = began
        return settled
    finally:
        account.release(holder, **done)


def sync_account(
    account: Account,
    scope: sync.SyncRequest,
    *,
    by: User | None,
    progress: sync.Progress | None = None,
    after: int | None = None,
) -> SyncOutcome:
    """Sync now, then reconcile what is due: read-backs after callbacks, callbacks not applied yet.

    `after`: not where there was a run since that one, which the caller did not know of.
    """
    run = None
    if not scope.dry_run:
        run = SyncRun.objects.begin(account, now=timezone.now(), scope=scope.as_json(), by=by, after=after)
        if run is None:
            return SyncOutcome(sync.SyncResult(), None, None, already_running=True)
    return _run_sync(account, scope, run, progress)


def archive_accounts(accounts: list[Account], *, limit: int | None) -> archive.Report:
    """Archive what is due of these accounts: what a person asked for, and all of those archived automatically."""
    holder = f"{WORKER_ID}/{next(_lease_numbers)}"
    return archive.run(
        accounts,
        limit=limit,
        workers=ARCHIVE_THREADS,
        by=holder,
        now=timezone.now(),
        automatic=True,
        stop=STOPPING,
    )


def run_alerts(now: datetime, *, check: bool) -> None:
    """Send the alerts that are due; with `check`, compare the problems of now with those told before, first."""
    clock = Clock(now)
    try:
        if check:
            alerts.record(overview.problems(now), now)
            alerts.write_digests(now)
    finally:  # what is written already is sent, whatever the look found
        alerts.send_due(clock.now(), stop=STOPPING.is_set)


def send_events() -> None:
    """Post the events that are due to other programs, until none can be."""
    while alerts.send_events(timezone.now(), stop=STOPPING.is_set):
        pass


def verify_nightly_share(now: datetime) -> verifying.Report:
    """Read those archived files again that nobody has looked at for longest: all of them, in VERIFY_NIGHTS nights."""
    kept = Recording.objects.filter(archived_at__isnull=False).count()
    return verifying.verify(
        Account.objects.all(),
        by=f"{WORKER_ID}/{next(_lease_numbers)}",
        now=now,
        limit=max(VERIFY_MINIMUM, -(-kept // VERIFY_NIGHTS)),
        within=VERIFY_TIMEOUT,
        stop=STOPPING,
    )


def archive_now(pks: list[int]) -> None:
    """Archive these ahead of their turn, because a person asked; also in accounts without auto-archiving.

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
        thread = _thread("archive-now", partial(archive_selected, left))
        transaction.on_commit(thread.start)  # it looks at what is asked for here


def _thread(name: str, work: Callable[[], object]) -> threading.Thread:
    """Return a thread of this process that does the work with a database connection of its own."""

    def run() -> None:
        close_old_connections()
        try:
            work()
        except Exception:
            logger.exception("The thread %s stopped", name)
        finally:
            connection.close()

    return threading.Thread(target=run, name=name, daemon=True)


def archive_selected(pks: list[int]) -> archive.Report:
    """Archive these, due or not; one that another has in hand is left to it."""
    accounts = list(Account.objects.active().filter(recording__in=pks).distinct())
    holder = f"{WORKER_ID}/{next(_lease_numbers)}"
    return archive.run(
        accounts, limit=None, workers=1, by=holder, now=timezone.now(), only=pks, stop=STOPPING
    )


def sync_in_background(account: Account, scope: sync.SyncRequest, *, by: User | None) -> tuple[SyncRun, bool]:
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
        _thread(f"sync-{run.pk}", partial(_run_sync, account, scope, run, None)).start()
    return run, True


def raise_if_stopping(result: sync.SyncResult) -> None:
    """Raise ShutdownInterrupt in a sync between two pages when the process ends; a worker restarts it."""
    if STOPPING.is_set():
        raise ShutdownInterrupt


def _run_sync(
    account: Account, scope: sync.SyncRequest, run: SyncRun | None, progress: sync.Progress | None
) -> SyncOutcome:
    now = timezone.now()
    if run is None:
        result = sync.run(account, scope, now=now, sync_run=None, progress=progress)
    else:
        with LEASE_RENEWER.renewing(run.record_progress):
            result = sync.run(account, scope, now=now, sync_run=run, progress=progress)
    stopped = result.state == SyncState.STOPPED  # by a person, who wants no more requests now
    settled = reconcile_account(account) if not scope.dry_run and result.pages and not stopped else None
    return SyncOutcome(result, run, settled)


# Wake-ups


@task(queue_name="settle")
def settle_account(account_pk: int) -> None:
    """Reconcile this account after a callback. Queued tasks hold the function's name, so it stays."""
    account = Account.objects.filter(pk=account_pk).first()
    if account is not None:
        reconcile_account(account)


@task(queue_name="sync")
def carry_out_sync(run_pk: int) -> None:
    """Run a sync that a person asked for; its run is begun."""
    run = SyncRun.objects.running().filter(pk=run_pk).select_related("account__parent").first()
    if run is not None and run.record_progress():
        _run_sync(run.account, sync.SyncRequest.from_json(run.scope), run, raise_if_stopping)


@task(queue_name="archive")
def archive_account(account_pk: int) -> None:
    """Archive what is due of this account, because a person asked for some of it."""
    archive_accounts(list(Account.objects.filter(pk=account_pk)), limit=ARCHIVE_BATCH)


@task(queue_name="settle")
def refresh_live_calls(account_pks: list[int]) -> None:
    """Refresh the live calls of those accounts where that was not done within LIVE_INTERVAL."""
    rows = Account.objects.active().filter(pk__in=account_pks).select_related("parent")
    live.refresh_all(_due_for_live_calls(rows, timezone.now()), now=timezone.now())


def request_live_calls(accounts: Collection[Account], now: datetime) -> None:
    """Have a worker refresh the live calls of these accounts, the stalest first; nobody waits for it."""
    if due := _due_for_live_calls(accounts, now):
        wake(refresh_live_calls, tuple(account.pk for account in due))


def _due_for_live_calls(accounts: Collection[Account], now: datetime) -> list[Account]:
    """Return those that Vobiz may be asked about, and was not within LIVE_INTERVAL."""
    due = [
        account
        for account in accounts
        if account.is_active
        and account.encrypted_token is not None
        and account.api_down_since is None
        and (account.live_tried_at is None or account.live_tried_at <= now - LIVE_INTERVAL)
    ]
    return sorted(due, key=lambda one: one.live_tried_at or one.created_at)[:MOST_LIVE_ACCOUNTS]


@task(queue_name="settle")
def mail_password_link(
    user_pk: int,
    asked_from: str | None = None,
    asked_by: int | None = None,
    asked_at: float | None = None,
    state: str | None = None,
    tries: int = 0,
) -> None:
    """Send a person the link to set a password: in the background, so that nobody can tell by the time who is known.

    `asked_from`: the address of whoever asked for it on the login page, which is noted here for the same reason.
    There nobody is 0, who is sent nothing. `asked_by`: the administrator who asked. `asked_at`: a POSIX time.
    `state`: what the person's page said then (`mail.state_of`); None in a job of an older version. The link itself is
    made here, and stands in no queue.
    """
    person = User.objects.filter(pk=user_pk, is_active=True).exclude(email="").first()
    if person is not None and asked_from is not None and not tries:
        detail = "asked for a new password"
        AccessEvent.objects.record(person, AccessAction.FACTOR, detail=detail, address=asked_from)
        logger.info("User %s %s, from %s", person.pk, detail, asked_from or "-")
    by = asked_by or (user_pk if asked_from is not None else 0)
    if person is None or (state is not None and state != mail.state_of(person)):
        _note_mail(mail.UNSENT, user_pk, by, _("The user was changed after it was asked for."))
        return
    why, may_be_retried = _send_password_link(person)
    asked_at = asked_at or time.time()
    if why is None:
        _note_mail(mail.SENT, user_pk, asked_by)
    elif may_be_retried and time.time() - asked_at < MAIL_RETRIED_FOR:
        if not tries:
            _note_mail(mail.DELAYED, user_pk, by, why)
        later = timezone.now() + min(FIRST_WAIT * 2 ** min(tries, 10), LONGEST_WAIT)
        state = state or mail.state_of(person)
        again = mail_password_link.using(run_after=later)
        again.enqueue(user_pk, asked_from, asked_by, asked_at, state, tries + 1)
    else:
        _note_mail(mail.UNSENT, user_pk, by, why)


def _send_password_link(person: User) -> tuple[str | None, bool]:
    """Send the link; return why it was not sent, None where it was, and whether another attempt may help."""
    try:
        mail.send_password_link(person)
    except smtp.MailRefusedError as error:
        return str(error), False
    except smtp.MailUnsentError as error:
        return str(error), True
    except Exception:
        logger.exception("The link of user %s could not be sent", person.pk)
        return _("The portal failed; the log of the worker says why."), True
    return None, False


def _note_mail(words: str, user_pk: int, by: int | None, why: str = "") -> None:
    """Note what became of an e-mail in both logs, in the name of whoever asked for it."""
    detail = f"{words % user_pk}: {why}" if why else words % user_pk
    person = User.objects.filter(pk=by).first() if by else None
    if person is not None:
        result = AccessResult.FAILED if why else AccessResult.OK
        AccessEvent.objects.record(person, AccessAction.PERSON, result=result, detail=detail)
    if user_pk:
        logger.log(logging.WARNING if why else logging.INFO, "e-mail: %s", detail)


def request_password_link(
    person: User | None, *, asked_from: str | None = None, asked_by: User | None = None
) -> None:
    """Have a worker send a person the link, once what is written now is committed; None is nobody, who gets none."""
    user_pk = person.pk if person is not None else 0
    by = asked_by.pk if asked_by is not None else None
    state = mail.state_of(person or User())
    enqueue = partial(mail_password_link.enqueue, user_pk, asked_from, by, time.time(), state)
    transaction.on_commit(partial(_enqueue_mail, enqueue, user_pk, by))


def _enqueue_mail(enqueue: Callable[[], object], user_pk: int, by: int | None) -> None:
    """Enqueue it. Where the queue is away, an administrator reads so on the user's page; others get the error."""
    try:
        enqueue()
    except Exception:
        if by is None:
            raise
        logger.exception("The link of user %s could not be queued", user_pk)
        _note_mail(mail.UNSENT, user_pk, by, _("The queue did not answer."))


def wake(what: Any, row: int | tuple[int, ...]) -> bool:
    """Have a worker look at a row, or at several, soon. False: none runs or the queue is away; nothing is lost."""
    key = (what.name, row)
    woken_at, alive = _woken.get(key, (-WAKE_INTERVAL, False))
    if time.monotonic() - woken_at < WAKE_INTERVAL:
        return alive
    try:
        alive = Worker.objects.alive().exists()
        if alive:
            what.enqueue(row)
    except Exception as error:  # noqa: BLE001 - whatever the queue has, who asks must not suffer for it
        logger.warning("No worker could be woken: %s", type(error).__name__)
        return False
    if len(_woken) >= MOST_WOKEN:
        _woken.clear()  # at worst a worker looks once more
    _woken[key] = (time.monotonic(), alive)
    return alive
