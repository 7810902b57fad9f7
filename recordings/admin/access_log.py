"""The access log: who played, downloaded, read and exported what, when and from where. Looked at, never changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin import formatting
from recordings.admin.attention import listed
from recordings.admin.base import Fact, ReadOnlyAdmin, Section, may
from recordings.admin.change_list import PortalChangeList
from recordings.admin.exports import CsvExportMixin
from recordings.admin.filters import AccountFilter, DateFilter, UsualFilter
from recordings.admin.reader import seen_recording
from recordings.admin.recordings.detail import accessed_badge
from recordings.choices import AccessAction, AccessResult
from recordings.forms import is_key
from recordings.models import AccessEvent, Account, Recording
from recordings.search.query import IDENTIFIER

MOST_DETAIL = 160  # characters of what a row of the list says
MOST_FOUND = 200  # people or recordings that one search term may mean


class EventAccountFilter(AccountFilter):
    """One of the reader's accounts; events name it by its Auth ID."""

    def found(self, rows: QuerySet[Any], pk: str) -> QuerySet[Any]:
        """Return the events about the account."""
        return rows.filter(account_auth_id__in=Account.objects.filter(pk=pk).values("auth_id"))


class ActionFilter(UsualFilter):
    """What was done."""

    title = gettext_lazy("what")
    parameter_name = "action__exact"
    words: ClassVar[dict[str, Any]] = dict(AccessAction.choices)
    conditions: ClassVar[dict[str, Q]] = {value: Q(action=value) for value in AccessAction.values}


class ResultFilter(UsualFilter):
    """How it ended."""

    title = gettext_lazy("result")
    parameter_name = "result__exact"
    words: ClassVar[dict[str, Any]] = dict(AccessResult.choices)
    conditions: ClassVar[dict[str, Q]] = {value: Q(result=value) for value in AccessResult.values}


class ChosenFilter(admin.SimpleListFilter):
    """One row's number, which only a link chooses; drawn while it is chosen, so that it can be taken off."""

    def has_output(self) -> bool:
        """Return whether a value is chosen."""
        return self.value() is not None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the chosen value alone."""
        value = request.GET.get(self.parameter_name or "")
        return [(value, self.name_of(request, int(value)))] if is_key(value) else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return its events; none where the value is not a number."""
        value = self.value()
        if value is None:
            return queryset
        return self.found(request, queryset, int(value)) if is_key(value) else queryset.none()

    def name_of(self, request: HttpRequest, pk: int) -> str:
        """Return what the reader knows it by."""
        raise NotImplementedError

    def found(self, request: HttpRequest, rows: Any, pk: int) -> QuerySet[Any]:
        """Return its events among the `rows`."""
        raise NotImplementedError


class PersonFilter(ChosenFilter):
    """What one person did, whatever they were called then."""

    title = gettext_lazy("who")
    parameter_name = "user"

    def name_of(self, request: HttpRequest, pk: int) -> str:
        """Return the name in the newest event the reader may see."""
        events = AccessEvent.objects.visible_to(request.user).filter(user_pk=pk)
        return formatting.plain(events.values_list("username", flat=True).first() or pk)

    def found(self, request: HttpRequest, rows: Any, pk: int) -> QuerySet[Any]:
        """Filter the events by the number of their user."""
        found: QuerySet[Any] = rows.filter(user_pk=pk)
        return found


class RecordingFilter(ChosenFilter):
    """What was done with one recording, and with a row that has become part of it."""

    title = gettext_lazy("recording")
    parameter_name = "recording"

    def name_of(self, request: HttpRequest, pk: int) -> str:
        """Return the recording ID, if the user may see that recording."""
        return formatting.plain(self._id_of(request, pk) or pk)

    def found(self, request: HttpRequest, rows: Any, pk: int) -> QuerySet[Any]:
        """Filter the events by primary key or recording ID."""
        found: QuerySet[Any] = rows.about(pk, self._id_of(request, pk))
        return found

    def _id_of(self, request: HttpRequest, pk: int) -> str | None:
        ids = Recording.objects.visible_to(request.user).filter(pk=pk)
        found: str | None = ids.values_list("recording_id", flat=True).first()
        return found


@admin.register(AccessEvent)
class AccessEventAdmin(CsvExportMixin, ReadOnlyAdmin):
    """Every play, download, transcript view and export, refused ones too."""

    list_display = ("when", "who", "did", "result_shown", "recording_shown", "account_shown", "address_shown")
    list_filter = (
        DateFilter, ActionFilter, ResultFilter, EventAccountFilter, PersonFilter, RecordingFilter,
    )  # fmt: skip
    date_column = "at"
    search_fields = ("username",)
    search_help_text = gettext_lazy("User name or recording ID")
    list_title = gettext_lazy("Access log")
    empty_title = gettext_lazy("No entries yet")
    empty_words = gettext_lazy("Each play, download, transcript opened and export adds one.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add whether its recording is still there and the reader's to see."""
        seen = seen_recording(request, "recording_pk")
        rows: QuerySet[Any] = super().get_queryset(request).annotate(sees_recording=seen)
        return rows

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Search by who people are, or were called then; or by a recording's id."""
        people = User.objects.filter(username__icontains=term).values_list("pk", flat=True)
        found = Q(username=term) | Q(user_pk__in=list(people[:MOST_FOUND]))
        if IDENTIFIER.fullmatch(term):
            ids = Recording.objects.filter(recording_id__begins=term).values_list("recording_id", flat=True)
            found |= Q(recording_id__in=[term, *ids[:MOST_FOUND]])
        return queryset.filter(found)

    @admin.display(description=gettext_lazy("when"))
    def when(self, event: AccessEvent) -> str | SafeString:
        """Return the time in the reader's zone."""
        return formatting.moment(event.at)

    @admin.display(description=gettext_lazy("who"))
    def who(self, event: AccessEvent) -> SafeString:
        """Return the person, which leads to everything they did; their roles then, on hover."""
        return format_html(
            '<a href="{}" title="{}">{}</a>', listed("accessevent", user=event.user_pk), formatting.plain(event.roles),
            formatting.plain(event.username),
        )  # fmt: skip

    @admin.display(description=gettext_lazy("what"))
    def did(self, event: Any) -> SafeString:
        """Return the action, and under it what exactly; a long detail is whole on the entry's page."""
        words = Truncator(detail_words(event, getattr(event, "names", {}))).chars(MOST_DETAIL)
        under = format_html('<span class="sub">{}</span>', words) if words else ""
        return format_html("{}{}", capfirst(event.get_action_display()), under)

    @admin.display(description=gettext_lazy("result"))
    def result_shown(self, event: AccessEvent) -> SafeString:
        """Return how it ended."""
        return accessed_badge(event)

    def on_page(self, request: HttpRequest, cl: PortalChangeList) -> None:
        """Fetch the calls of the page's recordings together, and the names of the people that were changed."""
        rows = cl.result_list
        seen = [event.recording_pk for event in rows if event.sees_recording]
        found = Recording.objects.filter(pk__in=seen).select_related("call")
        calls = {one.pk: one.call for one in found.defer("provider_data", "call__provider_data")}
        names = names_in(rows)
        for event in rows:
            event.call, event.names = calls.get(event.recording_pk), names

    @admin.display(description=gettext_lazy("call and recording"))
    def recording_shown(self, event: Any) -> str | SafeString:
        """Return which call it was, and the recording's id, which leads to what everybody did with it."""
        if event.recording_pk is None:
            return formatting.NOTHING
        name = formatting.plain(event.recording_id or event.recording_pk)
        if event.call is None:
            return formatting.identifier(name)
        return format_html(
            '<a href="{}">{}</a><span class="sub"><code class="portal-id">{}</code></span>',
            listed("accessevent", recording=event.recording_pk),
            formatting.from_to_cell(event.call),
            name,
        )

    @admin.display(description=gettext_lazy("account"))
    def account_shown(self, event: AccessEvent) -> str | SafeString:
        """Return its Auth ID then."""
        return formatting.plain(event.account_auth_id) if event.account_auth_id else formatting.NOTHING

    @admin.display(description=gettext_lazy("from where"))
    def address_shown(self, event: AccessEvent) -> str | SafeString:
        """Return the address of the browser."""
        return formatting.plain(event.address) if event.address else formatting.NOTHING

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return every field of the event."""
        call, recording = None, formatting.identifier(obj.recording_id)
        if obj.sees_recording and may(request, "view_recording"):
            held = Recording.objects.select_related("call").get(pk=obj.recording_pk)
            call = held.call
            recording = formatting.linked(request, held, obj.recording_id or obj.recording_pk)
        gone = obj.recording_pk is not None and not obj.sees_recording
        facts = [
            Fact(_("When"), formatting.moment(obj.at)),
            Fact(_("Who"), self.who(obj)),
            Fact(_("Roles then"), formatting.words(obj.roles)),
            Fact(_("From where"), formatting.words(obj.address)),
            Fact(_("What"), capfirst(obj.get_action_display())),
            Fact(_("Result"), self.result_shown(obj)),
            Fact(_("Detail"), formatting.words(detail_words(obj, names_in([obj])))),
            Fact(_("Call"), formatting.from_to_cell(call) if call is not None else formatting.NONE),
            Fact(_("Recording"), recording, hint=_("You do not see it, or it was removed.") if gone else ""),
            Fact(_("Account"), formatting.words(obj.account_auth_id)),
        ]
        words = _("Nobody can change this entry, and nobody can delete it for a year.")
        return {
            "title": _("Access by %s") % formatting.plain(obj.username),
            "sections": [Section(_("Log entry"), facts, words)],
        }


# What the log holds in the portal's own terms, in words
CODES = {
    "totp": gettext_lazy("authenticator app"), "webauthn": gettext_lazy("passkey"),
    "recovery_codes": gettext_lazy("recovery codes"), "mfa": gettext_lazy("second factor"),
    "sign-in link": gettext_lazy("login link"),
    "is_active=True": gettext_lazy("active"), "is_active=False": gettext_lazy("inactive"),
    "is_staff=True": gettext_lazy("may log in"), "is_staff=False": gettext_lazy("may not log in"),
    "is_superuser=True": gettext_lazy("superuser"), "is_superuser=False": gettext_lazy("no superuser"),
}  # fmt: skip
CODE = re.compile(rf"\b(?:{'|'.join(map(re.escape, CODES))})\b")
PERSON = re.compile(r"\buser (\d{1,9})\b", re.ASCII)
ABOUT_LOGIN = {AccessAction.SIGN_IN, AccessAction.FACTOR, AccessAction.PERSON}


def names_in(events: Iterable[AccessEvent]) -> dict[str, str]:
    """Return the user names of the people that the details name by their number."""
    details = (event.detail or "" for event in events if event.action in ABOUT_LOGIN)
    keys = {key for detail in details for key in PERSON.findall(detail)}
    found = User.objects.filter(pk__in=keys).values_list("pk", "username") if keys else ()
    return {str(pk): name for pk, name in found}


def detail_words(event: AccessEvent, names: dict[str, str]) -> str:
    """Return the detail of an event as people read it; a person who was deleted stays a number."""
    detail = event.detail or ""
    if event.action in ABOUT_LOGIN:
        detail = detail.replace(": changed is_", ": now is_").replace(": made is_", ": created, is_")
        detail = CODE.sub(lambda code: str(CODES[code[0]]), detail)
        detail = PERSON.sub(lambda person: _("user %s") % names.get(person[1], person[1]), detail)
    return formatting.plain(detail)
