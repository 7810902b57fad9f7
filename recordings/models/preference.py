"""A user's preferences: the time zone of the pages, the account they are narrowed to, and their views of a list."""

from __future__ import annotations

from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Q, Value
from django.utils.translation import gettext_lazy as _

from recordings.models.account import Account, validate_zone

UTC_ZONE = ZoneInfo("UTC")


class PreferenceQuerySet(models.QuerySet["Preference"]):
    """A queryset of preferences."""

    def zone_for(self, user: AbstractBaseUser | AnonymousUser) -> ZoneInfo:
        """Return the zone `user` chose; else the one that all their accounts share; else UTC. Runs one query."""
        if not user.is_authenticated:
            return UTC_ZONE
        chosen = (
            self.filter(user_id=user.pk).exclude(time_zone="").order_by().values_list(Value(1), "time_zone")
        )
        accounts = Account.objects.visible_to(user).order_by().values_list(Value(0), "time_zone")
        names = sorted(set(chosen.union(accounts)), reverse=True)  # the chosen one first; each zone once
        if names and (names[0][0] or len(names) == 1):
            return _named(names[0][1])
        return UTC_ZONE

    def shared_zone(self, user: AbstractBaseUser | AnonymousUser) -> ZoneInfo:
        """Return the zone for a user who chooses none."""
        return self.none().zone_for(user)

    def choose(self, user: AbstractBaseUser, name: str) -> None:
        """Store the zone that `user` reads times in; an empty name deletes the choice."""
        if name:
            self.update_or_create(user_id=user.pk, defaults={"time_zone": name})
        else:
            self.filter(user_id=user.pk, account=None).delete()
            self.filter(user_id=user.pk).update(time_zone="")

    def choose_account(self, user: AbstractBaseUser, account: Account | None) -> None:
        """Narrow the pages of `user` to this account; None shows all of their accounts again."""
        if account is not None:
            self.update_or_create(user_id=user.pk, defaults={"account": account})
        else:
            self.filter(user_id=user.pk, time_zone="").delete()
            self.filter(user_id=user.pk).update(account=None)


def _named(name: str) -> ZoneInfo:
    """Return the zone, or UTC where this machine's list of zones does not have it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC_ZONE


class Preference(models.Model):
    """One person's choices. A person without a choice has no row."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.CASCADE,
        related_name="preference",
    )
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, validators=[validate_zone])
    account = models.ForeignKey(
        Account,
        verbose_name=_("account"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("Lists show only this account."),
    )

    objects = PreferenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("preference")
        verbose_name_plural = _("preferences")
        default_permissions = ()  # everybody's own, nobody else's: there is no permission to give

    def __str__(self) -> str:
        return f"{self.user}: {self.time_zone}"


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    """A queryset of views."""

    def shown_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Return those of `user`, and those shared in an account that they see."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(Q(user_id=user.pk) | Q(account__in=Account.objects.visible_to(user).order_by()))


class SavedView(models.Model):
    """A choice of filters of the recordings' list under a name, of one person or for everybody in an account."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.CASCADE,
        related_name="saved_views",
    )
    account = models.ForeignKey(
        Account,
        verbose_name=_("shared in"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    name = models.CharField(_("name"), max_length=60)
    query = models.TextField(_("filters"))

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["name", "id"]
        default_permissions = ()  # by owner, and by who sees the account
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="savedview_name")]

    def __str__(self) -> str:
        return self.name
