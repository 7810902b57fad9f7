"""VERB: see which calls are live. One refresh serves all viewers for a few seconds."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.db.models import Q

from recordings.models import Account, Call, Recording
from recordings.provider import client_for, explain
from recordings.vobiz.client import WAITING, VobizClient
from recordings.vobiz.errors import NotFound, VobizError
from recordings.vobiz.objects import LiveCall

FRESH = timedelta(seconds=4)
IN_FLIGHT = timedelta(seconds=20)  # after this a refresh that has not ended is taken for dead
DETAILS_AT_ONCE = 8
DETAILS_A_REFRESH = 200  # calls beyond these show without details until the next refresh


def refresh(account: Account, *, now: datetime) -> bool:
    """Ask Vobiz for the account's live calls unless that was done seconds ago. True: rows are fresh.

    When Vobiz does not answer, the rows stay as they were, and the account's `live_error` says why.
    """
    free = Q(live_refresh_started_at=None) | Q(live_refresh_started_at__lt=now - IN_FLIGHT)
    due = Q(live_tried_at=None) | Q(live_tried_at__lt=now - FRESH)
    if not Account.objects.filter(free, due, pk=account.pk).update(live_refresh_started_at=now):
        account.refresh_from_db(fields=["live_refreshed_at", "live_error"])
        return account.live_error is None
    error = None
    try:
        with client_for(account, patience=WAITING) as client:
            _look(account, client, now=now)
    except VobizError as failure:
        error = explain(failure, account)
    finally:
        ended = {"live_refresh_started_at": None, "live_tried_at": now, "live_error": error}
        if error is None:
            ended["live_refreshed_at"] = now
        Account.objects.filter(pk=account.pk).update(**ended)
    account.refresh_from_db(fields=["live_refreshed_at", "live_error"])
    return error is None


def _look(account: Account, client: VobizClient, *, now: datetime) -> None:
    listed = client.list_live_calls().call_uuids
    known = set(
        Call.objects.filter(account=account, call_uuid__in=listed, provider_data__isnull=False).values_list(
            "call_uuid", flat=True
        )
    )
    unknown = [call_uuid for call_uuid in listed if call_uuid not in known]
    seen = _details(client, unknown[:DETAILS_A_REFRESH])
    bare = set(unknown[DETAILS_A_REFRESH:])
    for call_uuid in bare:
        Call.objects.obtain(account, call_uuid)
    Call.objects.note_live(account, seen, now=now)
    Call.objects.note_still_live(account, known | bare, now=now)
    Call.objects.note_over(account, live_uuids=known | bare | {call.call_uuid for call in seen}, now=now)
    over = Recording.objects.open().filter(account=account, call__state="ended", read_back_due_at=None)
    over.filter(recording_id__isnull=False).update(read_back_due_at=now)


def _details(client: VobizClient, call_uuids: Iterable[str]) -> list[LiveCall]:
    """What Vobiz says of each, one request each, a few at once; a call that ended meanwhile is left out."""

    def ask(call_uuid: str) -> LiveCall | None:
        try:
            return client.retrieve_live_call(call_uuid)
        except NotFound:
            return None

    with ThreadPoolExecutor(max_workers=DETAILS_AT_ONCE) as pool:
        return [call for call in pool.map(ask, call_uuids) if call is not None]
