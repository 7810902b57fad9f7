"""Transcriptions: which recordings have one, and why others have none."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin import columns, formatting
from recordings.admin.base import WRITE, ReadOnlyAdmin, may, page
from recordings.admin.change_list import EVERY_READING, ListSearch
from recordings.admin.exports import TranscriptionCsvMixin
from recordings.admin.facts import Fact, Section
from recordings.admin.filters import AccountFilter, ChoiceFilter, OfRecordingDateFilter
from recordings.admin.reader import note_access
from recordings.admin.recordings.detail import charges, opened, transcript
from recordings.admin.recordings.filters import rare
from recordings.choices import AccessAction, TranscriptionStatus
from recordings.models import Transcription
from recordings.search import find_of_recordings


class TranscriptStatusFilter(ChoiceFilter):
    """Whether the text came."""

    title = gettext_lazy("status")
    parameter_name = "status__exact"
    words: ClassVar[dict[str, Any]] = dict(TranscriptionStatus.choices)
    conditions: ClassVar[dict[str, Q]] = rare(
        "status", TranscriptionStatus.values, TranscriptionStatus.COMPLETED
    )


@admin.register(Transcription)
class TranscriptionAdmin(TranscriptionCsvMixin, ReadOnlyAdmin):
    """Every transcript that was asked for or came."""

    page_template = "admin/recordings/transcription/page.html"
    change_list_template = "admin/recordings/worded_list.html"
    list_display = ("when", "numbers", "status_shown", "trust_shown", "received", "account_name")
    list_display_links = ("when",)
    list_filter = (OfRecordingDateFilter, TranscriptStatusFilter, "trust", AccountFilter)
    list_select_related = ("recording__account", "recording__call")
    list_deferred = ("text", "recording__provider_data", "recording__call__provider_data")
    search_fields = ("recording__recording_id",)
    readings = EVERY_READING
    search_help_text = gettext_lazy("Number in any spelling, name, call ID or words said")
    rows_named = (gettext_lazy("transcript"), gettext_lazy("transcripts"))
    begins_live = True
    empty_title = gettext_lazy("No transcripts yet")
    empty_words = gettext_lazy(
        "Choose Create a transcript when you start a recording; the text arrives in a callback, "
        "usually within 5 minutes of its end."
    )

    def find_read(self, queryset: QuerySet[Any], search: ListSearch) -> QuerySet[Any]:
        """Search by the recording's number, id or name, or by the words."""
        return find_of_recordings(queryset, search.query, search.reading, path="recording__")

    @admin.display(description=gettext_lazy("recorded"))
    def when(self, held: Transcription) -> SafeString:
        """Return when the recording was made."""
        return columns.day_and_time(held.recording.happened_at, timezone.now())

    @admin.display(description=gettext_lazy("from → to"))
    def numbers(self, held: Transcription) -> SafeString:
        """Return who spoke."""
        return columns.from_to(held.recording.call)

    @admin.display(description=gettext_lazy("status"))
    def status_shown(self, held: Transcription) -> str | SafeString:
        """Return how it stands."""
        return formatting.badge(held.status, held.get_status_display())

    @admin.display(description=gettext_lazy("trust"))
    def trust_shown(self, held: Transcription) -> str | SafeString:
        """Return what its callback's signature proves."""
        if held.is_unverified:
            return formatting.not_verified()
        return formatting.badge(held.trust, held.get_trust_display())

    @admin.display(description=gettext_lazy("received"))
    def received(self, held: Transcription) -> SafeString:
        """Return when its callback came."""
        return (
            columns.named(_("Received"), columns.day_and_time(held.received_at, timezone.now()))
            if held.received_at
            else columns.NOTHING
        )

    @admin.display(description=gettext_lazy("account"))
    def account_name(self, held: Transcription) -> SafeString:
        """Return whose recording it is of."""
        return columns.account_name(held.recording.account)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add the title, and words for when there is none."""
        said = {"title": _("Transcripts"), "empty_words": self.empty_words}
        return super().changelist_view(request, {**said, **(extra_context or {})})

    @page(
        "<path:object_id>/read/",
        name="read",
        permission="recordings.read_transcription",
        also=("recordings.view_transcription",),
        methods=WRITE,
        access=AccessAction.TRANSCRIPT,
    )
    def read(self, request: HttpRequest, held: Transcription) -> HttpResponse:
        """Its page with the text."""
        if not held.is_readable:
            return HttpResponseRedirect(self.to_object(held))
        note_access(request, AccessAction.TRANSCRIPT, held.recording)
        return self.show(request, held, {"transcript": opened(held)})

    def page_context(self, request: HttpRequest, obj: Transcription) -> dict[str, Any]:
        """Return the text, and the recording it is of."""
        recording = obj.recording
        facts = [
            Fact(_("Recording"), formatting.linked(request, recording, formatting.words(recording))),
            Fact(_("Recorded"), formatting.moment(recording.happened_at)),
            Fact(_("From"), formatting.number(recording.call.from_number, recording.call.from_digits)),
            Fact(_("To"), formatting.number(recording.call.to_number, recording.call.to_digits)),
            Fact(_("Account"), formatting.linked(request, recording.account)),
        ]
        is_shown = obj.is_readable and may(request, "read_transcription")
        said = [Section(_("Storage at Vobiz"), charges(obj))] if is_shown else []
        return {
            "title": _("Transcript of %s") % formatting.plain(recording.call),
            "transcript": transcript(request, recording, obj, opened_by=self.to_page("read", obj.pk)),
            "sections": [Section(_("Recording"), facts), *said],
        }
