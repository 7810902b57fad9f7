"""VERB: see which calls are live. One refresh serves all viewers for a few seconds."""

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

from django.db.models import Q

from recordings.choices import CallState
from recordings.models import Account, Call, Recording
from recordings.provider import client_for, explain
from recordings.vobiz.client import INTERACTIVE, VobizClient
from recordings.vobiz.errors import NotFoundError, VobizError
from recordings.vobiz.objects import LiveCall, LiveCallList

logger = logging.getLogger(__name__)

FRESH = timedelta(seconds=4)
STALE = timedelta(seconds=60)
IN_FLIGHT = timedelta(seconds=30)  # after this a refresh that has not ended is taken for dead
BUDGET = 12.0  # seconds for all accounts together: as long as somebody looks at a page that does not come
ACCOUNTS_AT_ONCE = 16
DETAILS_AT_ONCE = 8
DETAILS_A_REFRESH = 200  # calls of an account beyond these show without details until the next refresh
DETAILS_TAKE = 8.0  # seconds; what is not there by then comes with the next refresh

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class _Look:
    """One account that is asked: what it listed and told. Neither `listed` nor `failure`: not reached in time."""

    account: Account
    client: VobizClient | None = None
    listed: tuple[str, ...] | None = None
    failure: VobizError | None = None
    seen: list[LiveCall] = field(default_factory=list)
    over: set[str] = field(default_factory=set)


def refresh(account: Account, *, now: datetime) -> bool:
    """Ask Vobiz for the account's live calls unless that was done seconds ago. True: rows are fresh.

    When Vobiz does not answer, the rows stay as they were, and the account's `live_error` says why.
    """
    return refresh_all([account], now=now)


def refresh_all(accounts: Collection[Account], *, now: datetime) -> bool:
    """`refresh` of several accounts side by side, longest unasked first, in BUDGET seconds. True: all are fresh.

    Only the asking is done in threads. An account whose turn does not come in time keeps its rows, and is asked
    first the next time.
    """
    free = Q(live_refresh_started_at=None) | Q(live_refresh_started_at__lt=now - IN_FLIGHT)
    due = Q(live_tried_at=None) | Q(live_tried_at__lt=now - FRESH)
    claimable = Account.objects.filter(free, due)
    wanted = set(claimable.filter(pk__in=[account.pk for account in accounts]).values_list("pk", flat=True))
    looks = [
        _Look(account)
        for account in sorted(accounts, key=lambda one: one.live_tried_at or one.created_at)
        if account.pk in wanted and claimable.filter(pk=account.pk).update(live_refresh_started_at=now)
    ]
    if looks:
        try:
            _look(looks, now=now)
        finally:
            _release(looks, now=now)
    _read_again(accounts)
    return all(account.live_error is None for account in accounts)


def is_stale(account: Account, now: datetime) -> bool:
    """Its calls are not as fresh as a reader takes them for: Vobiz did not answer, or was not asked in time."""
    at = account.live_refreshed_at
    return account.live_error is not None or at is None or now - at > STALE


def _look(looks: list[_Look], *, now: datetime) -> None:
    """Lists first, then the details of calls not seen before, then rows."""
    enough = monotonic() + BUDGET
    with ExitStack() as clients:
        for look in looks:
            try:
                look.client = clients.enter_context(client_for(look.account, retry_policy=INTERACTIVE))
            except VobizError as failure:
                look.failure = failure
        _list(looks, seconds=enough - monotonic())
        _tell(looks, seconds=min(DETAILS_TAKE, enough - monotonic()))
    for look in looks:
        if look.listed is not None:
            _write_down(look, now=now)


def _list(looks: list[_Look], *, seconds: float) -> None:
    tasks: dict[_Look, Callable[[], LiveCallList]] = {
        look: look.client.list_live_calls for look in looks if look.client is not None
    }
    for look, future in _side_by_side(tasks, at_once=ACCOUNTS_AT_ONCE, seconds=seconds).items():
        try:
            look.listed = future.result().call_uuids
        except VobizError as failure:
            look.failure = failure


def _tell(looks: list[_Look], *, seconds: float) -> None:
    """What Vobiz says of each call without details, one request each; and which are over by now.

    One that Vobiz could not tell of, or not in time, is in neither: it is live, and the next refresh asks again.
    The accounts take turns, so that a busy one does not keep the others waiting.
    """
    unknown = [[(look, call_uuid) for call_uuid in _unknown(look)] for look in looks if look.listed]
    tasks: dict[tuple[_Look, str], Callable[[], LiveCall]] = {
        (look, call_uuid): partial(look.client.retrieve_live_call, call_uuid)
        for look, call_uuid in filter(None, chain.from_iterable(zip_longest(*unknown)))
        if look.client is not None
    }
    for (look, call_uuid), future in _side_by_side(tasks, at_once=DETAILS_AT_ONCE, seconds=seconds).items():
        try:
            look.seen.append(future.result())
        except VobizError as error:
            if isinstance(error, NotFoundError):
                look.over.add(call_uuid)
            else:
                logger.info("A live call is shown without details: %s", error)


def _unknown(look: _Look) -> list[str]:
    """The listed calls of which Vobiz has not told, so many as one refresh asks about."""
    listed = look.listed or ()
    with_details = Call.objects.filter(
        account=look.account, call_uuid__in=listed, provider_data__isnull=False
    )
    known = set(with_details.values_list("call_uuid", flat=True))
    return [call_uuid for call_uuid in listed if call_uuid not in known][:DETAILS_A_REFRESH]


def _side_by_side(
    tasks: Mapping[Key, Callable[[], Answer]], *, at_once: int, seconds: float
) -> dict[Key, Future[Answer]]:
    """The tasks that were done within `seconds`. What has not begun by then never does."""
    if not tasks:
        return {}
    pool = ThreadPoolExecutor(max_workers=at_once)
    try:
        asked = {key: pool.submit(task) for key, task in tasks.items()}
        done = wait(asked.values(), timeout=max(0.0, seconds)).done
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return {key: future for key, future in asked.items() if future in done}


def _write_down(look: _Look, *, now: datetime) -> None:
    account, live = look.account, set(look.listed or ()) - look.over
    Call.objects.note_live(account, look.seen, now=now)
    Call.objects.note_listed(account, live - {call.call_uuid for call in look.seen}, now=now)
    Call.objects.note_over(account, live_uuids=live, now=now)
    ended = Recording.objects.open().filter(
        account=account, call__state=CallState.ENDED, recording_id__isnull=False, read_back_due_at=None
    )
    ended.update(read_back_due_at=now)


def _release(looks: list[_Look], *, now: datetime) -> None:
    """Each may be refreshed again, and says how it went."""
    for look in looks:
        ended: dict[str, object] = {"live_refresh_started_at": None}
        if look.failure is not None:
            ended |= {"live_tried_at": now, "live_error": explain(look.failure, look.account)}
        elif look.listed is not None:
            ended |= {"live_tried_at": now, "live_error": None, "live_refreshed_at": now}
        Account.objects.filter(pk=look.account.pk).update(**ended)


def _read_again(accounts: Collection[Account]) -> None:
    """What the last refresh of each said, whoever asked for it."""
    rows = Account.objects.in_bulk([account.pk for account in accounts])
    for account in accounts:
        if (row := rows.get(account.pk)) is not None:
            account.live_refreshed_at, account.live_error = row.live_refreshed_at, row.live_error
