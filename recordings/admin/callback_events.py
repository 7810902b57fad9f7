"""Callback events: what Vobiz delivered, whether it can be trusted, and doing again what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings import overview
from recordings.admin import formatting
from recordings.admin.base import (
    WRITE,
    Fact,
    ReadOnlyAdmin,
    Section,
    in_batches,
    may,
    needs_none,
    page,
    with_cure,
)
from recordings.admin.change_list import ListSearch
from recordings.admin.exports import CsvExportMixin
from recordings.admin.filters import (
    AccountFilter,
    ChoiceFilter,
    DateFilter,
    UnsignedFilter,
    WithoutEffectFilter,
    rare,
)
from recordings.admin.reader import note_access, seen_recording
from recordings.callbacks import processing
from recordings.callbacks.diagnosis import diagnosis
from recordings.callbacks.field_aliases import canonical_name
from recordings.choices import AccessAction, EventKind, EventOutcome, Trust
from recordings.models import Account, CallbackEvent
from recordings.search import Reading, find_of_recordings

MOST_AT_ONCE = 200
UNKNOWN_BUT_SHORT = 100  # characters
HIDDEN = gettext_lazy("hidden: you do not have the permission to read transcripts")
CLOSED = gettext_lazy("hidden until you open it")
HEAVY = ("payload", "raw_body")  # columns: a body that could not be read may be megabytes
WORDS = {
    EventOutcome.RECEIVED: gettext_lazy(
        "Waiting for Vobiz's API to confirm the recording. No data was changed yet."
    ),
    EventOutcome.APPLIED: gettext_lazy("The recording was updated."),
    EventOutcome.UNMATCHED: gettext_lazy(
        "The portal does not have this recording yet. The next sync reads it and applies the callback."
    ),
    EventOutcome.CONFLICT: gettext_lazy(
        "This callback contradicts Vobiz's API or an earlier callback. No data was changed."
    ),
    EventOutcome.REFUSED: gettext_lazy("No data was changed."),
    EventOutcome.UNPARSED: gettext_lazy("The portal cannot read its format. No data was changed."),
    EventOutcome.FAILED: gettext_lazy("Applying it failed. Remove the cause, then process it again."),
}
UNASKED = gettext_lazy(
    "The portal does not have this recording and cannot ask Vobiz: the account is inactive or has no auth token. "
    "Correct that; the next sync applies the callback."
)
TRUST_WORDS = {
    Trust.SIGNED: gettext_lazy(
        "Vobiz signed it with the account's auth token. The signature covers the address, not the content."
    ),
    Trust.UNSIGNED: gettext_lazy(
        "Anyone who knows the address can have sent it. Its values count only when Vobiz's API confirms them."
    ),
    Trust.REFUSED: gettext_lazy("The signature matches no auth token of the account."),
}
MOST_NOTICES = 3  # accounts whose rejected callbacks are named above the list


@dataclass(frozen=True, slots=True)
class Rejected:
    """Rejected callbacks of one account, for the notice above the list."""

    account: Account
    count: overview.Counted
    since: datetime
    is_unsigned: bool
    words: str

    @property
    def needs_token(self) -> bool:
        """Whether only a token cures it: to process them again changes nothing before."""
        return not self.is_unsigned and self.account.lacks_signing_token


class OutcomeFilter(ChoiceFilter):
    """What became of it."""

    title = gettext_lazy("outcome")
    parameter_name = "outcome__exact"
    words: ClassVar[dict[str, Any]] = dict(EventOutcome.choices)
    conditions: ClassVar[dict[str, Q]] = rare("outcome", EventOutcome.values, EventOutcome.APPLIED)


@admin.register(CallbackEvent)
class CallbackEventAdmin(CsvExportMixin, ReadOnlyAdmin):
    """Every delivery that belongs to us, as received."""

    page_template = "admin/recordings/callbackevent/page.html"
    change_list_template = "admin/recordings/callbackevent/change_list.html"
    csv_related = ("account",)
    list_display = (
        "when", "about", "numbers", "trust_shown", "outcome_shown", "delivered", "account_name", "again",
    )  # fmt: skip
    list_filter = (
        DateFilter, OutcomeFilter, "trust", "kind", AccountFilter, UnsignedFilter, WithoutEffectFilter,
    )  # fmt: skip
    list_select_related = ("account", "recording__call")
    list_deferred = (*HEAVY, "recording__provider_data", "recording__call__provider_data")
    search_fields = ("recording__recording_id",)
    readings = (Reading.NUMBER, Reading.AREA, Reading.ID, Reading.NAME)
    search_help_text = gettext_lazy("Number in any spelling, name, call ID or recording ID")
    actions = ("process_selected", "mark_seen")
    list_day = date_column = "received_at"
    totals = staticmethod(overview.event_totals)
    views = (
        (gettext_lazy("All"), {}),
        (gettext_lazy("Needs attention"), {"effect": "none"}),
        (gettext_lazy("Rejected"), {"outcome__exact": EventOutcome.REFUSED.value}),
        (gettext_lazy("No matching recording"), {"outcome__exact": EventOutcome.UNMATCHED.value}),
        (gettext_lazy("Unsigned"), {"trust__exact": Trust.UNSIGNED.value}),
    )
    list_title = gettext_lazy("Callbacks")
    list_words = gettext_lazy(
        "Requests (webhooks) from Vobiz. Every delivery is kept; values count only when Vobiz's API confirms them."
    )
    empty_title = gettext_lazy("No callbacks received yet")
    empty_words = gettext_lazy(
        "Recordings started in the portal give Vobiz its address. For call flows, copy the "
        "address from the account's page."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add whether its recording is the reader's to see: an account's callbacks may be about its sub-account's."""
        seen = seen_recording(request, "recording")
        rows: QuerySet[Any] = super().get_queryset(request).annotate(sees_recording=seen)
        return rows

    def find_read(self, queryset: QuerySet[Any], search: ListSearch) -> QuerySet[Any]:
        """Search by the number or id of a recording that the reader sees."""
        seen = queryset.filter(sees_recording__isnull=False)
        return find_of_recordings(seen, search.query, search.reading, path="recording__")

    def has_process_permission(self, request: HttpRequest) -> bool:
        """Return what the action below asks for."""
        return may(request, "process_callbackevent")

    @admin.display(description=gettext_lazy("received"))
    def when(self, event: CallbackEvent) -> str | SafeString:
        """Return the time in the reader's zone, without the day under its heading."""
        return formatting.moment_in_list(event.received_at, under_day=getattr(event, "under_day", False))

    @admin.display(description=gettext_lazy("event"))
    def about(self, event: CallbackEvent) -> SafeString:
        """Return what it is about."""
        return formatting.named(_("Event"), event.get_kind_display())

    @admin.display(description=gettext_lazy("action"))
    def again(self, event: CallbackEvent) -> str | SafeString:
        """Return a button that processes it again; the list is a form, which the button sends elsewhere."""
        if event.outcome == EventOutcome.APPLIED:
            return formatting.NOTHING
        url, label = self.to_page("process", event.pk), _("Process again")
        return format_html('<button class="button small" formaction="{}">{}</button>', url, label)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Leave out the button for those who may not press it."""
        shown = super().get_list_display(request)
        return shown if self.has_process_permission(request) else [name for name in shown if name != "again"]

    @admin.display(description=gettext_lazy("result"))
    def outcome_shown(self, event: CallbackEvent) -> SafeString:
        """Return what became of it."""
        return formatting.badge(event.outcome, event.get_outcome_display())

    @admin.display(description=gettext_lazy("signature"))
    def trust_shown(self, event: CallbackEvent) -> SafeString:
        """Return what its signature proves."""
        words = event.get_trust_display()
        if event.trust == Trust.REFUSED and event.account.lacks_signing_token:
            words = _("Not verified")  # nothing is known of it: there is no token
        return formatting.badge(event.trust, words)

    @admin.display(description=gettext_lazy("sent"))
    def delivered(self, event: CallbackEvent) -> SafeString:
        """Return how often the same content came."""
        return formatting.named(_("Sent"), f"{event.deliveries}×")

    @admin.display(description=gettext_lazy("call"))
    def numbers(self, event: Any) -> str | SafeString:
        """Return the numbers of its recording's call."""
        if event.recording is None:
            return _("No recording")
        return (
            formatting.from_to_cell(event.recording.call) if event.sees_recording else str(formatting.UNSEEN)
        )

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what was rejected and how to cure it."""
        return {"rejected": [*self._rejected(request)]}

    def _rejected(self, request: HttpRequest) -> Iterator[Rejected]:
        """Yield what was rejected and nobody has reviewed, by account."""
        found = overview.callback_troubles(request.user)
        those = {key: trouble for key, trouble in found.items() if key[1] == EventOutcome.REFUSED}
        accounts = (
            Account.objects.visible_to(request.user).in_bulk([key[0] for key in those]) if those else {}
        )
        for (pk, _outcome, trust), trouble in [*those.items()][:MOST_NOTICES]:
            account, is_unsigned = accounts[pk], trust == Trust.UNSIGNED
            words = account.rejection(trust).words
            yield Rejected(account, trouble.count, trouble.since, is_unsigned, words)

    # Processing again

    @admin.action(description=gettext_lazy("Process again"), permissions=["process"])
    def process_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Process each selected callback and count the outcomes."""
        if queryset.count() > MOST_AT_ONCE:
            words = _("Nothing was processed: at most %d callbacks at once. Select fewer.") % MOST_AT_ONCE
            self.message_user(request, words, messages.ERROR)
            return
        now = timezone.now()
        events = list(queryset.order_by("received_at", "pk").select_related("account__parent"))
        outcomes = Counter(EventOutcome(processing.process_again(event, now=now)) for event in events)
        self.log_each(request, list(events), _("Processed it again."))
        sums = ", ".join(f"{count} {str(outcome.label).lower()}" for outcome, count in outcomes.items())
        words = ngettext("%(count)d callback processed again: %(sums)s.",
                         "%(count)d callbacks processed again: %(sums)s.", len(events))  # fmt: skip
        level = messages.SUCCESS if set(outcomes) <= {EventOutcome.APPLIED} else messages.WARNING
        self.message_user(request, words % {"count": len(events), "sums": sums}, level)
        for account in {event.account for event in events if _lacks_token(event)}:
            lacking = _("Callbacks stay rejected: no token is stored for %s.") % formatting.plain(account)
            self.message_user(request, with_cure(request, account, lacking), messages.WARNING)

    @page("<path:object_id>/process/", permission="recordings.process_callbackevent", methods=WRITE)
    def process(self, request: HttpRequest, event: CallbackEvent) -> HttpResponse:
        """Process this callback now."""
        outcome = EventOutcome(processing.process_again(event, now=timezone.now()))
        words = _("Processed again: %(outcome)s. %(words)s") % {
            "outcome": str(outcome.label).lower(), "words": _outcome_words(event),
        }  # fmt: skip
        if _lacks_token(event):
            why = event.account.rejection(event.trust).words
            words = with_cure(request, event.account, f"{words} {why}")
        level = messages.SUCCESS if outcome == EventOutcome.APPLIED else messages.WARNING
        log = _("Processed it again: %s") % str(outcome.label).lower()
        to = self.to_object(event) if self.has_view_permission(request) else self.to_index()
        return self.conclude(request, event, words=words, log=log, to=to, level=level)

    @admin.action(description=gettext_lazy("Mark as reviewed"), permissions=["process"])
    def mark_seen(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Mark each selected callback as reviewed that will have no effect by itself."""
        self._mark(request, queryset)

    @page("<path:object_id>/seen/", permission="recordings.process_callbackevent", methods=WRITE)
    def seen(self, request: HttpRequest, event: CallbackEvent) -> HttpResponse:
        """Mark this callback as reviewed."""
        self._mark(request, CallbackEvent.objects.filter(pk=event.pk))
        to = self.to_object(event) if self.has_view_permission(request) else self.to_index()
        return HttpResponseRedirect(to)

    def _mark(self, request: HttpRequest, rows: Any) -> None:
        now, marked, total = timezone.now(), 0, 0
        for batch in in_batches(rows, without=HEAVY):
            chosen: Any = CallbackEvent.objects.filter(pk__in=[event.pk for event in batch])
            news = set(chosen.mark_seen(by=request.user, now=now))
            self.log_each(request, [event for event in batch if event.pk in news], _("Marked as reviewed."))
            marked, total = marked + len(news), total + len(batch)
        words = ngettext("%s callback marked as reviewed.", "%s callbacks marked as reviewed.", marked)
        none = ngettext(
            "This callback needs no review.", "None of the selected callbacks needs a review.", total
        )
        self.say_how_many(request, marked, words, none=none, left=needs_none(total - marked))

    # The page

    @page(
        "<path:object_id>/words/",
        name="words",
        permission="recordings.read_transcription",
        also=("recordings.view_callbackevent",),
        methods=WRITE,
        access=AccessAction.TRANSCRIPT,
    )
    def open_words(self, request: HttpRequest, event: Any) -> HttpResponse:
        """Its page with what was said, which is a look at a transcript."""
        if event.recording is not None and not event.sees_recording:
            self.note_refusal(request, AccessAction.TRANSCRIPT, str(event.pk))
            raise PermissionDenied
        detail = f"callback event {event.pk}"
        note_access(request, AccessAction.TRANSCRIPT, event.recording, account=event.account, detail=detail)
        return self.show(request, event, self._received(event, hidden=None))

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return its fields, its trust, what became of it."""
        outcome = EventOutcome(obj.outcome)
        is_rejected = outcome == EventOutcome.REFUSED  # the diagnosis says why, once
        reads = may(request, "read_transcription") and (obj.recording is None or obj.sees_recording)
        has_words = obj.raw_text is not None or holds_speech(obj.payload)
        return {
            **self._received(obj, hidden=str(CLOSED if reads else HIDDEN)),
            "may_open": reads and has_words,
            "title": formatting.callback(obj),
            "event": obj,
            "outcome": self.outcome_shown(obj),
            "outcome_words": _outcome_words(obj),
            "trust": self.trust_shown(obj),
            "trust_words": "" if is_rejected else TRUST_WORDS[Trust(obj.trust)],
            "lacks_token": _lacks_token(obj),
            "error": formatting.plain(obj.error) if obj.error and not is_rejected else "",
            "diagnosis": diagnosis(obj, now=timezone.now()) if is_rejected else None,
            "may_process": self.has_process_permission(request) and outcome != EventOutcome.APPLIED,
            "may_mark_seen": self.has_process_permission(request) and obj.is_closable,
            "seen": _("Reviewed by %(who)s") % {"who": formatting.words(obj.seen_by)} if obj.seen_at else "",
            "sections": [self._delivery(request, obj)],
        }

    def _received(self, event: CallbackEvent, *, hidden: str | None) -> dict[str, Any]:
        """Return what came, with `hidden` in place of what was said; without it there is nothing left to open."""
        sections = [Section(_("Fields received"), payload_facts(event.payload, hidden=hidden))]
        if (raw := event.raw_text) is not None:
            text = formatting.plain(raw) if hidden is None else hidden
            sections.append(Section(_("Start of the unreadable body"), text=text))
        return {"received": sections, "may_open": False}

    def _delivery(self, request: HttpRequest, event: Any) -> Section:
        seen = event.recording is None or event.sees_recording
        base = event.expected_base
        spent = ", ".join(formatting.plain(nonce) for nonce in event.nonces)
        again = _("the same content again has no second effect") if event.deliveries > 1 else ""
        return Section(
            _("The delivery"),
            [
                Fact(_("Account"), formatting.linked(request, event.account)),
                Fact(
                    _("Recording"),
                    formatting.linked(request, event.recording) if seen else str(formatting.UNSEEN),
                ),
                Fact(_("Received"), formatting.moment(event.received_at)),
                Fact(_("Processed"), formatting.moment(event.processed_at)),
                Fact(_("Deliveries"), str(event.deliveries), hint=again),
                Fact(_("Attempts that failed"), str(event.attempts)),
                Fact(_("Signature scheme"), event.get_scheme_display()),
                Fact(_("Nonces"), spent or formatting.NONE),
                *([Fact(_("Address expected then"), formatting.plain(base))] if base else []),
            ],
        )


def _lacks_token(event: CallbackEvent) -> bool:
    """Return whether it was rejected because its account has no token to verify it with."""
    is_wrong = event.outcome == EventOutcome.REFUSED and event.trust == Trust.REFUSED
    return is_wrong and event.raw_body is None and event.account.lacks_signing_token


def _outcome_words(event: CallbackEvent) -> str:
    """Return what became of it, and what to do; why one was rejected, its page says under a heading of its own."""
    if event.outcome == EventOutcome.UNMATCHED and event.account.cannot_sync:
        return str(UNASKED)
    if (event.outcome, event.kind) == (EventOutcome.APPLIED, EventKind.OTHER) and event.recording is None:
        return _("This callback is about no recording. No data was changed.")
    return str(WORDS[EventOutcome(event.outcome)])


def payload_facts(payload: Mapping[str, Any], *, hidden: str | None) -> list[Fact]:
    """Return the fields of a callback, in order of their names. `hidden`: what stands in place of what was said."""
    found = []
    for name in sorted(payload):
        text = _text_of(payload[name])
        if hidden is not None and text and may_hold_speech(name, text):
            text = hidden
        found.append(Fact(formatting.plain(name), formatting.plain(text) or _("(empty)")))
    return found


def holds_speech(payload: Mapping[str, Any]) -> bool:
    """Return whether any of its fields may hold what was said."""
    return any((text := _text_of(value)) and may_hold_speech(name, text) for name, value in payload.items())


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else formatting.as_said(value)


def may_hold_speech(name: str, text: str) -> bool:
    """Whether a field may hold what was said. A long text under an unknown name may be a new format's transcript."""
    field = canonical_name(name)
    return field == "transcription" or (field is None and len(text) > UNKNOWN_BUT_SHORT)
