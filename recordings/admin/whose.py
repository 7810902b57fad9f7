"""Whose rows a reader sees: their accounts, asked for once a request."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from recordings.models import Account


def accounts_seen(request: HttpRequest) -> list[Account]:
    """The reader's accounts, by their names."""
    known: list[Account] | None = getattr(request, "accounts_seen", None)
    if known is None:
        user: Any = request.user
        known = list(Account.objects.visible_to(user).only("pk", "auth_id", "name", "retention_days"))
        request.accounts_seen = known  # type: ignore[attr-defined]
    return known


def sees_many(request: HttpRequest) -> bool:
    """Whether a row has to say whose it is."""
    return len(accounts_seen(request)) > 1
