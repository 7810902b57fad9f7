"""The admin of recordings: list, page, and the buttons for one recording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings import control
from recordings.admin import formatting
from recordings.admin.base import BOTH, LIST_FILTERS, WRITE, may, page, with_cure
from recordings.admin.call_filters import (
    AreaFilter,
    ExactLengthFilter,
    LengthFilter,
    NumberFilter,
    SideFilter,
    TimeOfDayFilter,
    WeekdayFilter,
)
from recordings.admin.calls.control import stop_words
from recordings.admin.calls.live import asked_before, at_row, focus_on
from recordings.admin.change_list import EVERY_READING, ListSearch, PortalChangeList, Sort, snippets_of
from recordings.admin.exports import ZipExportMixin
from recordings.admin.filters import (
    AccountFilter,
    AttentionFilter,
    DateFilter,
    DayFilter,
    GapFilter,
    KeptFilter,
    MissingCallbackFilter,
    SoundFilter,
    TranscriptFilter,
    by_days_left,
)
from recordings.admin.list_page import SavedViewForm
from recordings.admin.recordings import detail
from recordings.admin.recordings.archive import ArchiveMixin, AtRiskMixin, seen_context
from recordings.admin.recordings.audio import AudioMixin, player
from recordings.admin.recordings.filters import (
    CostFilter,
    DaysLeftFilter,
    DirectionFilter,
    EndedFilter,
    FormatFilter,
    KindFilter,
    OriginFilter,
    ShortRecordingsFilter,
    StarterFilter,
    StatusFilter,
    TalkFilter,
    TrueFormatFilter,
)
from recordings.admin.transcriptions import transcript
from recordings.choices import Origin, TranscriptionStatus
from recordings.forms import is_key, span
from recordings.models import Call, Recording, SavedView, Transcription
from recordings.models.recording.queryset import LENGTH, Unindexed
from recordings.overview import totals
from recordings.search import Part, find_recordings


@admin.register(Recording)
class RecordingAdmin(ZipExportMixin, ArchiveMixin, AtRiskMixin, AudioMixin):
    """Every recording known here, started here or not."""

    page_template = "admin/recordings/recording/page.html"
    list_display = (
        "when",
        "numbers",
        "length",
        "account_name",
        "format_shown",
        "kept",
        "text",
        "started_by",
    )
    list_filter = (
        DateFilter, DayFilter, DirectionFilter, LengthFilter, KeptFilter, TranscriptFilter, FormatFilter, EndedFilter,
        StarterFilter, NumberFilter, AreaFilter, TimeOfDayFilter, WeekdayFilter, ExactLengthFilter, SideFilter,
        AccountFilter, OriginFilter, StatusFilter, AttentionFilter, KindFilter, TrueFormatFilter,
        SoundFilter, TalkFilter, CostFilter, DaysLeftFilter, MissingCallbackFilter, GapFilter, ShortRecordingsFilter,
    )  # fmt: skip
    filter_groups = (
        (gettext_lazy("Common"), (
            "caller", "call__direction__exact", "date", "hours", "length", "kept", "transcript", "format", "ended",
            "starter",
        )),
        (gettext_lazy("Time and length"), ("weekday", "min_length", "noise")),
        (gettext_lazy("Call and people"), ("number", "account", "origin__exact", "kind")),
        (gettext_lazy("Audio and status"), (
            "true_format", "sound", "talk", "left", "status__exact", "attention", "min_cost",
        )),
    )  # fmt: skip
    list_select_related = ("account", "call", "requested_by", "transcription")
    list_deferred = (
        "provider_data",
        "call__provider_data",
        "transcription__text",
        "transcription__tokens",
        "content_hash",
    )
    search_fields = ("recording_id",)
    readings = EVERY_READING
    search_help_text = gettext_lazy("Number in any spelling, name, call ID or words said")
    actions = ("archive_selected", "export_zip", "mark_seen")
    list_day = "happened_at"
    sorts = (
        Sort("time", gettext_lazy("Oldest first"), "when"),
        Sort("-length", gettext_lazy("Longest first"), "length", is_descending=True),
        Sort("length", gettext_lazy("Shortest first"), "length"),
        Sort("left", gettext_lazy("Not archived, first to be deleted by Vobiz"), "kept"),
    )
    may_save_views = True
    totals = staticmethod(totals)
    views = (
        (gettext_lazy("All recordings"), {}),
        (gettext_lazy("At risk"), {"kept": "at_risk"}),
        (gettext_lazy("Cut short"), {"ended": "cut"}),
        (gettext_lazy("With transcript"), {"transcript": "there"}),
        (gettext_lazy("Needs attention"), {"attention": "yes"}),
    )
    empty_title = gettext_lazy("No recordings yet")
    empty_words = gettext_lazy(
        "Record a live call, or wait for the next sync: it reads what call flows recorded."
    )
    begins_live = True

    def find_read(self, queryset: QuerySet[Any], search: ListSearch) -> QuerySet[Any]:
        """Search by number, id, name or words, the newest first unless a filter brings an order."""
        found = find_recordings(queryset, search.query, search.reading)
        return found.rows if "list_order" in queryset.query.annotations else found.rows.order_by(*found.order)

    def sort_rows(self, request: HttpRequest, rows: QuerySet[Any], name: str) -> QuerySet[Any]:
        """Return the rows by time, length, or days left, which only those have that the archive has not."""
        match name:
            case "length" | "-length":
                # the few rows of a small account stand anywhere among those of all accounts
                held: Any = Recording.objects.visible_to(request.user)
                is_few = not request.user.is_superuser and held.are_few()
                keyed: QuerySet[Any] = rows.annotate(list_order=Unindexed(LENGTH) if is_few else LENGTH)
                order = ("-list_order", "-pk") if name == "-length" else ("list_order", "pk")
                return keyed.order_by(*order)
            case "left":
                return by_days_left(request, rows)
            case _:
                return rows.order_by("happened_at", "pk")

    @admin.display(description=gettext_lazy("from → to"))
    def numbers(self, recording: Any) -> SafeString:
        """Return who spoke, and the words that the search found."""
        who = from_to_in_group(recording.call, recording.shared)
        return format_html("{}{}", who, snippet_cell(recording.snippet))

    @admin.display(description=gettext_lazy("length"))
    def length(self, recording: Recording) -> str | SafeString:
        """Return the length Vobiz reports, and whether the time limit ended it."""
        return length_cell(recording)

    @admin.display(description=gettext_lazy("format"))
    def format_shown(self, recording: Recording) -> str:
        """Return the format and the channels."""
        return formatting.layout(recording)

    @admin.display(description=gettext_lazy("audio"))
    def kept(self, recording: Recording) -> SafeString:
        """Return whether it is archived, or how long Vobiz keeps it, its state until then and what needs attention."""
        return formatting.kept(recording, timezone.now())

    @admin.display(description=gettext_lazy("transcript"))
    def text(self, recording: Recording) -> SafeString:
        """Return where its transcript stands."""
        return transcript_cell(getattr(recording, "transcription", None))

    @admin.display(description=gettext_lazy("started by"))
    def started_by(self, recording: Recording) -> str:
        """Return a person, or how it became known."""
        if recording.requested_at is None:
            return _("Call flow") if recording.origin == Origin.SYNC else recording.get_origin_display()
        return formatting.words(recording.requested_by or _("command line"))

    def on_page(self, request: HttpRequest, cl: PortalChangeList) -> None:
        """Add the words found in each transcript; in a list by time, put recordings of one call on one day together."""
        rows = cl.result_list
        found = snippets_of(request, cl.search, rows) if cl.search is not None else {}
        for row in rows:
            row.shared, row.snippet = None, found.get(row.pk, ())
        if cl.order is not None and cl.order.attribute == self.list_day:
            group_calls(rows)

    @page("<path:object_id>/stop/", permission="recordings.stop_recording", methods=WRITE)
    def stop(self, request: HttpRequest, recording: Recording) -> HttpResponse:
        """Stop this one recording, by its own URL."""
        now = timezone.now()
        result = control.stop(recording, by=request.user, now=now)  # type: ignore[arg-type]
        recording.refresh_from_db()
        level, words = stop_words(recording, result, now=now)
        log = _("Asked to stop it: %s") % words
        to = self._after_stop(request, recording, level)
        if level == messages.ERROR and recording.account.cannot_sync:
            words = with_cure(request, recording.account, words)
        return self.conclude(request, recording, words=words, log=log, to=to, level=level)

    def _after_stop(self, request: HttpRequest, recording: Recording, level: int) -> str:
        """Back to where it was pressed, the focus on what was stopped; or to what else this person may open."""
        pressed_on = request.POST.get("back")
        if pressed_on == "live" and may(request, "view_live_calls"):
            return at_row(recording.call, level=level)
        if pressed_on == "call" and may(request, "view_call"):
            call = reverse("admin:recordings_call_change", args=[recording.call_id])
            return call + focus_on(f"attempt-{recording.pk}", level=level)
        return self.to_object(recording) if self.has_view_permission(request) else self.to_index()

    @page("views/", name="views", permission="recordings.view_recording", methods=BOTH)
    def views_page(self, request: HttpRequest) -> HttpResponse:
        """Save the list's filters as a view, rename one's own views, or delete one after a question."""
        form = SavedViewForm(request, request.POST if request.POST.get("do") == "save" else None)
        mine = SavedView.objects.filter(user=request.user)  # type: ignore[misc]
        asked: SavedView | None = None
        if request.method == "POST":
            key = request.POST.get("view")
            chosen = mine.filter(pk=key).first() if is_key(key) else None
            match request.POST.get("do"):
                case "save" if form.is_valid():
                    view = form.store()
                    return HttpResponseRedirect(f"{self.to_page('changelist')}?{view.query}")
                case "rename" if chosen is not None and form.rename(chosen, request.POST.get("name", "")):
                    return HttpResponseRedirect(self.to_page("views"))
                case "delete" if chosen is not None and request.POST.get("sure"):
                    chosen.delete()
                    return HttpResponseRedirect(self.to_page("views"))
                case "delete":
                    asked = chosen
        context = {"form": form, "mine": mine.select_related("account"), "asked": asked}
        return self.render(request, "admin/recordings/recording/views.html", context, title=_("Saved views"))

    def page_context(self, request: HttpRequest, obj: Recording) -> dict[str, Any]:
        """Return what is known of it, and from where."""
        now = timezone.now()
        held = Transcription.objects.filter(recording=obj).first()
        sections = detail.details(request, obj, held, now)
        is_confirmed, confirmed = detail.confirmation(obj, [fact for one in sections for fact in one.facts])
        head = detail.heading(request, obj, now)
        may_stop = may(request, "stop_recording") and obj.is_open and not formatting.may_have_been(obj)
        return {
            "title": head["words"],
            "head": head,
            "neighbours": detail.neighbours(self, request, obj),
            "recording": obj,
            "every": detail.refresh_every(obj, held),
            "kind": f"{obj.status} {obj.archived_at is not None} {held.status if held else None}",
            **seen_context(request, obj, now),
            "attention": formatting.attention_words(obj),
            "error": formatting.plain(obj.error) if obj.error else "",
            "may_archive": may(request, "archive_recording") and obj.audio_state.can_be_archived,
            "may_stop": may_stop,
            "can_stop_one": may_stop and bool(obj.recording_url),
            "may_ask_stop": obj.may_ask_stop(now),
            "asked": asked_before(obj, now) if obj.stop_requested_at is not None else "",
            "player": player(request, obj),
            "transcript": transcript(request, obj, held, opened_by=self.to_page("transcript", obj.pk)),
            "key_facts": detail.key_facts(obj, now),
            **self._tabs(request, obj, held),
            "is_confirmed": is_confirmed,
            "confirmed": confirmed,
            "limit": span(obj.time_limit or 0),
            "sections": sections,
        }

    def _tabs(self, request: HttpRequest, recording: Recording, held: Transcription | None) -> dict[str, Any]:
        """Return the tabs below the player, which one the address names, and what each holds."""
        happened = detail.timeline(request, recording, held)
        heard = detail.listened(request, recording) if may(request, "view_accessevent") else None
        said = formatting.as_said(recording.provider_data) if recording.provider_data is not None else ""
        offered = {"": (_("Details"), None), "timeline": (_("Timeline"), len(happened))}
        offered |= {"heard": (_("Listened to"), len(heard))} if heard is not None else {}
        offered["raw"] = (_("Raw data"), None)
        asked = request.GET.get("tab", "")
        tab = asked if asked in offered else ""
        kept = {LIST_FILTERS: request.GET[LIST_FILTERS]} if LIST_FILTERS in request.GET else {}
        tabs = []
        for name, (label, count) in offered.items():
            query = {**kept, **({"tab": name} if name else {})}
            url = self.to_object(recording) + (f"?{urlencode(query)}" if query else "") + "#more"
            tabs.append({"name": name, "label": label, "count": count, "url": url})
        return {
            "tabs": tabs,
            "tab": tab,
            "history": heard if tab == "heard" else happened,
            "raw": said,
            "technical": detail.technical(recording),
        }


# Cells of the list


def length_cell(recording: Recording) -> str | SafeString:
    """Return the length Vobiz reports, marked where the time limit ended the recording."""
    if recording.duration_ms is None:
        return formatting.NOTHING
    words = formatting.length(recording.duration_ms / 1_000)
    if recording.was_probably_cut:
        title = _("as long as Vobiz's default limit of 60 s, and its own limit is not known")
        return format_html("{} {}", words, formatting.flag(_("cut at 60 s?"), title=title))
    if not recording.was_cut_short:
        return words
    return format_html("{} {}", words, formatting.flag(_("cut short"), title=_("ended at its time limit")))


def transcript_cell(held: Transcription | None) -> SafeString:
    """Return a tick for one that came, with its word where there is no heading; else how it stands."""
    if held is None:
        return formatting.NOTHING
    if held.is_unverified:
        return formatting.not_verified()
    if held.status != TranscriptionStatus.COMPLETED:
        return formatting.badge(held.status, held.get_status_display())
    return format_html('<span class="portal-badge portal-good">✓ <small>{}</small></span>', _("transcript"))


def snippet_cell(parts: Iterable[Part]) -> SafeString:
    """Return the words of a transcript that a search found, the matching ones marked; nothing where there are none."""
    texts = ((formatting.plain(part.text), part.matches) for part in parts)
    pieces = (format_html("<mark>{}</mark>", text) if matches else text for text, matches in texts)
    marked = format_html_join("", "{}", ((piece,) for piece in pieces))
    return format_html('<span class="portal-snippet" dir="auto">{}</span>', marked) if marked else marked


@dataclass(frozen=True, slots=True)
class OfCall:
    """The place of a recording among those of its call that stand together."""

    number: int
    of: int


def group_calls(rows: list[Any]) -> None:
    """Put recordings of one call on one day together, where the first of them stands, the earliest first.

    Each row is given `shared`: its place among them, None for one by itself.
    """
    zone = timezone.get_current_timezone()
    groups: dict[Any, list[Any]] = {}
    for row in rows:
        groups.setdefault((row.call_id, row.happened_at.astimezone(zone).date()), []).append(row)
    for group in groups.values():
        group.sort(key=lambda row: (row.happened_at, row.pk))
        for number, row in enumerate(group, 1):
            row.shared = OfCall(number, len(group)) if len(group) > 1 else None
    rows[:] = [row for group in groups.values() for row in group]


def from_to_in_group(call: Call, shared: OfCall | None) -> SafeString:
    """Return who spoke; of recordings of one call, how many there are, and of the later ones only their number."""
    if shared is None:
        return format_html("{}{}", formatting.way(call), formatting.from_to_cell(call))
    if shared.number == 1:
        words = ngettext("%d recording", "%d recordings", shared.of) % shared.of
        return format_html(
            '{}{} <span class="vp-of-call">{}</span>',
            formatting.way(call),
            formatting.from_to_cell(call),
            words,
        )
    words = _("same call, recording %(number)d of %(of)d") % {"number": shared.number, "of": shared.of}
    return format_html('<span class="vp-same-call"><i aria-hidden="true">↳</i>{}</span>', words)
