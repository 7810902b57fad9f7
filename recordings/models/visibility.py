"""Visibility: which rows a user sees. Every list and page starts from `visible_to`."""

from __future__ import annotations

from typing import Any, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models


class VisibleQuerySet(models.QuerySet[Any]):
    """A queryset of rows that belong to an account; `account_path` is the lookup that leads to it."""

    account_path = "account"

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Return the rows of the accounts `user` belongs to; all for a superuser; none for anyone not on the staff.

        Where a page is narrowed to one account (`user.narrowed_to`), return only those of that account. Within a
        request the accounts are known (`user.account_ids`) and stand in the query as numbers: a planner can tell from
        them whether to walk an account's rows or all, which it cannot from a subquery.
        """
        if not user.is_active or not getattr(user, "is_staff", False):
            return self.none()
        narrowed_to = getattr(user, "narrowed_to", None)
        rows = self if narrowed_to is None else self.filter(**{self.account_path: narrowed_to})
        if getattr(user, "is_superuser", False):
            return rows
        return rows.filter(**{f"{self.account_path}__in": _memberships(user)})

    def auth_ids(self) -> set[str | None]:
        """Return the auth ids of the accounts that have rows among these."""
        return set(self.order_by().values_list(f"{self.account_path}__auth_id", flat=True).distinct())

    def whole_table(self) -> Self:
        """Return a queryset over every row, without the filters, annotations and order of this one."""
        return type(self)(model=self.model, using=self.db)


def _memberships(user: Any) -> Any:
    known: tuple[int, ...] | None = getattr(user, "account_ids", None)
    return user.vobiz_accounts.values("pk") if known is None else known


def remember_accounts(user: Any) -> None:
    """Read which accounts `user` belongs to, for `visible_to`: once in a request, whose user is read anew."""
    known = dict(user.vobiz_accounts.order_by("pk").values_list("pk", "auth_id"))
    user.account_ids, user.auth_ids = tuple(known), tuple(known.values())
