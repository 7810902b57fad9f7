"""See which calls are live, by polling Vobiz. One refresh serves all viewers for a few seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, zip_longest
from time import monotonic
from typing import TypeVar

from django.db import transaction
from django.db.models import Q

from recordings.choices import CallState
from recordings.models import Account, Call, Recording
from recordings.provider import client_for, explain
from recordings.vobiz.client import INTERACTIVE, VobizClient
from recordings.vobiz.errors import NotFoundError, VobizError
from recordings.vobiz.objects import LiveCall, LiveCallList

logger = logging.getLogger(__name__)

FRESH_FOR = timedelta(seconds=4)
STALE_AFTER = timedelta(seconds=60)
REFRESH_TIMEOUT = timedelta(seconds=30)  # after this a refresh that has not ended is taken for dead
BUDGET = 12.0  # seconds for all accounts together: as long as a person waits for a page
PARALLEL_LISTS = 16
PARALLEL_DETAILS = 8
MAX_DETAILS = 200  # calls of an account beyond these show without details until the next refresh
DETAILS_BUDGET = 8.0  # seconds; what is not there by then comes with the next refresh

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class _AccountRefresh:
    """The refresh of one account. Neither `listed` nor `failure`: not reached in time."""

    account: Account
    client: VobizClient | None = None
    listed: tuple[str, ...] | None = None
    failure: VobizError | None = None
    seen: list[LiveCall] = field(default_factory=list)
    over: set[str] = field(default_factory=set)


def refresh_all(accounts: Collection[Account], *, now: datetime) -> bool:
    """Ask Vobiz for the live calls of accounts, unless that was done seconds ago. True: all rows are fresh.

    In parallel, the stalest first, within BUDGET seconds; only the asking is done in threads. An account whose turn
    does not come in time keeps its rows, and is asked first the next time. When Vobiz does not answer, the rows stay
    as they were, and the account's `live_error` says why.
    """
    free = Q(live_refresh_started_at=None) | Q(live_refresh_started_at__lt=now - REFRESH_TIMEOUT)
    due = Q(live_tried_at=None) | Q(live_tried_at__lt=now - FRESH_FOR)
    claimable = Account.objects.filter(free, due)
    wanted = set(claimable.filter(pk__in=[account.pk for account in accounts]).values_list("pk", flat=True))
    refreshes = [
        _AccountRefresh(account)
        for account in sorted(accounts, key=lambda one: one.live_tried_at or one.created_at)
        if account.pk in wanted and claimable.filter(pk=account.pk).update(live_refresh_started_at=now)
    ]
    if refreshes:
        try:
            _refresh(refreshes, now=now)
        finally:
            _release(refreshes, now=now)
    _reload(accounts)
    return all(account.live_error is None for account in accounts)


def is_stale(account: Account, now: datetime) -> bool:
    """Return whether the account's calls are older than a reader expects."""
    at = account.live_refreshed_at
    return account.live_error is not None or at is None or now - at > STALE_AFTER


def _refresh(refreshes: list[_AccountRefresh], *, now: datetime) -> None:
    """Fetch the lists, then the details of new calls, then write the rows."""
    enough = monotonic() + BUDGET
    with ExitStack() as clients:
        for job in refreshes:
            try:
                job.client = clients.enter_context(client_for(job.account, retry_policy=INTERACTIVE))
            except VobizError as failure:
                job.failure = failure
        _fetch_lists(refreshes, seconds=enough - monotonic())
        _fetch_details(refreshes, seconds=min(DETAILS_BUDGET, enough - monotonic()))
    for job in refreshes:
        if job.listed is not None:
            _store(job, now=now)


def _fetch_lists(refreshes: list[_AccountRefresh], *, seconds: float) -> None:
    tasks: dict[_AccountRefresh, Callable[[], LiveCallList]] = {
        job: job.client.list_live_calls for job in refreshes if job.client is not None
    }
    for job, future in _run_parallel(tasks, at_once=PARALLEL_LISTS, seconds=seconds).items():
        try:
            job.listed = future.result().call_uuids
        except VobizError as failure:
            job.failure = failure


def _fetch_details(refreshes: list[_AccountRefresh], *, seconds: float) -> None:
    """Fetch the details of each call that has none, one request each; note which have ended.

    One that Vobiz could not tell of, or not in time, is in neither: it is live, and the next refresh asks again.
    The accounts take turns, so that a busy one does not keep the others waiting.
    """
    unknown = [[(job, call_uuid) for call_uuid in _without_details(job)] for job in refreshes if job.listed]
    tasks: dict[tuple[_AccountRefresh, str], Callable[[], LiveCall]] = {
        (job, call_uuid): partial(job.client.retrieve_live_call, call_uuid)
        for job, call_uuid in filter(None, chain.from_iterable(zip_longest(*unknown)))
        if job.client is not None
    }
    for (job, call_uuid), future in _run_parallel(tasks, at_once=PARALLEL_DETAILS, seconds=seconds).items():
        try:
            job.seen.append(future.result())
        except VobizError as error:
            if isinstance(error, NotFoundError):
                job.over.add(call_uuid)
            else:
                logger.info("A live call is shown without details: %s", error)


def _without_details(job: _AccountRefresh) -> list[str]:
    """Return the listed calls without details, at most as many as one refresh asks about."""
    listed = job.listed or ()
    with_details = Call.objects.filter(account=job.account, call_uuid__in=listed, provider_data__isnull=False)
    known = set(with_details.values_list("call_uuid", flat=True))
    return [call_uuid for call_uuid in listed if call_uuid not in known][:MAX_DETAILS]


def _run_parallel(
    tasks: Mapping[Key, Callable[[], Answer]], *, at_once: int, seconds: float
) -> dict[Key, Future[Answer]]:
    """Run the tasks in threads; return those done within `seconds`. The rest is cancelled."""
    if not tasks:
        return {}
    pool = ThreadPoolExecutor(max_workers=at_once)
    try:
        asked = {key: pool.submit(task) for key, task in tasks.items()}
        done = wait(asked.values(), timeout=max(0.0, seconds)).done
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return {key: future for key, future in asked.items() if future in done}


def _store(job: _AccountRefresh, *, now: datetime) -> None:
    account, live = job.account, set(job.listed or ()) - job.over
    with transaction.atomic():
        # Several calls and recordings at once, each in an order of its own: a page of a sync could hold one of them and
        # want another.
        account.lock_family()
        Call.objects.note_live(account, job.seen, now=now)
        Call.objects.note_listed(account, live - {call.call_uuid for call in job.seen}, now=now)
        Call.objects.note_over(account, live_uuids=live, now=now)
        ended = Recording.objects.open().filter(
            account=account, call__state=CallState.ENDED, recording_id__isnull=False, read_back_due_at=None
        )
        ended.update(read_back_due_at=now)


def _release(refreshes: list[_AccountRefresh], *, now: datetime) -> None:
    """Release the accounts for the next refresh, and store how this one went."""
    for job in refreshes:
        ended: dict[str, object] = {"live_refresh_started_at": None}
        if job.failure is not None:
            ended |= {"live_tried_at": now, "live_error": explain(job.failure, job.account)}
        elif job.listed is not None:
            ended |= {"live_tried_at": now, "live_error": None, "live_refreshed_at": now}
        Account.objects.filter(pk=job.account.pk).update(**ended)


def _reload(accounts: Collection[Account]) -> None:
    """Read again what the last refresh of each account stored, whoever made it."""
    rows = Account.objects.in_bulk([account.pk for account in accounts])
    for account in accounts:
        if (row := rows.get(account.pk)) is not None:
            account.live_refreshed_at, account.live_error = row.live_refreshed_at, row.live_error
