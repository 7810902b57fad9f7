"""The access log: who played, downloaded, read or exported what, when and from where. Append-only.

Everybody and everything is named by value, without foreign keys: an event says what was so at that moment, and
stays true whatever is renamed or deleted later.
"""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address
from typing import Any, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import IntegrityError, connections, models, transaction
from django.db.models import Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recordings.choices import AccessAction, AccessResult
from recordings.declarations import one_of
from recordings.models.account import Account, VisibleQuerySet
from recordings.models.recording.model import Recording

LONGEST_ROLES = 500  # characters
SUPERUSER = "superuser"  # stands among the roles of those who need none


class AccessEventQuerySet(VisibleQuerySet):
    """A queryset of access events."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Return the events about accounts that `user` belongs to; all for a superuser.

        As in `VisibleQuerySet`, Auth IDs that are known stand in the query as text, so that a planner can walk an
        index over them in its order.
        """
        if not user.is_active or not getattr(user, "is_staff", False):
            return self.none()
        narrowed_to = getattr(user, "narrowed_to", None)
        if getattr(user, "is_superuser", False) and narrowed_to is None:
            return self
        mine = Account.objects.visible_to(user).order_by().values("auth_id")
        if narrowed_to is not None:
            return self.filter(account_auth_id=Subquery(mine[:1]))
        known: tuple[str, ...] | None = getattr(user, "auth_ids", None)
        return self.filter(account_auth_id__in=mine if known is None else known)

    def auth_ids(self) -> set[str | None]:
        """Return the auth ids of the accounts these events are about; None among them where one is about no account."""
        return set(self.order_by().values_list("account_auth_id", flat=True).distinct())

    def about(self, recording_pk: int, recording_id: str | None) -> Self:
        """Return the events about one recording, and about a row merged into it since, which had the same id."""
        of_row = Q(recording_pk=recording_pk)
        return self.filter(of_row | Q(recording_id=recording_id) if recording_id else of_row)

    def record(
        self,
        user: Any,
        action: AccessAction,
        *,
        recording: Recording | None = None,
        account: Account | None = None,
        result: AccessResult = AccessResult.OK,
        detail: str | None = None,
        address: str | None = None,
        play_id: str | None = None,
        now: datetime | None = None,
    ) -> AccessEvent:
        """Create an event for what `user`, who is signed in, did. No other code creates events.

        A recording brings its account. `address`: the client's, as the server tells it; what is no address is left
        out. A `play_id` has one event, whatever is asked for under it afterwards: that one is given back.
        """
        held: AccessEvent | None = self.filter(play_id=play_id).first() if play_id is not None else None
        if held is not None:
            return held
        account = recording.account if recording is not None else account
        event = AccessEvent(
            at=now or timezone.now(),
            action=action,
            result=result,
            detail=detail or None,
            user_pk=user.pk,
            username=user.get_username(),
            roles=_roles(user),
            address=_plain_address(address),
            account_auth_id=account.auth_id if account is not None else None,
            recording_pk=recording.pk if recording is not None else None,
            recording_id=recording.recording_id if recording is not None else None,
            play_id=play_id,
        )
        try:
            with transaction.atomic():
                event.save(force_insert=True)
        except IntegrityError:  # two first requests of one play at the same moment
            if play_id is None:
                raise
            event = self.get(play_id=play_id)
        return event


def _roles(user: Any) -> str:
    names = list(user.groups.order_by("name").values_list("name", flat=True))
    return ", ".join([SUPERUSER, *names] if user.is_superuser else names)[:LONGEST_ROLES]


def _plain_address(text: str | None) -> str | None:
    """Return an IP address without its zone; None for anything else, such as a local socket's path."""
    try:
        return str(ip_address((text or "").partition("%")[0]))
    except ValueError:
        return None


class AccessEvent(models.Model):
    """One play, download, transcript view or export; refused and failed ones too."""

    at = models.DateTimeField(_("when"))
    action = models.CharField(_("what"), max_length=16, choices=AccessAction)
    result = models.CharField(_("result"), max_length=16, choices=AccessResult)
    detail = models.TextField(_("detail"), null=True, blank=True)
    user_pk = models.BigIntegerField()
    username = models.CharField(_("who"), max_length=150)
    roles = models.CharField(_("roles"), max_length=500, blank=True)
    address = models.GenericIPAddressField(_("from where"), null=True, blank=True)
    account_auth_id = models.CharField(_("account"), max_length=64, null=True, blank=True)
    recording_pk = models.BigIntegerField(null=True, blank=True)
    recording_id = models.CharField(_("recording id"), max_length=64, null=True, blank=True)
    play_id = models.CharField(max_length=64, null=True, unique=True, editable=False)

    objects = AccessEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("access log entry")
        verbose_name_plural = _("access log entries")
        ordering = ["-at", "-id"]
        default_permissions = ("view",)
        constraints = [
            one_of("accessevent_action", "action", AccessAction),
            one_of("accessevent_result", "result", AccessResult),
        ]
        indexes = [
            models.Index(fields=["-at", "-id"], name="accessevent_newest"),
            models.Index(fields=["account_auth_id", "-at", "-id"], name="accessevent_of_account"),
            models.Index(fields=["user_pk", "-at", "-id"], name="accessevent_of_user"),
            models.Index(fields=["recording_pk", "-at", "-id"], name="accessevent_of_recording"),
            models.Index(fields=["recording_id"], name="accessevent_of_recording_id"),
            models.Index(fields=["username"], name="accessevent_of_username"),
        ]

    def __str__(self) -> str:
        return f"{self.username}: {self.get_action_display()}, {self.at:%Y-%m-%d %H:%M:%S} UTC"


# Append-only triggers. Django has no such rule, so triggers make it: every UPDATE of an access event is refused, and
# every DELETE of one younger than MINIMUM_DAYS, by the database's own clock. SQLite's migrations remake tables and
# silently drop their triggers, so they are created again after every `migrate`.

MINIMUM_DAYS = 365  # the least that ACCESS_RETENTION_DAYS may be
TABLE = AccessEvent._meta.db_table
REFUSAL = f"access events are only ever added, and kept for {MINIMUM_DAYS} days at least"
NO_UPDATE, NO_DELETE = f"{TABLE}_no_update", f"{TABLE}_no_delete"

SQLITE = (
    f"DROP TRIGGER IF EXISTS {NO_UPDATE}",
    f"CREATE TRIGGER {NO_UPDATE} BEFORE UPDATE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    f"DROP TRIGGER IF EXISTS {NO_DELETE}",
    (
        f"CREATE TRIGGER {NO_DELETE} BEFORE DELETE ON {TABLE} WHEN OLD.at > datetime('now', '-{MINIMUM_DAYS} days') "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    ),
)
POSTGRESQL = (
    (
        f"CREATE OR REPLACE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    ),
    (
        f"CREATE OR REPLACE TRIGGER {NO_UPDATE} BEFORE UPDATE ON {TABLE} "
        f"FOR EACH ROW EXECUTE FUNCTION {TABLE}_refuse()"
    ),
    (
        f"CREATE OR REPLACE TRIGGER {NO_DELETE} BEFORE DELETE ON {TABLE} FOR EACH ROW "
        f"WHEN (OLD.at > now() - interval '{MINIMUM_DAYS} days') EXECUTE FUNCTION {TABLE}_refuse()"
    ),
)


def make_append_only(using: str, **_kwargs: object) -> None:
    """Create both triggers, where the table exists already; also a receiver of Django's `post_migrate`."""
    connection: Any = connections[using]
    if TABLE not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        for statement in POSTGRESQL if connection.vendor == "postgresql" else SQLITE:
            cursor.execute(statement)
