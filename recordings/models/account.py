"""A Vobiz account or sub-account, its settings and its encrypted tokens; and who sees its rows.

Every list and page starts from `visible_to`.
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator, validate_email
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from phonenumbers import SUPPORTED_REGIONS

from recordings.choices import MAX_TIME_LIMIT, Channels, FileFormat, Trust
from recordings.clock import written_by_fast_clock, zone_names
from recordings.compiled_query import CompiledQuery
from recordings.declarations import one_of
from recordings.encryption import UndecipherableError, decrypt, encrypt
from recordings.lease import Leased, LeasedQuerySet
from recordings.vobiz.errors import (
    AuthenticationError,
    NotConnectedError,
    RateLimitError,
    UnreachableError,
    VobizError,
)

logger = logging.getLogger(__name__)

USUALLY_SIGNED_IN = timedelta(days=30)
FORMER_TOKEN_LIFE = timedelta(hours=24)
ARCHIVE_PROBED_EVERY = timedelta(seconds=60)
MOST_ADDRESSES = 10  # for alerts
API_FAILURES, API_PROBED_EVERY = 5, timedelta(seconds=60)
TOKEN_COLUMNS = ("encrypted_token", "former_encrypted_token", "former_token_until")
ENCRYPTED_COLUMNS = ("encrypted_token", "former_encrypted_token", "encrypted_webhook_secret")


def new_callback_key() -> str:
    """Return an unguessable part of a callback's path: 192 random bits in 32 URL-safe characters. Never logged."""
    return secrets.token_urlsafe(24)


def validate_zone(name: str) -> None:
    """Raise ValidationError unless `name` is an IANA time zone such as Asia/Kolkata."""
    if name not in zone_names():
        raise ValidationError(_("%(name)s is not a time zone."), params={"name": name})


def validate_region(name: str) -> None:
    """Raise ValidationError unless `name` is a country's two letters with phone numbers of its own, such as IN."""
    if name not in SUPPORTED_REGIONS:
        raise ValidationError(_("%(name)s is not a country's two letters."), params={"name": name})


def split_addresses(text: str) -> list[str]:
    """Return the e-mail addresses of a text with one on each line, or with commas between."""
    return list(dict.fromkeys(part.strip() for part in text.replace(",", "\n").splitlines() if part.strip()))


def validate_addresses(text: str) -> None:
    """Raise ValidationError unless the text holds at most ten e-mail addresses, and nothing else."""
    found = split_addresses(text)
    if len(found) > MOST_ADDRESSES:
        raise ValidationError(_("Enter at most ten addresses."))
    for address in found:
        validate_email(address)


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


class AccountQuerySet(LeasedQuerySet, VisibleQuerySet):  # type: ignore[override]  # of as_manager alone
    """A queryset of accounts."""

    account_path = "pk"

    def active(self) -> AccountQuerySet:
        """Return the accounts that commands and pages work with."""
        return self.filter(is_active=True)

    def without_access(self) -> AccountQuerySet:
        """Return the accounts that cannot sync; see `Account.cannot_sync`."""
        return self.filter(Q(is_active=False) | Q(encrypted_token=None))

    def archiving(self) -> AccountQuerySet:
        """Return the active accounts whose archive circuit is closed, so that archiving works as far as is known."""
        return self.active().filter(archive_pause=None)


class Rejection(NamedTuple):
    """Why callbacks are rejected, as a clause, and the sentence that says what to do."""

    why: str
    cure: str

    @property
    def words(self) -> str:
        """Both as sentences."""
        return f"{capfirst(self.why)}. {self.cure}"


class Account(Leased):
    """A Vobiz account (`MA_…`) or sub-account (`SA_…`) connected to this portal.

    Its token is the API's key and the callbacks' signing key at once; it is stored encrypted and shown nowhere
    but for its last four characters.
    """

    auth_id = models.CharField(
        _("Auth ID"),
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"\A[A-Za-z0-9][A-Za-z0-9_-]{3,63}\Z", _("Such as MA_PU0XU668."))],
        help_text=_("From Vobiz's console: MA_… for a main account, SA_… for a sub-account."),
    )
    name = models.CharField(_("name"), max_length=200, null=True, blank=True)
    parent = models.ForeignKey(
        "self",
        verbose_name=_("parent account"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="subaccounts",
        help_text=_("For a sub-account: its main account. Callbacks may be signed with the parent's token."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("An inactive account is not synced and cannot record. Its recordings stay."),
    )
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("members"),
        blank=True,
        related_name="vobiz_accounts",
        help_text=_("People see only the accounts they belong to. A superuser sees all."),
    )

    encrypted_token = models.TextField(editable=False, null=True)
    former_encrypted_token = models.TextField(editable=False, null=True)
    former_token_until = models.DateTimeField(_("former token accepted until"), null=True, blank=True)
    callback_key = models.CharField(max_length=64, unique=True, default=new_callback_key, editable=False)
    refused_uncounted = models.PositiveIntegerField(
        _("callbacks counted and not stored"), default=0, editable=False
    )
    dropped_at = models.DateTimeField(_("a callback was last not stored"), null=True, editable=False)

    default_time_limit = models.PositiveIntegerField(
        _("time limit of new recordings"),
        default=14_400,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_TIME_LIMIT)],
        help_text=_("Seconds. Vobiz cuts at 60 when none is sent, so the portal always sends one."),
    )
    default_file_format = models.CharField(
        _("format of new recordings"), max_length=8, choices=FileFormat, default=FileFormat.MP3
    )
    default_channels = models.CharField(
        _("channels of new recordings"), max_length=8, choices=Channels, default=Channels.STEREO
    )
    default_transcribe = models.BooleanField(_("transcribe new recordings"), default=False)
    retention_days = models.PositiveIntegerField(
        _("retention in days"), default=30, validators=[MinValueValidator(1)]
    )
    require_signed = models.BooleanField(
        _("accept signed callbacks only"),
        default=False,
        help_text=_("Unsigned callbacks are rejected. They are kept, so that they can be processed later."),
    )
    encrypted_webhook_secret = models.TextField(editable=False, null=True)
    webhook_header = models.CharField(
        _("signature header of trunk webhooks"),
        max_length=64,
        null=True,
        blank=True,
        validators=[RegexValidator(r"\A[A-Za-z0-9-]+\Z", _("Such as X-Vobiz-Signature."))],
        help_text=_("The header in which Vobiz signs the webhooks of a SIP trunk. Empty: X-Vobiz-Signature."),
    )
    recorded_by_flow = models.BooleanField(
        _("a call flow also records these calls"),
        default=False,
        help_text=_("The portal then asks before it starts a second recording of the same call."),
    )
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        default="Asia/Kolkata",
        validators=[validate_zone],
        help_text=_("For times that Vobiz sends without a zone."),
    )

    region = models.CharField(
        _("country of its numbers"),
        max_length=2,
        null=True,
        blank=True,
        validators=[validate_region],
        help_text=_(
            "For numbers that Vobiz sends without a country code. Empty: DEFAULT_REGION of the portal."
        ),
    )

    alert_addresses = models.TextField(
        _("e-mail addresses for alerts"),
        blank=True,
        default="",
        db_default="",
        validators=[validate_addresses],
        help_text=_(
            "One on each line, at most ten. They are told of problems of this account and of the portal."
        ),
    )
    archive_automatically = models.BooleanField(
        _("archive automatically"),
        default=True,
        help_text=_("Archive the audio of every recording, because Vobiz deletes it."),
    )
    archive_pause = models.TextField(_("why archiving pauses"), null=True, editable=False)
    archive_paused_at = models.DateTimeField(_("archiving pauses since"), null=True, editable=False)
    archive_probe_at = models.DateTimeField(_("archiving is tried again at"), null=True, editable=False)
    # The circuit breaker of Vobiz's API
    api_failures = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    api_down_since = models.DateTimeField(_("Vobiz unreachable since"), null=True, editable=False)
    api_probe_at = models.DateTimeField(null=True, editable=False)
    token_refused = models.BooleanField(default=False, db_default=False, editable=False)
    # refused callbacks are to be verified again
    refused_due_at = models.DateTimeField(null=True, editable=False)
    first_synced_at = models.DateTimeField(_("first complete sync"), null=True, editable=False)
    settled_at = models.DateTimeField(_("unfinished recordings last checked"), null=True, editable=False)
    gap_seen_at = models.DateTimeField(_("missing callbacks seen"), null=True, editable=False)

    live_refresh_started_at = models.DateTimeField(null=True, editable=False)
    live_tried_at = models.DateTimeField(null=True, editable=False)
    live_refreshed_at = models.DateTimeField(_("live calls last read"), null=True, editable=False)
    live_error = models.TextField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        ordering = ["auth_id"]
        permissions = [
            ("test_account", _("Can test an account's connection")),
            ("change_token", _("Can change an account's token")),
            ("test_storage", _("Can test the archive's storage")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(default_time_limit__gte=1, default_time_limit__lte=MAX_TIME_LIMIT),
                name="account_default_time_limit",
            ),
            one_of("account_default_file_format", "default_file_format", FileFormat),
            one_of("account_default_channels", "default_channels", Channels),
            models.CheckConstraint(condition=Q(retention_days__gte=1), name="account_retention_days"),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="account_not_its_own_parent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.auth_id})" if self.name else self.auth_id

    def clean(self) -> None:
        """Raise ValidationError where the parent is itself a sub-account: families are two generations deep."""
        if self.parent is not None and self.parent.parent_id is not None:
            raise ValidationError({"parent": _("A sub-account cannot be a parent.")})
        if self.parent is not None and self.pk and self.subaccounts.exists():
            raise ValidationError({"parent": _("An account with sub-accounts cannot have a parent.")})

    @property
    def zone(self) -> tzinfo:
        """The time zone of the times that Vobiz sends without one."""
        return ZoneInfo(self.time_zone)

    @property
    def masked_auth_id(self) -> str:
        """A shortened Auth ID for logs and messages, such as `MA_…668`."""
        return f"{self.auth_id[:3]}…{self.auth_id[-3:]}"

    @property
    def cannot_sync(self) -> bool:
        """Whether the account is inactive or has no token, so that Vobiz is asked nothing for it."""
        return not self.is_active or self.encrypted_token is None

    @property
    def lacks_signing_token(self) -> bool:
        """Whether no signature can be verified: neither the account has a token nor can a parent have one."""
        return self.encrypted_token is None and self.parent_id is None

    def rejection(self, trust: str) -> Rejection:
        """Return why callbacks of this trust are rejected, and the cure: the one answer of every page."""
        if trust == Trust.UNSIGNED:
            return Rejection(
                gettext("unsigned, and the account requires a signature"),
                gettext(
                    "Check the callback address at Vobiz, or accept unsigned callbacks on the account's page."
                ),
            )
        if self.lacks_signing_token:
            return Rejection(
                gettext("no token is stored, so no signature can be verified"), gettext("Enter the token.")
            )
        return Rejection(
            gettext("the signature does not match, most likely because the auth token was changed at Vobiz"),
            gettext("Enter the new token, then process the callbacks again."),
        )

    @property
    def archive_stop(self) -> str:
        """Why nothing of the account is archived now, in a sentence; empty where nothing stops it."""
        if not self.is_active:
            return gettext("The account is inactive.")
        if self.encrypted_token is None:
            return gettext("No token is stored.")
        return self.archive_pause or ""

    @property
    def token(self) -> str:
        """The current token. Raises NotConnectedError, with the cure, where there is none or no key opens it."""
        if not self.encrypted_token:
            raise NotConnectedError(gettext("No token is stored. Enter it on the account's page."))
        try:
            return decrypt(self.encrypted_token)
        except UndecipherableError as error:
            raise NotConnectedError(
                gettext(
                    "The stored token opens with none of TOKEN_ENCRYPTION_KEYS. Enter it again on the account's "
                    "page, or put the former secret back at the end of that setting."
                )
            ) from error

    @property
    def token_ending(self) -> str | None:
        """The token's last four characters, or None where there is none to show."""
        try:
            return self.token[-4:]
        except NotConnectedError:
            return None

    def set_token(self, token: str, *, now: datetime, keep_former: timedelta = FORMER_TOKEN_LIFE) -> None:
        """Replace the token; the former one stays valid for callbacks until `now + keep_former`."""
        with transaction.atomic():
            held = Account.objects.select_for_update(no_key=True).get(pk=self.pk)
            former = _opened(held.encrypted_token)  # one that cannot be opened can verify nothing
            if former is not None and former != token:
                kept = keep_former > timedelta(0)
                held.former_encrypted_token = held.encrypted_token if kept else None
                held.former_token_until = now + keep_former if kept else None
            held.encrypted_token = encrypt(token)
            held.save(update_fields=TOKEN_COLUMNS)
            # what was refused may verify now, also that of sub-accounts, which the token signs for too
            Account.objects.filter(Q(pk=self.pk) | Q(parent_id=self.pk)).update(refused_due_at=now)
        self.record_api_success()
        self.schedule_archive_probe(now=now)  # it may be what archiving waits for
        for column in TOKEN_COLUMNS:
            setattr(self, column, getattr(held, column))

    def acknowledge_missing_callbacks(self, now: datetime) -> None:
        """Record that a person has seen which callbacks are missing by now."""
        Account.objects.filter(pk=self.pk).update(gap_seen_at=now)

    def reencrypt(self) -> None:
        """Encrypt the tokens and the webhook secret under the first key; UndecipherableError where no key opens one."""
        with transaction.atomic():
            held = Account.objects.select_for_update(no_key=True).get(pk=self.pk)
            for column in ENCRYPTED_COLUMNS:
                if (stored := getattr(held, column)) is not None:
                    setattr(held, column, encrypt(decrypt(stored)))
            held.save(update_fields=ENCRYPTED_COLUMNS)

    def set_webhook_secret(self, secret: str | None) -> None:
        """Store the secret under which trunk webhooks are signed; None: they are not expected."""
        self.encrypted_webhook_secret = None if secret is None else encrypt(secret)
        Account.objects.filter(pk=self.pk).update(encrypted_webhook_secret=self.encrypted_webhook_secret)

    def verify_refused_again(self, now: datetime) -> None:
        """Have the worker verify its refused callbacks again, because what they are verified by was changed."""
        Account.objects.filter(pk=self.pk).update(refused_due_at=now)

    @property
    def webhook_secret(self) -> str | None:
        """The secret of trunk webhooks; None where none is stored or no key opens it."""
        return _opened(self.encrypted_webhook_secret)

    def callback_tokens(self, now: datetime) -> tuple[str, ...]:
        """Return the tokens under which a callback may verify: current, former until its date, and the parent's."""
        family = [self, self.parent] if self.parent is not None else [self]
        stored = []
        for account in family:
            stored.append(account.encrypted_token)
            if account.former_token_until is not None and now < account.former_token_until:
                stored.append(account.former_encrypted_token)
        # of one that no key opens the account's page says so; nothing verifies under it
        return tuple(token for token in map(_opened, stored) if token is not None)

    def record_api_failure(self, error: VobizError, *, now: datetime) -> None:
        """Count that Vobiz could not be asked; open the circuit after API_FAILURES, or at once for a refused token."""
        if not isinstance(error, AuthenticationError | RateLimitError | UnreachableError):
            return
        refused = isinstance(error, AuthenticationError)
        mine = Account.objects.filter(pk=self.pk)
        mine.update(api_failures=F("api_failures") + 1, token_refused=refused)
        opened = mine.filter(api_down_since=None).filter(
            Q(token_refused=True) | Q(api_failures__gte=API_FAILURES)
        )
        opened.update(api_down_since=now)
        mine.filter(api_down_since__isnull=False).update(api_probe_at=now + API_PROBED_EVERY)

    def record_api_success(self) -> None:
        """Close the circuit, as Vobiz answered."""
        failed = Account.objects.filter(pk=self.pk).exclude(api_failures=0)
        failed.update(api_failures=0, api_down_since=None, api_probe_at=None, token_refused=False)

    def may_ask_api(self, now: datetime) -> bool:
        """Return whether work in the background may ask Vobiz: the circuit is closed, or the caller has the probe."""
        mine = Account.objects.filter(pk=self.pk)
        if not mine.filter(api_down_since__isnull=False).exists():
            return True
        too_far = written_by_fast_clock("api_probe_at", now, furthest=API_PROBED_EVERY)
        due = mine.filter(Q(api_probe_at=None) | Q(api_probe_at__lte=now) | too_far)
        return bool(due.update(api_probe_at=now + API_PROBED_EVERY))

    def usually_signed(self, now: datetime) -> bool:
        """Return whether signed callbacks came lately, so that an unsigned one is unusual."""
        signed = self.callbackevent_set.filter(trust=Trust.SIGNED, received_at__gt=now - USUALLY_SIGNED_IN)
        return bool(signed.exists())

    def open_archive_circuit(self, reason: str, *, now: datetime) -> None:
        """Open the circuit breaker: archive no recording but one probe a minute, until one succeeds.

        For causes that are no recording's own fault. `archive_paused_at` keeps the time of the first reason,
        `archive_pause` the words of the latest.
        """
        mine = Account.objects.filter(pk=self.pk)
        if mine.filter(archive_pause=None).update(archive_paused_at=now):
            logger.warning("Archiving of %s pauses: %s", self.masked_auth_id, reason)
        mine.update(archive_pause=reason, archive_probe_at=now + ARCHIVE_PROBED_EVERY)

    def claim_archive_probe(self, *, now: datetime) -> bool:
        """Claim the probe that tests whether archiving works again (half-open); return whether the caller has it."""
        too_far = written_by_fast_clock("archive_probe_at", now, furthest=ARCHIVE_PROBED_EVERY)
        paused = Account.objects.active().filter(pk=self.pk, archive_pause__isnull=False)
        due = paused.filter(Q(archive_probe_at__lte=now) | too_far)
        return bool(due.update(archive_probe_at=now + ARCHIVE_PROBED_EVERY))

    def schedule_archive_probe(self, *, now: datetime) -> None:
        """Make a probe due now, where the circuit is open."""
        Account.objects.filter(pk=self.pk, archive_pause__isnull=False).update(archive_probe_at=now)

    def close_archive_circuit(self) -> bool:
        """Close the circuit breaker, as a recording was archived. False: it was closed already."""
        paused = Account.objects.filter(pk=self.pk, archive_pause__isnull=False)
        resumed = paused.update(archive_pause=None, archive_paused_at=None, archive_probe_at=None)
        if resumed:
            logger.info("Archiving of %s goes on.", self.masked_auth_id)
        return bool(resumed)

    @property
    def root_id(self) -> int:
        """The primary key of the family's main account."""
        return self.parent_id or self.pk

    def family(self) -> AccountQuerySet:
        """Return the main account and all its sub-accounts."""
        return Account.objects.filter(Q(pk=self.root_id) | Q(parent_id=self.root_id))

    def lock_family(self) -> None:
        """Lock the family against matching of recordings by others, until this transaction ends.

        Lock order: this lock first, then rows of recordings in the order of their primary keys. A page of a sync, an
        answer to a start and a callback may each hold one row of a recording and want another; without this lock they
        could deadlock. Only inside a transaction. On SQLite the transaction itself keeps every other writer out.
        """
        if not connection.features.has_select_for_update:
            return
        _LOCKED_ROOT.all(self.root_id)


def _opened(stored: str | None) -> str | None:
    """Return a secret decrypted; None where none is stored, or no key opens it."""
    try:
        return decrypt(stored) if stored else None
    except UndecipherableError:
        return None


_LOCKED_ROOT = CompiledQuery[Account](
    lambda pk: Account.objects.order_by().only("pk").filter(pk=pk).select_for_update(no_key=True), -1
)
