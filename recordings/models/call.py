"""A call, conference or trunk leg: whatever Vobiz gives a call UUID."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recordings.choices import OPEN_STATUSES, CallState, Direction
from recordings.declarations import never_empty, one_of, partial_index
from recordings.models.account import Account, VisibleQuerySet
from recordings.numbers import NUMBERS_VERSION, e164_number, format_number, normalize_number
from recordings.vobiz.objects import CALL_TEXT_LENGTH, LiveCall

NUMBER_LENGTH = 255
SAID_LIVE = (
    "direction", "from_number", "from_digits", "to_number", "to_digits", "vobiz_status", "started_at",
)  # fmt: skip


class CallQuerySet(VisibleQuerySet):
    """A queryset of calls.

    Lock order: who writes several calls in one transaction holds their family (`Account.lock_family`), or takes only
    rows that nobody holds. Writers of a single call need no lock but that row's.
    """

    def live(self) -> CallQuerySet:
        """Return the calls that were live when Vobiz was last asked."""
        return self.filter(state=CallState.LIVE)

    def note_live(self, account: Account, calls: Iterable[LiveCall], *, now: datetime) -> None:
        """Store the details of live calls. A column that Vobiz leaves out keeps its value."""
        rows = sorted(
            (Call.from_live(account, call, now=now) for call in calls), key=lambda row: str(row.call_uuid)
        )
        known = {row.call_uuid: row for row in self._among(account, [str(row.call_uuid) for row in rows])}
        for row in rows:
            before = known.get(row.call_uuid)
            for column in SAID_LIVE:
                if getattr(row, column) is None and before is not None:
                    setattr(row, column, getattr(before, column))
            row.happened_at = row.started_at or (before.happened_at if before is not None else now)
        self.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["account", "call_uuid"],
            update_fields=[*SAID_LIVE, "happened_at", "state", "seen_live_at", "ended_at", "provider_data"],
        )

    def note_listed(self, account: Account, call_uuids: Collection[str], *, now: datetime) -> None:
        """Mark listed calls as live; create those not known before with their UUID alone."""
        known = set(self._among(account, call_uuids).values_list("call_uuid", flat=True))
        new = sorted(set(call_uuids) - known)
        rows = [Call(account=account, call_uuid=uuid, happened_at=now) for uuid in new]
        self.bulk_create(rows, ignore_conflicts=True)
        self._among(account, call_uuids).update(seen_live_at=now, state=CallState.LIVE, ended_at=None)

    def note_over(self, account: Account, *, live_uuids: Collection[str], now: datetime) -> int:
        """End the calls that were live and are no longer listed; return how many."""
        return (
            self.filter(account=account, state=CallState.LIVE)
            .filter(Q(seen_live_at__lt=now) | Q(seen_live_at=None))
            .exclude(call_uuid__in=live_uuids)
            .update(state=CallState.ENDED, ended_at=now)
        )

    def obtain(self, account: Account, call_uuid: str) -> Call:
        """Return the call's row; create it where it is not known yet."""
        call: Call = self.get_or_create(account=account, call_uuid=call_uuid)[0]
        return call

    def normalize_due_numbers(self, *, limit: int) -> int:
        """Normalise the numbers of at most `limit` calls whose digits are of older rules or another region.

        Returns how many were looked at. Oldest rows first; resumable, as each row says whether it is due. One that
        another writes at this moment is left for the next time.
        """
        due = self.filter(numbers_version__lt=NUMBERS_VERSION).select_related("account").order_by("pk")
        due = due.only("from_number", "to_number", "account__region")
        if not due.exists():  # as nearly always: no transaction for nothing
            return 0
        with transaction.atomic():
            rows = list(due.select_for_update(skip_locked=True, no_key=True, of=("self",))[:limit])
            for row in rows:
                row.from_digits = normalize_number(row.from_number, row.account.region)
                row.to_digits = normalize_number(row.to_number, row.account.region)
                row.numbers_version = NUMBERS_VERSION
            self.bulk_update(rows, ["from_digits", "to_digits", "numbers_version"], batch_size=200)
        return len(rows)

    def _among(self, account: Account, call_uuids: Collection[str]) -> CallQuerySet:
        return self.filter(account=account, call_uuid__in=call_uuids)


class Call(models.Model):
    """A call as far as it is known here: seen live, or owning a recording. Not every call of the account."""

    account = models.ForeignKey(Account, verbose_name=_("account"), on_delete=models.PROTECT)
    # NULL where Vobiz sent none with a recording, or none that is an id
    call_uuid = models.CharField(_("call UUID"), max_length=64, null=True, blank=True)
    call_uuid_text = models.CharField(
        _("call, as Vobiz names it"),
        max_length=CALL_TEXT_LENGTH,
        null=True,
        blank=True,
        editable=False,
        help_text=_("Not an id as Vobiz gives them, so Vobiz is asked nothing about this call."),
    )
    direction = models.CharField(_("direction"), max_length=16, choices=Direction, null=True, blank=True)
    from_number = models.CharField(_("from"), max_length=NUMBER_LENGTH, null=True, blank=True)
    to_number = models.CharField(_("to"), max_length=NUMBER_LENGTH, null=True, blank=True)
    from_digits = models.CharField(max_length=32, null=True, editable=False)
    to_digits = models.CharField(max_length=32, null=True, editable=False)
    # NUMBERS_VERSION when the digits were normalised; what is older is due to be normalised again
    numbers_version = models.PositiveSmallIntegerField(default=NUMBERS_VERSION, db_default=0, editable=False)
    state = models.CharField(_("state"), max_length=16, choices=CallState, default=CallState.UNKNOWN)
    vobiz_status = models.CharField(_("status at Vobiz"), max_length=64, null=True, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    ended_at = models.DateTimeField(
        _("ended"), null=True, blank=True, help_text=_("When the portal first saw it was over.")
    )
    seen_live_at = models.DateTimeField(_("last seen live"), null=True, blank=True)
    # what lists go by: when it started; else its earliest recording; else when it became known here
    happened_at = models.DateTimeField(_("when"), default=timezone.now)
    provider_data = models.JSONField(_("as Vobiz said"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CallQuerySet.as_manager()

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ["-happened_at", "-id"]
        permissions = [("view_live_calls", _("Can see live calls"))]
        constraints = [
            models.UniqueConstraint(fields=["account", "call_uuid"], name="call_once_an_account"),
            models.UniqueConstraint(fields=["account", "call_uuid_text"], name="call_once_each_text"),
            models.CheckConstraint(
                condition=Q(call_uuid__isnull=True) | Q(call_uuid_text__isnull=True), name="call_uuid_or_text"
            ),
            never_empty("call_text_unknown_is_null", "call_uuid_text"),
            one_of("call_state", "state", CallState),
            one_of("call_direction", "direction", Direction, null=True),
            never_empty("call_unknown_is_null", "call_uuid", "from_number", "to_number"),
        ]
        indexes = [
            partial_index("call_numbers_due", ["id"], Q(numbers_version__lt=NUMBERS_VERSION)),
            models.Index(fields=["call_uuid"], name="call_by_uuid"),
            # the search for a call that Vobiz names by something else: few, whatever the account
            partial_index("call_by_text", ["call_uuid_text"], Q(call_uuid_text__isnull=False)),
            models.Index(fields=["account", "-happened_at", "-id"], name="call_newest"),
            models.Index(fields=["-happened_at", "-id"], name="call_newest_of_all"),
            models.Index(fields=["started_at"], name="call_by_start"),  # the calls of a day
            # how many calls of an account go one way: few are gathered for a list, many are met on a walk by time
            models.Index(fields=["direction", "account"], name="call_by_direction"),
            # the live page and every refresh look only at these few rows
            partial_index("call_live", ["account"], Q(state="live")),
        ]

    def __str__(self) -> str:
        if self.from_number or self.to_number:
            caller = format_number(self.from_number, self.from_digits)
            callee = format_number(self.to_number, self.to_digits)
            return f"{caller or '?'} → {callee or '?'}"
        return self.call_uuid or self.call_uuid_text or str(_("call without a UUID"))

    @property
    def is_nameless(self) -> bool:
        """Whether Vobiz sent nothing that names it, so that it is of one recording alone."""
        return self.call_uuid is None and self.call_uuid_text is None

    @property
    def from_e164(self) -> str | None:
        """The caller's number as E.164 with `+` where it is one, else as given: for what leaves the portal."""
        return e164_number(self.from_number, self.from_digits)

    @property
    def to_e164(self) -> str | None:
        """The callee's number, likewise."""
        return e164_number(self.to_number, self.to_digits)

    @classmethod
    def from_live(cls, account: Account, live: LiveCall, *, now: datetime) -> Call:
        """Return an unsaved row with what Vobiz says of a live call."""
        direction = live.direction if live.direction in Direction.values else None
        return cls(
            account=account,
            call_uuid=live.call_uuid,
            direction=direction,
            state=CallState.LIVE,
            vobiz_status=(live.call_status or "")[:64] or None,
            started_at=live.started_at,
            seen_live_at=now,
            provider_data=dict(live.data),
            **numbers(live.from_number, live.to_number, account.region),
        )

    def open_recordings(self) -> models.QuerySet[Any]:
        """Return its recordings that run, or may run, oldest first."""
        return self.recordings.filter(status__in=OPEN_STATUSES).order_by("requested_at", "pk")

    def end(self, at: datetime) -> bool:
        """Record that the call is over. False: that was known."""
        return bool(
            Call.objects.filter(pk=self.pk).exclude(state=CallState.ENDED).update(
                state=CallState.ENDED, ended_at=at
            )
        )  # fmt: skip


def numbers(
    from_number: str | None, to_number: str | None, region: str | None = None
) -> dict[str, str | None]:
    """Return the four number columns: the numbers as given, and normalised for search in the account's region."""
    return {
        "from_number": (from_number or "")[:NUMBER_LENGTH] or None,
        "to_number": (to_number or "")[:NUMBER_LENGTH] or None,
        "from_digits": normalize_number(from_number, region),
        "to_digits": normalize_number(to_number, region),
    }
