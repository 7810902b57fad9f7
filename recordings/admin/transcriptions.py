"""Transcriptions: which recordings have one, and why others have none."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin import formatting
from recordings.admin.base import WRITE, Fact, ReadOnlyAdmin, Section, may, page
from recordings.admin.change_list import EVERY_READING, ListSearch
from recordings.admin.exports import TranscriptionCsvMixin
from recordings.admin.filters import AccountFilter, ChoiceFilter, DateFilter, rare
from recordings.admin.reader import note_access
from recordings.choices import AccessAction, Origin, RecordingStatus, TranscriptionStatus
from recordings.models import Recording, Transcription
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
    list_display = ("when", "numbers", "status_shown", "trust_shown", "received", "account_name")
    list_filter = (DateFilter, TranscriptStatusFilter, "trust", AccountFilter)
    list_select_related = ("recording__account", "recording__call")
    list_deferred = ("text", "tokens", "recording__provider_data", "recording__call__provider_data")
    search_fields = ("recording__recording_id",)
    readings = EVERY_READING
    search_help_text = gettext_lazy("Number in any spelling, name, call ID or words said")
    date_column = "recording__happened_at"
    rows_named = (gettext_lazy("transcript"), gettext_lazy("transcripts"))
    begins_live = True
    list_title = gettext_lazy("Transcripts")
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
        return formatting.day_and_time(held.recording.happened_at, timezone.now())

    @admin.display(description=gettext_lazy("from → to"))
    def numbers(self, held: Transcription) -> SafeString:
        """Return who spoke."""
        return formatting.from_to_cell(held.recording.call)

    @admin.display(description=gettext_lazy("status"))
    def status_shown(self, held: Transcription) -> SafeString:
        """Return how it stands."""
        return formatting.badge(held.status, held.get_status_display())

    @admin.display(description=gettext_lazy("trust"))
    def trust_shown(self, held: Transcription) -> str | SafeString:
        """Return what its callback's signature proves."""
        if held.is_unverified:
            return formatting.not_verified()
        return formatting.badge(held.trust, held.get_trust_display()) if held.trust else formatting.NONE

    @admin.display(description=gettext_lazy("received"))
    def received(self, held: Transcription) -> SafeString:
        """Return when its callback came."""
        return (
            formatting.named(_("Received"), formatting.day_and_time(held.received_at, timezone.now()))
            if held.received_at
            else formatting.NOTHING
        )

    @admin.display(description=gettext_lazy("account"))
    def account_name(self, held: Transcription) -> SafeString:
        """Return whose recording it is of."""
        return formatting.account_name(held.recording.account)

    @page(
        "<path:object_id>/read/",
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
            Fact(_("Caller"), formatting.number(recording.call.from_number, recording.call.from_digits)),
            Fact(_("Callee"), formatting.number(recording.call.to_number, recording.call.to_digits)),
            Fact(_("Account"), formatting.linked(request, recording.account)),
        ]
        is_shown = obj.is_readable and may(request, "read_transcription")
        said = [fact for fact in charges(obj) if fact.value != formatting.NONE] if is_shown else []
        return {
            "title": _("Transcript of %s") % formatting.plain(recording.call),
            "heading": format_html(_("Transcript of {}"), formatting.from_to(recording.call)),
            "transcript": transcript(request, recording, obj, opened_by=self.to_page("read", obj.pk)),
            "sections": [
                Section(_("Recording"), facts),
                *([Section(_("Transcription"), said)] if said else []),
            ],
        }


# The transcript of a recording's page


def transcript(
    request: HttpRequest, recording: Recording, held: Transcription | None, *, opened_by: str
) -> dict[str, str | SafeString]:
    """For everyone, how it stands; for those who may read it, the address that opens it, which is written down.

    `held` is the recording's, if it has one. `opened_by`: the address of the form that opens it.
    """
    if held is None:
        return {"words": _none_words(recording)}
    badge = _badge(held)
    if not held.is_readable:
        return {"words": why_none(held), "badge": badge}
    if not may(request, "read_transcription"):
        return {"words": _("You do not have the permission to read transcripts."), "badge": badge}
    return {"words": trust_words(held), "badge": badge, "opened_by": opened_by}


def opened(held: Transcription) -> dict[str, str | SafeString]:
    """Return the text. Only for a view that has written into the access log who reads it."""
    text = formatting.plain(held.text or "")
    return {"text": text, "words": trust_words(held), "badge": _badge(held)}


def _badge(held: Transcription) -> SafeString:
    if held.is_unverified:
        return formatting.not_verified()
    return formatting.badge(held.status, held.get_status_display())


def charges(held: Transcription) -> list[Fact]:
    """Return what Vobiz says of the transcript beside its text."""
    return [
        Fact(_("Transcript received"), formatting.moment(held.received_at)),
        Fact(
            _("Transcript charge"),
            formatting.money(held.charge, ""),
            hint=_("currency not stated") if held.charge else "",
        ),
        Fact(_("Transcript rate a minute"), formatting.money(held.rate, "")),
        Fact(_("Length transcribed"), formatting.length(held.duration)),
    ]


def trust_words(held: Transcription) -> str:
    """Return the trust of a transcript, which is that of the callback that brought it."""
    if held.trust == "signed":
        return _("Received in a signed callback. The portal has the only copy.")
    if held.status != TranscriptionStatus.COMPLETED:
        return _(
            "From an unsigned callback, so anyone who knew its address could have sent it. Vobiz signs this account's "
            "callbacks: the signed transcript is still expected."
        )
    return _(
        "From an unsigned callback, so anyone who knew its address could have sent it. It is the only copy."
    )


def why_none(held: Transcription) -> str:
    """Return why there is no text, and what to do."""
    if held.status == TranscriptionStatus.EXPECTED:
        return _(
            "A transcript was requested. Vobiz sends it by a callback, usually within 5 minutes of the recording's end."
        )
    if held.status == TranscriptionStatus.MISSING:
        return _(
            "No callback brought it, and Vobiz's API has no transcripts to fetch later. Look at "
            "the callbacks for rejected ones, and whether Vobiz reaches this portal."
        )
    said = _("Vobiz could not transcribe it: %s") % formatting.words(held.error)
    if "too large" in (held.error or "").casefold():
        return " ".join([said, _("Record MP3 next time: its files are much smaller than WAV.")])
    return said


def _none_words(recording: Recording) -> str:
    if recording.status == RecordingStatus.FAILED:
        return _("Nothing was recorded.")
    if recording.origin == Origin.PORTAL or recording.requested_at is not None:
        return _("No transcription was requested when this recording was started.")
    return _(
        "No transcript. The call flow that recorded this call did not request one. It must also name the account's "
        "callback address."
    )
