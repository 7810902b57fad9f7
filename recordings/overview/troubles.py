"""What needs a person, grouped by cause."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Left

from recordings.choices import Trust
from recordings.models import Account, AlertMessage, CallbackEvent, OutgoingEvent, Recording, SyncRun
from recordings.models.recording.queryset import any_of
from recordings.overview.counting import MOST, Trouble, Viewer, read_rows, troubles

UNSENT_IN = timedelta(days=4)
UNSIGNED_IN = timedelta(days=7)  # older unsigned callbacks are history: nothing can be done about them


def for_a_person(user: Viewer) -> dict[tuple[int, str], Trouble]:
    """Return recordings that need attention, by account and reason; `words` is the state of the call."""
    # Found first, by their index: SQLite would read every row of an account.
    asking = Recording.objects.filter(needs_attention__isnull=False).order_by()
    rows = Recording.objects.visible_to(user).filter(pk__in=asking.values("pk")).order_by()
    found = rows.values_list("account_id", "needs_attention", "happened_at", "pk", "call__state")
    return troubles(((a, why), at, pk, state) for a, why, at, pk, state in found[: MOST + 1])


def broken_syncs(user: Viewer, seen: Iterable[Any], *, every_account: bool = False) -> dict[int, Trouble]:
    """Return failed syncs since the last complete one, by enabled account. `seen`: the result of `accounts`."""
    since = {}
    for account in seen:
        if account.is_active:
            later = Q(started_at__gt=account.whole_at) if account.whole_at is not None else Q()
            since[account.pk] = Q(account_id=account.pk) & later
    rows = SyncRun.objects.visible_to(user).incomplete().filter(any_of(since, whose="account_id"))
    rows = rows.order_by("-started_at", "-pk")
    found = rows.annotate(said=Left("error", 300)).values_list("account_id", "started_at", "pk", "said")
    return troubles(read_rows(found, every_account=every_account))


def callback_troubles(user: Viewer, *, every_account: bool = False) -> dict[tuple[int, str, str], Trouble]:
    """Return callbacks without effect that are not marked as reviewed, by account, outcome and trust."""
    rows: Any = CallbackEvent.objects.visible_to(user)
    found = rows.without_effect().order_by().annotate(said=Left("error", 300)).values_list(
        "account_id", "outcome", "trust", "received_at", "pk", "said"
    )  # fmt: skip
    return troubles(
        ((a, outcome, trust), at, pk, said)
        for a, outcome, trust, at, pk, said in read_rows(found, every_account=every_account)
    )


def unsent_alerts(user: Viewer, now: datetime, *, every_account: bool = False) -> dict[int | None, Trouble]:
    """Return alert messages that could not be sent, waiting for another attempt or given up lately.

    By the account whose webhook fails; None: e-mails.
    """
    of_portal, mine = Q(webhook=None), Q(webhook__account__in=Account.objects.visible_to(user).order_by())
    rows = (
        AlertMessage.objects.failing().filter(of_portal | mine, created_at__gt=now - UNSENT_IN).order_by("pk")
    )
    # the account is 0 for e-mails, as NULL is neither in a list nor out of it
    found = rows.annotate(whose=Coalesce("webhook__account", 0)).values_list(
        "whose", "created_at", "pk", "error"
    )
    return troubles(
        (account or None, at, pk, error)
        for account, at, pk, error in read_rows(found, every_account=every_account, whose="whose")
    )


def undelivered_events(user: Viewer, now: datetime, *, every_account: bool = False) -> dict[int, Trouble]:
    """Return events that could not be delivered, waiting for another attempt or given up lately, by account."""
    rows = OutgoingEvent.objects.visible_to(user).failing().filter(created_at__gt=now - UNSENT_IN)
    found = rows.order_by().values_list("account_id", "at", "pk", "error")
    return troubles(read_rows(found, every_account=every_account))


def unexpectedly_unsigned(seen: Iterable[Any], now: datetime) -> Q:
    """Return unsigned callbacks of accounts that usually get signed ones. `seen`: the result of `accounts`."""
    found = {}
    for account in seen:
        since = now - UNSIGNED_IN
        if not account.require_signed:
            if account.signed_since is None:
                continue
            since = max(since, account.signed_since)
        found[account.pk] = Q(account_id=account.pk, trust=Trust.UNSIGNED, received_at__gt=since)
    return any_of(found, whose="account_id")


def unsigned(user: Viewer, seen: Iterable[Any], now: datetime) -> dict[int, Trouble]:
    """Return those callbacks by account."""
    rows = CallbackEvent.objects.visible_to(user).filter(unexpectedly_unsigned(seen, now)).order_by()
    found = rows.values_list("account_id", "received_at", "pk", Value(""))
    return troubles(found[: MOST + 1])
