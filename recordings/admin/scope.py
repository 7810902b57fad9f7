"""Which accounts a user sees, read once per request."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from recordings.models import Account, Preference


def all_accounts(request: HttpRequest) -> list[Account]:
    """Return the reader's accounts by their names, each with `is_chosen`, whatever the page is narrowed to."""
    known: list[Account] | None = getattr(request, "all_accounts", None)
    if known is None:
        reader: Any = request.user.pk or 0  # 0: nobody, before a login
        chosen = Preference.objects.filter(user_id=reader, account=OuterRef("pk"))
        rows = Account.objects.visible_to(request.user).annotate(is_chosen=Exists(chosen))
        columns = ("pk", "auth_id", "name", "retention_days")
        known = list(rows.only(*columns).order_by("name", "auth_id"))
        request.all_accounts = known  # type: ignore[attr-defined]
    return known


def chosen_account(request: HttpRequest) -> Account | None:
    """Return the account that the reader narrowed the portal to; None for all."""
    accounts = all_accounts(request)
    return next((one for one in accounts if one.is_chosen), None) if len(accounts) > 1 else None  # type: ignore[attr-defined]


def accounts_seen(request: HttpRequest) -> list[Account]:
    """Return the accounts whose rows this page shows, by their names."""
    narrowed_to = getattr(request.user, "narrowed_to", None)
    return [one for one in all_accounts(request) if narrowed_to in (None, one.pk)]


def sees_many(request: HttpRequest) -> bool:
    """Return whether a row has to say whose it is."""
    return len(accounts_seen(request)) > 1


def is_counted(request: HttpRequest) -> bool:
    """Return whether the rows of a list are asked for to be counted alone, as for a tab of another page."""
    return getattr(request, "is_counted", False)
