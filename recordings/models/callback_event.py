"""Every delivery that belongs to us, as received; and the nonces that have been spent."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from recordings.choices import EventKind, EventOutcome, Scheme, Trust
from recordings.declarations import done_by, one_of, partial_index
from recordings.models.account import Account, VisibleQuerySet
from recordings.models.recording.model import Recording

MAX_ATTEMPTS = 8
# The version of the reader of fields; what an older one has stored is due to be read again
READER_VERSION = 1
# What will have no effect by itself, whatever its account; see `closable`
NO_EFFECT = (EventOutcome.FAILED, EventOutcome.REFUSED, EventOutcome.CONFLICT, EventOutcome.UNPARSED)
TROUBLES = (*NO_EFFECT, EventOutcome.UNMATCHED)
NOT_APPLIED = (EventOutcome.RECEIVED, EventOutcome.UNMATCHED, EventOutcome.FAILED)
OUTCOME = ("outcome", "seen_at", "seen_by")  # columns of what became of it
ATTEMPT = ("attempts", "error", *OUTCOME)
SHOWN_BODY = 4_000  # characters


class CallbackEventQuerySet(VisibleQuerySet):
    """A queryset of callback events."""

    def refused(self) -> CallbackEventQuerySet:
        """Return the events whose signature did not verify; they can be processed once a setting is corrected."""
        return self.filter(outcome=EventOutcome.REFUSED)

    def untrusted(self) -> CallbackEventQuerySet:
        """Return the events that nobody vouches for: unsigned, refused, or under a nonce spent on other content.

        Whatever becomes of an unsigned one later, it stays among them.
        """
        return self.filter(~Q(trust=Trust.SIGNED) | Q(outcome=EventOutcome.CONFLICT))

    def not_applied(self) -> CallbackEventQuerySet:
        """Return the events that can still have an effect."""
        return self.filter(outcome__in=NOT_APPLIED)

    def unmatched(self) -> CallbackEventQuerySet:
        """Return the events about a recording that is not known here, oldest first."""
        rows = self.filter(outcome=EventOutcome.UNMATCHED).select_related("account__parent")
        return rows.order_by("received_at", "pk")

    def to_apply(self, account: Account) -> CallbackEventQuerySet:
        """Return the account's events that may have an effect now without asking Vobiz, oldest first.

        One that failed for good is left to a person; one that waits for its read-back had its effect.
        """
        untried = Q(outcome=EventOutcome.RECEIVED, processed_at=None)
        rows = self.filter(untried | Q(outcome=EventOutcome.UNMATCHED), account=account)
        # those received go first: the unmatched may be many, and stay so while Vobiz is away; then those signed
        return rows.select_related("account__parent").order_by("outcome", "trust", "received_at", "pk")

    def due_to_reread(self) -> CallbackEventQuerySet:
        """Return the events that an older version has stored, oldest first."""
        rows = self.filter(reader_version__lt=READER_VERSION)
        return rows.select_related("account__parent").order_by("pk")

    def awaiting_read_back(self) -> CallbackEventQuerySet:
        """Return the unsigned events whose recording is to be read from the API."""
        return self.filter(outcome=EventOutcome.RECEIVED, processed_at__isnull=False)

    def without_effect(self) -> CallbackEventQuerySet:
        """Return the events without an effect so far that nobody has marked as reviewed."""
        # the partial index leaves out what was applied, and no planner knows that of a list of other outcomes
        return self.filter(outcome__in=TROUBLES, seen_at=None).exclude(outcome=EventOutcome.APPLIED)

    def closable(self) -> CallbackEventQuerySet:
        """Return the events that a person can mark as reviewed; see `is_closable`."""
        nobody_asks = Q(outcome=EventOutcome.UNMATCHED, account__in=Account.objects.without_access())
        return self.filter(Q(outcome__in=NO_EFFECT) | nobody_asks, seen_at=None)

    def mark_seen(self, *, by: User, now: datetime) -> list[int]:
        """Mark the closable events as reviewed; return the primary keys of those that were not before.

        Each stays as it is and can be processed again; whatever becomes of it then is news again.
        """
        chosen = CallbackEvent.objects.order_by().filter(pk__in=list(self.values_list("pk", flat=True)))
        # the UPDATE asks for itself: what has had its effect, or failed anew, this moment is something else
        chosen.closable().update(seen_at=now, seen_by=by)
        marked = chosen.filter(seen_at=now, seen_by=by)
        return sorted(marked.values_list("pk", flat=True))

    def close(self) -> int:
        """Set received events to applied where their recording was read from the API since; return how many."""
        return self.filter(recording__read_back_due_at=None).update(outcome=EventOutcome.APPLIED)


class CallbackEvent(models.Model):
    """One delivery from Vobiz. The same content again is counted here, not kept twice.

    Identity is (key, trust, SHA-256 of the decoded fields), whatever the method or encoding.
    """

    account = models.ForeignKey(Account, verbose_name=_("account"), on_delete=models.PROTECT)
    recording = models.ForeignKey(
        Recording,
        verbose_name=_("recording"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="events",
    )
    door = models.CharField(max_length=16, editable=False)  # recording, transcription or account: the path's
    key_digest = models.CharField(max_length=64, editable=False)  # SHA-256 of the callback key in the path
    content_digest = models.CharField(max_length=64, editable=False)
    kind = models.CharField(_("kind"), max_length=16, choices=EventKind, default=EventKind.OTHER)
    outcome = models.CharField(_("outcome"), max_length=16, choices=EventOutcome)
    payload = models.JSONField(_("fields received"), default=dict)
    nonces = models.JSONField(_("nonces"), default=list)
    scheme = models.CharField(_("scheme"), max_length=8, choices=Scheme, default=Scheme.NONE)
    trust = models.CharField(_("trust"), max_length=16, choices=Trust)
    # Of a refused one, to verify it anew: the signature headers of its deliveries, and where it says it was sent to
    signature_headers = models.JSONField(default=list, editable=False)
    hosts = models.JSONField(default=list, editable=False)
    expected_base = models.CharField(_("address expected"), max_length=2048, null=True, blank=True)
    # Of an unreadable one, to read it again: its bytes, and what it says they are. Of a refused one that may be signed
    # over its body, to verify it anew: its bytes alone
    raw_body = models.BinaryField(null=True, editable=False)
    raw_form = models.JSONField(null=True, editable=False)
    reader_version = models.PositiveSmallIntegerField(default=READER_VERSION, db_default=0, editable=False)
    # received, about what is stored
    body_bytes = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    deliveries = models.PositiveIntegerField(_("deliveries"), default=1)
    attempts = models.PositiveIntegerField(_("attempts to apply"), default=0)
    error = models.TextField(_("error"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"))
    processed_at = models.DateTimeField(_("processed"), null=True, blank=True)
    seen_at = models.DateTimeField(_("seen"), null=True, blank=True, editable=False)
    seen_by = done_by(_("seen by"), editable=False)

    objects = CallbackEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("callback")
        verbose_name_plural = _("callbacks")
        ordering = ["-received_at", "-id"]
        permissions = [("process_callbackevent", _("Can process callback events again"))]
        constraints = [
            models.UniqueConstraint(
                fields=["key_digest", "trust", "content_digest"], name="callbackevent_once_each_content"
            ),
            one_of("callbackevent_kind", "kind", EventKind),
            one_of("callbackevent_outcome", "outcome", EventOutcome),
            one_of("callbackevent_trust", "trust", Trust),
            one_of("callbackevent_scheme", "scheme", Scheme),
        ]
        indexes = [
            partial_index("callbackevent_reread_due", ["id"], Q(reader_version__lt=READER_VERSION)),
            # "last callback here" and how many of the last 30 days' were signed
            models.Index(fields=["account", "-received_at"], name="callbackevent_newest"),
            models.Index(fields=["-received_at", "-id"], name="callbackevent_newest_of_all"),
            # failed, refused and unmatched are few and looked at first
            partial_index("callbackevent_not_applied", ["account", "outcome"], ~Q(outcome="applied")),
            # unsigned ones where signed ones came before
            models.Index(fields=["account", "trust", "received_at"], name="callbackevent_by_trust"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.received_at:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def raw_text(self) -> str | None:
        """The beginning of an unreadable body as text; None where the body could be read."""
        if self.raw_body is None or not self.is_unreadable:
            return None
        return bytes(self.raw_body[: 4 * SHOWN_BODY]).decode(errors="replace")[:SHOWN_BODY]

    @property
    def is_closable(self) -> bool:
        """Whether it will have no effect by itself, and nobody has marked it as reviewed.

        An unmatched one waits for Vobiz to be asked, which nobody does where the account is off or has no token.
        """
        waits_for_ever = self.outcome == EventOutcome.UNMATCHED and self.account.cannot_sync
        return self.seen_at is None and (self.outcome in NO_EFFECT or waits_for_ever)

    @property
    def is_unreadable(self) -> bool:
        """Whether its fields are still to be decoded."""
        return self.raw_body is not None and self.raw_form is not None

    @property
    def unapplied_outcome(self) -> EventOutcome:
        """The outcome of an event that is to be applied: first it must be decoded."""
        return EventOutcome.UNPARSED if self.is_unreadable else EventOutcome.RECEIVED

    def set_outcome(self, outcome: EventOutcome) -> None:
        """Set another outcome, which nobody has reviewed yet. Save it with the columns OUTCOME."""
        self.outcome = outcome
        self.seen_at = self.seen_by = None

    def reopen(self) -> None:
        """Have it applied after all. To be saved with the columns OUTCOME and `error`."""
        self.set_outcome(self.unapplied_outcome)
        self.error = None

    def record_failed_attempt(self, error: str, outcome: EventOutcome | None = None) -> None:
        """Count a failed attempt on the locked event. The last of MAX_ATTEMPTS fails it; `outcome` is set at once."""
        self.attempts += 1
        last = EventOutcome.FAILED if self.attempts >= MAX_ATTEMPTS else EventOutcome(self.outcome)
        self.set_outcome(outcome or last)
        self.error = error

    def reschedule(self, error: str, outcome: EventOutcome | None = None) -> None:
        """Store a failed attempt, as `record_failed_attempt`, unless the event was applied meanwhile."""
        with transaction.atomic():
            held: CallbackEvent = CallbackEvent.objects.select_for_update(of=("self",)).get(pk=self.pk)
            if held.outcome in NOT_APPLIED:
                held.record_failed_attempt(error, outcome)
                held.save(update_fields=ATTEMPT)
        for column in ATTEMPT:
            setattr(self, column, getattr(held, column))


class SpentNonce(models.Model):
    """A nonce of a signed delivery: good once, for one content, for as long as the key lives."""

    key_digest = models.CharField(max_length=64)
    nonce = models.CharField(max_length=64)
    content_digest = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key_digest", "nonce"], name="spentnonce_once"),
        ]

    def __str__(self) -> str:
        return self.nonce
