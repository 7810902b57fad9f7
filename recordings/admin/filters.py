"""Filters that cost nothing to draw, and show no account that the reader does not see."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from recordings.admin.shown import plain
from recordings.models import Account


class AccountFilter(admin.SimpleListFilter):
    """One of the reader's accounts; not drawn where there is but one."""

    title = _("account")
    parameter_name = "account"
    path = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The accounts the reader sees."""
        accounts = Account.objects.visible_to(request.user).only("pk", "auth_id", "name")
        found = [(str(account.pk), plain(account)) for account in accounts]
        return found if len(found) > 1 else []

    def has_output(self) -> bool:
        """Not for one account alone; but a link that names an account is heeded all the same."""
        return bool(self.lookup_choices) or self.value() is not None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the account; of none for what is no account's number."""
        value = self.value()
        if value is None:
            return queryset
        if not value.isascii() or not value.isdigit():
            return queryset.none()
        return queryset.filter(**{f"{self.path}_id": value})


class RecordingAccountFilter(AccountFilter):
    """The same, for what belongs to a recording."""

    path = "recording__account"


class AttentionFilter(admin.SimpleListFilter):
    """Whether a person is needed."""

    title = _("needs attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Yes, or all."""
        return [("yes", _("yes"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that ask for someone."""
        return queryset.filter(needs_attention__isnull=False) if self.value() == "yes" else queryset
