"""Recordings: which one, what is known of it and from where, and the button that stops one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings import control
from recordings.admin import shown
from recordings.admin.base import WRITE, ReadOnlyAdmin, may, page
from recordings.admin.dates import DateFilter
from recordings.admin.facts import Section, as_said, vobiz_facts
from recordings.admin.filters import (
    AccountFilter,
    AttentionFilter,
    DayFilter,
    EndedFilter,
    LeavingFilter,
    SilentFilter,
)
from recordings.admin.finding import number_or_id
from recordings.admin.recording_history import history, strip
from recordings.admin.recording_page import asked_for, identity, storage, transcript
from recordings.admin.stopping import stop_words
from recordings.choices import ATTENTION_WORDS, Attention
from recordings.models import Recording, Transcription


@admin.register(Recording)
class RecordingAdmin(ReadOnlyAdmin):
    """Every recording known here, started here or not."""

    page_template = "admin/recordings/recording/page.html"
    change_list_template = "admin/recordings/worded_list.html"
    list_display = (
        "when",
        "numbers",
        "duration",
        "format_shown",
        "status_shown",
        "text",
        "started_by",
        "account_name",
    )
    list_display_links = ("when",)
    list_filter = (
        DateFilter, "status", EndedFilter, AttentionFilter, "origin", AccountFilter,
        DayFilter, LeavingFilter, SilentFilter,
    )  # fmt: skip
    list_select_related = ("account", "call", "requested_by", "transcription")
    list_deferred = ("provider_data", "call__provider_data", "transcription__text", "content_hash")
    search_fields = ("recording_id",)
    search_help_text = gettext_lazy("A number in any spelling, a call UUID, a recording id")
    empty_words = gettext_lazy(
        "No recording is known here yet. They come by recording a live call, through callbacks, and by a sync."
    )

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """By number, call UUID or recording id."""
        return queryset.filter(number_or_id(term, call="call__", recording=""))

    @admin.display(description=gettext_lazy("when"))
    def when(self, recording: Recording) -> str | SafeString:
        """Started, else added, else asked for; in the reader's zone."""
        return shown.moment(recording.happened_at)

    @admin.display(description=gettext_lazy("from → to"))
    def numbers(self, recording: Recording) -> SafeString:
        """Who spoke."""
        return shown.from_to(recording.call)

    @admin.display(description=gettext_lazy("length"))
    def duration(self, recording: Recording) -> str:
        """By Vobiz's count."""
        return shown.length(None if recording.duration_ms is None else recording.duration_ms / 1_000)

    @admin.display(description=gettext_lazy("format"))
    def format_shown(self, recording: Recording) -> str:
        """Format and channels."""
        return shown.layout(recording)

    @admin.display(description=gettext_lazy("status"))
    def status_shown(self, recording: Recording) -> SafeString:
        """Status, and what asks for a person."""
        return shown.status(recording)

    @admin.display(description=gettext_lazy("transcript"))
    def text(self, recording: Recording) -> str | SafeString:
        """Where its transcript stands."""
        held = getattr(recording, "transcription", None)
        return shown.badge(held.status, held.get_status_display()) if held is not None else shown.NONE

    @admin.display(description=gettext_lazy("started by"))
    def started_by(self, recording: Recording) -> str:
        """A person, or how it became known."""
        if recording.requested_at is None:
            return recording.get_origin_display()
        return shown.words(recording.requested_by or _("command line"))

    @admin.display(description=gettext_lazy("account"))
    def account_name(self, recording: Recording) -> SafeString:
        """Whose recording it is."""
        return shown.account_name(recording.account)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With words for when there is none."""
        return super().changelist_view(request, {"empty_words": self.empty_words, **(extra_context or {})})

    @page("<path:object_id>/stop/", name="stop", permission="recordings.stop_recording", methods=WRITE)
    def stop(self, request: HttpRequest, recording: Recording) -> HttpResponse:
        """Stop this one recording, by its own URL."""
        now = timezone.now()
        result = control.stop(recording, by=request.user, now=now)  # type: ignore[arg-type]
        recording.refresh_from_db()
        level, words = stop_words(recording, result, now=now)
        log = _("Asked to stop it: %s") % words
        back = self.to_object(recording)
        if request.POST.get("back") == "live" and may(request, "view_live_calls"):
            back = reverse("admin:recordings_call_live")
        elif not self.has_view_permission(request):
            back = self.to_index()
        return self.conclude(request, recording, words=words, log=log, to=back, level=level)

    def page_context(self, request: HttpRequest, obj: Recording) -> dict[str, Any]:
        """What is known of it, and from where."""
        now = timezone.now()
        held = Transcription.objects.filter(recording=obj).first()
        sections = [
            identity(request, obj),
            *([asked_for(obj)] if obj.requested_at is not None else []),
            Section(_("What Vobiz says"), vobiz_facts(obj)),
            storage(obj, now),
        ]
        if obj.provider_data is not None:
            said = as_said(obj.provider_data)
            sections.append(Section(_("As Vobiz said it, at the last change"), text=said, folded=True))
        may_stop = may(request, "stop_recording") and obj.is_open
        return {
            "title": _("Recording of %s") % shown.plain(obj.call),
            "recording": obj,
            "now": now,
            "attention": ATTENTION_WORDS[Attention(obj.needs_attention)] if obj.needs_attention else "",
            "error": shown.plain(obj.error) if obj.error else "",
            "may_stop": may_stop,
            "can_stop_one": may_stop and bool(obj.recording_url),
            "can_stop_again": obj.needs_attention == Attention.STOP_UNCONFIRMED,
            "transcript": transcript(request, obj, held),
            "strip": strip(obj, held, now),
            "history": history(request, obj, held),
            "sees_callbacks": may(request, "view_callbackevent"),
            "sections": sections,
        }
