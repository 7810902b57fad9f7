"""VERB: see which calls are live. One refresh serves all viewers for a few seconds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

from django.db.models import Q

from recordings.choices import CallState
from recordings.models import Account, Call, Recording
from recordings.provider import client_for, explain
from recordings.vobiz.client import WAITING, VobizClient
from recordings.vobiz.errors import NotFound, VobizError
from recordings.vobiz.objects import LiveCall

logger = logging.getLogger(__name__)

FRESH = timedelta(seconds=4)
IN_FLIGHT = timedelta(seconds=30)  # after this a refresh that has not ended is taken for dead
DETAILS_AT_ONCE = 8
DETAILS_A_REFRESH = 200  # calls beyond these show without details until the next refresh
DETAILS_TAKE = 8.0  # seconds; what is not there by then comes with the next refresh


def refresh(account: Account, *, now: datetime) -> bool:
    """Ask Vobiz for the account's live calls unless that was done seconds ago. True: rows are fresh.

    When Vobiz does not answer, the rows stay as they were, and the account's `live_error` says why.
    """
    free = Q(live_refresh_started_at=None) | Q(live_refresh_started_at__lt=now - IN_FLIGHT)
    due = Q(live_tried_at=None) | Q(live_tried_at__lt=now - FRESH)
    if Account.objects.filter(free, due, pk=account.pk).update(live_refresh_started_at=now):
        _refresh(account, now=now)
    account.refresh_from_db(fields=["live_refreshed_at", "live_error"])
    return account.live_error is None


def _refresh(account: Account, *, now: datetime) -> None:
    ended: dict[str, object] = {"live_refresh_started_at": None}
    try:
        with client_for(account, patience=WAITING) as client:
            _look(account, client, now=now)
    except VobizError as failure:
        ended |= {"live_tried_at": now, "live_error": explain(failure, account)}
    else:
        ended |= {"live_tried_at": now, "live_error": None, "live_refreshed_at": now}
    finally:
        Account.objects.filter(pk=account.pk).update(**ended)


def _look(account: Account, client: VobizClient, *, now: datetime) -> None:
    listed = client.list_live_calls().call_uuids
    with_details = Call.objects.filter(account=account, call_uuid__in=listed, provider_data__isnull=False)
    known = set(with_details.values_list("call_uuid", flat=True))
    unknown = [call_uuid for call_uuid in listed if call_uuid not in known]
    seen, over = _details(client, unknown[:DETAILS_A_REFRESH])
    Call.objects.note_live(account, seen, now=now)
    live = set(listed) - over
    Call.objects.note_listed(account, live - {call.call_uuid for call in seen}, now=now)
    Call.objects.note_over(account, live_uuids=live, now=now)
    ended = Recording.objects.open().filter(
        account=account, call__state=CallState.ENDED, recording_id__isnull=False, read_back_due_at=None
    )
    ended.update(read_back_due_at=now)


def _details(client: VobizClient, call_uuids: Collection[str]) -> tuple[list[LiveCall], set[str]]:
    """What Vobiz says of each, one request each, a few at once; and those that are over by now.

    One that Vobiz could not tell of, or not in time, is in neither: it is live, and the next refresh asks again.
    """
    late = threading.Event()

    def ask(call_uuid: str) -> LiveCall | None:
        return None if late.is_set() else client.retrieve_live_call(call_uuid)

    with ThreadPoolExecutor(max_workers=DETAILS_AT_ONCE) as pool:
        asked = {call_uuid: pool.submit(ask, call_uuid) for call_uuid in call_uuids}
        wait(asked.values(), timeout=DETAILS_TAKE)
        late.set()
    return _sorted_out(asked)


def _sorted_out(asked: dict[str, Future[LiveCall | None]]) -> tuple[list[LiveCall], set[str]]:
    seen, over = [], set()
    for call_uuid, future in asked.items():
        try:
            call = future.result()
        except VobizError as error:
            if isinstance(error, NotFound) and not error.route_missing:
                over.add(call_uuid)
            else:
                logger.info("A live call is shown without details: %s", error)
        else:
            seen += [call] if call is not None else []
    return seen, over
