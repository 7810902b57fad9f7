"""Alerts: a problem from beginning to end, the messages about it, who wants them, and where they are posted to.

With the mixin of every message that leaves, events included: when it is due, its retries, and how it ended.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from recordings.choices import PROBLEM_PERMISSIONS, AlertKind, Digest, ProblemCode, WebhookForm
from recordings.declarations import one_of, unique_where
from recordings.encryption import UndecipherableError, decrypt, encrypt
from recordings.models.account import Account, VisibleQuerySet
from recordings.problem import Problem

ATTEMPT = timedelta(minutes=2)  # after which a message in the hands of a killed worker is sent again
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
GIVEN_UP = timedelta(days=3)  # after which a message is not tried any more
FORMER_SECRET_LIFE = timedelta(hours=24)
PREFIX = "whsec_"  # of a secret of Standard Webhooks; the rest is base64
ENCRYPTED = ("encrypted_url", "encrypted_secret", "former_encrypted_secret")


def new_secret() -> str:
    """Return a secret of 256 random bits, in the form of Standard Webhooks."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


class AlertWebhook(models.Model):
    """One address of an account. The address is encrypted like the secret: that of Slack is a secret itself.

    During a rotation both secrets sign, until `former_until`. `events`: the kinds it gets, with a space between them;
    `events_since`: of recordings that ended before, it gets none.
    """

    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.CASCADE, related_name="alert_webhooks"
    )
    form = models.CharField(_("form"), max_length=8, choices=WebhookForm, default=WebhookForm.STANDARD)
    host = models.CharField(_("host"), max_length=253)
    encrypted_url = models.TextField(editable=False)
    encrypted_secret = models.TextField(editable=False)
    former_encrypted_secret = models.TextField(null=True, editable=False)
    former_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    sends_alerts = models.BooleanField(_("alerts"), default=True, db_default=True)
    events = models.CharField(_("events"), max_length=200, default="", db_default="", blank=True)
    events_since = models.DateTimeField(null=True, editable=False)
    with_numbers = models.BooleanField(_("phone numbers"), default=False, db_default=False)
    with_text = models.BooleanField(_("transcript text"), default=False, db_default=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert webhook")
        verbose_name_plural = _("alert webhooks")
        default_permissions = ()  # by who may change the account
        constraints = [
            one_of("alertwebhook_form", "form", WebhookForm),
            models.CheckConstraint(
                condition=Q(events="") | Q(events_since__isnull=False, form=WebhookForm.STANDARD),
                name="alertwebhook_events_since",
            ),
        ]

    def __str__(self) -> str:
        return self.host

    @classmethod
    def create(cls, account: Account, url: str, form: str) -> tuple[AlertWebhook, str]:
        """Store an address; return it with its secret, which is shown once."""
        secret = new_secret()
        host = urlsplit(url).hostname or ""
        made = cls.objects.create(
            account=account,
            form=form,
            host=host,
            encrypted_url=encrypt(url),
            encrypted_secret=encrypt(secret),
        )
        return made, secret

    def rotate(self, now: datetime) -> str:
        """Replace the secret and return the new one; the former signs too for FORMER_SECRET_LIFE."""
        secret = new_secret()
        self.former_encrypted_secret, self.encrypted_secret = self.encrypted_secret, encrypt(secret)
        self.former_until = now + FORMER_SECRET_LIFE
        self.save(update_fields=["encrypted_secret", "former_encrypted_secret", "former_until"])
        return secret

    def choose(
        self, *, alerts: bool, events: Iterable[str], with_numbers: bool, with_text: bool, now: datetime
    ) -> None:
        """Store what it gets. Events begin with recordings that end after the first kind was chosen."""
        had = bool(self.events)
        self.sends_alerts, self.events = alerts, " ".join(events)
        self.with_numbers, self.with_text = with_numbers, with_text
        if self.events and not had:
            self.events_since = now
        self.save(update_fields=["sends_alerts", "events", "events_since", "with_numbers", "with_text"])

    def remove(self) -> None:
        """Delete it, with what was and is to be sent.

        Locked first: a change that wrote an event for it just now is waited for, and one that comes writes none.
        """
        with transaction.atomic():
            AlertWebhook.objects.select_for_update().order_by().filter(pk=self.pk).first()
            self.delete()

    @property
    def event_kinds(self) -> list[str]:
        """The kinds of events it gets."""
        return self.events.split()

    @property
    def url(self) -> str:
        """The whole address. Raises UndecipherableError where no key opens it."""
        return decrypt(self.encrypted_url)

    def signing_keys(self, now: datetime) -> list[bytes]:
        """Return the keys that sign now, the current one first. Raises UndecipherableError."""
        stored = [self.encrypted_secret]
        if self.former_encrypted_secret and self.former_until is not None and now < self.former_until:
            stored.append(self.former_encrypted_secret)
        return [base64.b64decode(decrypt(text).removeprefix(PREFIX)) for text in stored]

    def reencrypt(self) -> bool:
        """Encrypt address and secrets under the first key; return False where no key opens one."""
        try:
            for column in ENCRYPTED:
                if (stored := getattr(self, column)) is not None:
                    setattr(self, column, encrypt(decrypt(stored)))
        except UndecipherableError:
            return False
        self.save(update_fields=ENCRYPTED)
        return True


QUIET = timedelta(minutes=5)  # a problem that comes back within this time is the same one
KEPT = timedelta(days=90)


class AlertQuerySet(models.QuerySet["Alert"]):
    """A queryset of alerts; who may see one is `Alert.may_be_told_to`."""

    def current(self) -> Self:
        """Return those whose problem has not ended."""
        return self.filter(ended_at=None)

    def open_for(self, problem: Problem, now: datetime) -> tuple[Alert, bool]:
        """Return the alert of a current problem, and whether it is new; another worker may open it at the same time."""
        whose: Any = problem.account
        mine = self.current().filter(code=problem.code, account_id=whose)
        if mine.update(seen_at=now, cause=problem.cause):
            return mine.get(), False
        try:
            with transaction.atomic():
                return self.create(
                    code=problem.code, account_id=problem.account, since=problem.since, cause=problem.cause,
                    url=problem.url, cure=problem.cure, opened_at=now, seen_at=now,
                ), True  # fmt: skip
        except IntegrityError:
            return mine.get(), False

    def delete_old(self, now: datetime) -> None:
        """Delete those that ended longer than KEPT ago, with their messages."""
        self.filter(ended_at__lt=now - KEPT).delete()

    def end(self, pk: int, now: datetime) -> bool:
        """Record that the problem is over; return whether this call did so."""
        return bool(self.current().filter(pk=pk).update(ended_at=now))


class Alert(models.Model):
    """One problem from its beginning (`since`, as far as known) to its end. `opened_at`: when the portal noticed."""

    code = models.CharField(_("problem"), max_length=32, choices=ProblemCode)
    account = models.ForeignKey(
        Account, verbose_name=_("account"), null=True, on_delete=models.CASCADE, related_name="alerts"
    )
    cause = models.TextField()
    cure = models.TextField()
    url = models.TextField()
    since = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, db_index=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        default_permissions = ()
        constraints = [
            one_of("alert_code", "code", ProblemCode),
            unique_where("alert_of_account", ["code", "account"], Q(ended_at=None, account__isnull=False)),
            unique_where("alert_of_portal", ["code"], Q(ended_at=None, account=None)),
        ]

    def __str__(self) -> str:
        return f"{self.get_code_display()}: {self.cause}"

    def may_be_told_to(self, user: User) -> bool:
        """Return whether `user` may know of it now: active staff, with the permissions and the account."""
        if not (user.is_active and user.is_staff):
            return False
        if not user.has_perms([f"recordings.{name}" for name in PROBLEM_PERMISSIONS[self.code]]):
            return False
        mine = Account.objects.visible_to(user)
        return bool((mine if self.account_id is None else mine.filter(pk=self.account_id)).exists())


class AlertChoice(models.Model):
    """What a person wants to be told by e-mail. Without a row, superusers are told of each problem, nobody else."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.CASCADE,
        related_name="alert_choice",
    )
    each = models.BooleanField(_("an e-mail when a problem begins, and when it is over"), default=False)
    digest = models.CharField(_("summary"), max_length=8, choices=Digest, default=Digest.NEVER)
    digest_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("choice of alerts")
        verbose_name_plural = _("choices of alerts")
        default_permissions = ()  # everybody's own
        constraints = [one_of("alertchoice_digest", "digest", Digest)]

    def __str__(self) -> str:
        return f"{self.user}: {self.each}, {self.digest}"


class OutgoingMessageQuerySet(models.QuerySet[Any]):
    """A queryset of messages."""

    def pending(self) -> Self:
        """Return those neither sent nor given up."""
        return self.filter(next_at__isnull=False)

    def failing(self) -> Self:
        """Return those whose last attempt failed."""
        return self.filter(sent_at=None, error__isnull=False)


class OutgoingMessage(models.Model):
    """A mixin of messages that the worker sends, with a backoff, until GIVEN_UP.

    `next_at`: when it is tried next; None once it is sent, given up or not wanted any more.
    """

    created_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True, db_index=True)
    tries = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    error = models.TextField(null=True)

    class Meta:
        abstract = True

    def claim(self, now: datetime) -> bool:
        """Claim the attempt; False where another worker has it."""
        mine = self._rows().filter(pk=self.pk, next_at=self.next_at)
        claimed: int = mine.update(next_at=now + ATTEMPT, tries=F("tries") + 1)
        self.tries += claimed
        return bool(claimed)

    def mark_sent(self, now: datetime) -> None:
        """Record that it was accepted by the recipient's server."""
        self._close(sent_at=now, error=None)

    def drop(self, why: str | None = None) -> None:
        """Record that it will not be sent; `why` where that is a fault."""
        self._close(error=why)

    def retry(self, why: str, now: datetime) -> datetime | None:
        """Record a failed attempt; return when the next one is due, None where it is given up."""
        if now - self.created_at >= GIVEN_UP:
            self.drop(why)
            return None
        at: datetime = now + min(FIRST_WAIT * 2 ** min(self.tries - 1, 10), LONGEST_WAIT)
        self._rows().filter(pk=self.pk).update(next_at=at, error=why)
        return at

    def send_again(self, now: datetime) -> None:
        """Make it due now, as a person asked, with its id and all its attempts anew."""
        self.tries, self.created_at, self.next_at, self.sent_at, self.error = 0, now, now, None, None
        self.save(update_fields=["tries", "created_at", "next_at", "sent_at", "error"])

    def _close(self, **columns: Any) -> None:
        self._rows().filter(pk=self.pk).update(next_at=None, **columns)

    def _rows(self) -> Any:
        return type(self)._default_manager.order_by()


class AlertMessageQuerySet(OutgoingMessageQuerySet):
    """A queryset of messages; they are read by their recipient alone."""

    def due(self, now: datetime) -> Self:
        """Return those to be sent by `now`, oldest first."""
        return self.filter(next_at__lte=now).order_by("pk")

    def delete_old(self, now: datetime) -> None:
        """Delete those without an alert, such as summaries, that are older than KEPT."""
        self.filter(alert=None, created_at__lt=now - KEPT).delete()

    def to_same(self, message: AlertMessage) -> Self:
        """Return those to the recipient of `message`."""
        return self.filter(user=message.user_id, webhook=message.webhook_id, address=message.address)


class AlertMessage(OutgoingMessage):
    """One message to one recipient: `user` (at their address of the moment), `address` or `webhook`.

    The worker sends it. `text`: of a digest.
    """

    alert = models.ForeignKey(Alert, null=True, on_delete=models.CASCADE, related_name="messages")
    kind = models.CharField(_("tells"), max_length=8, choices=AlertKind)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="alert_messages"
    )
    webhook = models.ForeignKey(AlertWebhook, null=True, on_delete=models.CASCADE, related_name="messages")
    address = models.CharField(_("address"), max_length=254, null=True)
    text = models.TextField(null=True)

    objects = AlertMessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert message")
        verbose_name_plural = _("alert messages")
        default_permissions = ()
        constraints = [
            one_of("alertmessage_kind", "kind", AlertKind),
            models.CheckConstraint(
                condition=~Q(address="") & ~Q(text="") & ~Q(error=""), name="alertmessage_unknown_is_null"
            ),
            unique_where(
                "alertmessage_once_a_person",
                ["alert", "kind", "user"],
                Q(alert__isnull=False, user__isnull=False),
            ),
            unique_where(
                "alertmessage_once_an_address",
                ["alert", "kind", "address"],
                Q(alert__isnull=False, address__isnull=False),
            ),
            unique_where(
                "alertmessage_once_a_webhook",
                ["alert", "kind", "webhook"],
                Q(alert__isnull=False, webhook__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.address or self.user}"

    @property
    def recipient(self) -> tuple[Any, ...]:
        """To whom it goes; where one message cannot be sent, the others to the same recipient wait, too."""
        return self.user_id, self.webhook_id, self.address
