"""The sections of a recording's page."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import dateformat
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from recordings.admin import columns, formatting
from recordings.admin.base import LIST_FILTERS, PortalAdmin, may
from recordings.admin.change_list import PageLink, PortalChangeList
from recordings.admin.facts import Fact, Section, vobiz_facts
from recordings.admin.keyset import Order, order_of
from recordings.admin.recordings import archive_panel
from recordings.choices import AudioState, Origin, RecordingStatus, TranscriptionStatus
from recordings.forms import span
from recordings.models import Recording, Transcription

MOST_OF_CALL = 100  # recordings of one call that are counted


@dataclass(frozen=True, slots=True)
class Transcript:
    """The transcript, or in words why there is none to read. `opened_by`: the address of the form that opens it."""

    text: str | None
    words: str
    badge: str | SafeString
    opened_by: str = ""


def refresh_every(recording: Recording, held: Transcription | None) -> int | None:
    """Return the seconds between two looks at its page while it changes; None once it is completed and archived."""
    if recording.is_open:
        return 5
    is_awaited = held is not None and held.status == TranscriptionStatus.EXPECTED
    return 10 if is_awaited or recording.audio_state.can_be_archived else None


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a recording's page: whose call it was, when, and which of the call's recordings it is."""

    numbers: SafeString
    direction: str
    at: SafeString
    account: str | SafeString
    of_call: str | SafeString
    words: str


def heading(request: HttpRequest, recording: Recording, now: datetime) -> Heading:
    """Return the heading; `words` are the title of the browser's window."""
    call, zone = recording.call, formatting.zone_of()
    local = recording.happened_at.astimezone(zone)
    at = columns.day_and_time(recording.happened_at, now)
    seconds = None if recording.duration_ms is None else recording.duration_ms / 1_000
    parts = [
        formatting.plain(call if call.from_number or call.to_number else recording),
        f"{dateformat.format(local, 'j M Y, H:i')} {formatting.zone_name(local)}",
        *([formatting.length(seconds)] if seconds is not None else []),
        formatting.plain(recording.account.name or recording.account.auth_id),
    ]
    return Heading(
        formatting.from_to(call),
        formatting.direction(call) if call.direction else "",
        format_html("{} {}", at, formatting.zone_name(local)),
        formatting.linked(request, recording.account, recording.account.name or recording.account.auth_id),
        formatting.linked(request, call, _place_in_call(recording)),
        ", ".join(parts),
    )


def _place_in_call(recording: Recording) -> str:
    """Return `1 of 2 recordings of this call`."""
    same = Recording.objects.filter(call_id=recording.call_id).order_by("happened_at", "pk")
    keys = list(same.values_list("pk", flat=True)[:MOST_OF_CALL])
    if len(keys) < 2 or recording.pk not in keys:
        return _("Call")
    return _("%(place)d of %(all)d recordings of this call") % {
        "place": keys.index(recording.pk) + 1, "all": len(keys),
    }  # fmt: skip


class UnreadChangeList(PortalChangeList):
    """A list of which only the rows and their order are asked for, not a page."""

    def get_results(self, request: HttpRequest) -> None:
        """Read nothing."""


def neighbours(owner: PortalAdmin, request: HttpRequest, obj: Recording) -> list[PageLink]:
    """Return the links to the rows beside this one in the list that the reader came from, or of all."""
    kept = request.GET.get(LIST_FILTERS, "")
    rows, order = _listed(owner, request, kept)
    if order is None:
        return []
    row = obj if order.value is None or hasattr(obj, order.attribute) else rows.filter(pk=obj.pk).first()
    if row is None:  # not in that list any more
        return []
    cursor = order.cursor_of(row)
    query = f"?{urlencode({LIST_FILTERS: kept})}" if kept else ""
    found = []
    names = (_("Newer"), _("Older")) if order.is_newest_first else (_("Previous"), _("Next"))
    for label, rel, is_ahead in zip(names, ("prev", "next"), (True, False), strict=True):
        beyond = order.sorted(order.beyond(rows, cursor, backwards=is_ahead), backwards=is_ahead)
        if (key := beyond.values_list("pk", flat=True).first()) is not None:
            found.append(
                PageLink(label, rel, reverse(f"admin:{owner.url_name('change')}", args=[key]) + query)
            )
    return found


def _listed(owner: PortalAdmin, request: HttpRequest, kept: str) -> tuple[QuerySet[Any], Order | None]:
    """Return the rows of a list with these filters, and their order; None where it is no order of a keyset."""
    if not kept:
        rows = owner.get_queryset(request)
        return rows, order_of(rows)
    listed = copy(request)
    listed.GET = QueryDict(kept)
    try:
        rows = UnreadChangeList(
            request=listed, model=owner.model, model_admin=owner, list_display=owner.get_list_display(listed),
            list_display_links=(), list_filter=owner.get_list_filter(listed), date_hierarchy=None,
            search_fields=owner.get_search_fields(listed), list_select_related=False, list_per_page=1,
            list_max_show_all=1, list_editable=(), sortable_by=(), search_help_text="",
        ).queryset  # fmt: skip
    except (IncorrectLookupParameters, SuspiciousOperation, ValidationError):
        return owner.get_queryset(request), None
    return rows, order_of(rows)


def details(
    request: HttpRequest, recording: Recording, held: Transcription | None, now: datetime
) -> list[Section]:
    """Return every fact: of the recording, of its start, of the archived copy, and of its storage at Vobiz."""
    said, stored, _technical = vobiz_facts(recording)
    call = recording.call
    known = [
        Fact(
            _("Recording ID"),
            formatting.identifier(recording.recording_id) if recording.recording_id else _no_id(recording),
        ),
        Fact(_("Call ID"), formatting.identifier(call.call_uuid or call.call_uuid_text)),
        Fact(_("Source"), recording.get_origin_display()),
        *said,
        Fact(_("Last changed at Vobiz"), formatting.moment(recording.synced_at)),
    ]
    if recording.audio_state not in (AudioState.PENDING, AudioState.NONE):
        stored = [archive_panel.at_vobiz(recording, now), *stored]
    if held is not None and held.is_readable and may(request, "read_transcription"):
        stored = [*stored, *charges(held)]
    found = [
        Section(_("Recording"), known),
        *([started_here(recording)] if recording.requested_at is not None else []),
        archive_panel.section(recording, now),
        Section(_("Storage at Vobiz"), stored),
    ]
    return [
        replace(one, facts=[fact for fact in one.facts if fact.value not in ("", formatting.NONE)])
        for one in found
        if any(fact.value not in ("", formatting.NONE) for fact in one.facts)
    ]


def technical(recording: Recording) -> list[Fact]:
    """Return addresses and ids that are for Vobiz's support."""
    _said, _stored, found = vobiz_facts(recording)
    if recording.requested_at is not None:
        found.append(Fact(_("Callback address given to Vobiz"), _callback_address(recording)))
    return found


def _no_id(recording: Recording) -> str:
    return (
        ""
        if recording.status == RecordingStatus.FAILED
        else _("Not known yet: a callback or a sync brings it")
    )


def started_here(recording: Recording) -> Section:
    """Return what somebody asked for here, and what Vobiz answered."""
    answer = recording.get_start_answer_display() if recording.start_answer else _("none yet")
    facts = [
        Fact(_("Started by"), formatting.words(recording.requested_by or _("Command line"))),
        Fact(_("Start requested"), formatting.moment(recording.requested_at)),
        Fact(_("Vobiz's answer"), answer),
        Fact(_("Time limit"), span(recording.time_limit or 0), hint=_cut_hint(recording)),
        Fact(_("Limit ends at"), formatting.moment(recording.time_limit_ends_at)),
        Fact(_("Channels"), recording.get_channels_display() if recording.channels else formatting.NONE),
        Fact(_("Transcribe"), _("Yes") if recording.transcribe else _("No")),
        Fact(_("Callbacks"), silence(recording)),
    ]
    if recording.stop_requested_at is not None:
        by = formatting.words(recording.stop_requested_by or _("Command line"))
        facts.append(
            Fact(_("Stop requested"), formatting.moment(recording.stop_requested_at), hint=_("by %s") % by)
        )
    return Section(_("Started from the portal"), facts)


def _cut_hint(recording: Recording) -> str:
    return _("Reached. If the call continued, the rest was not recorded.") if recording.was_cut_short else ""


def silence(recording: Recording) -> str:
    """Return a note that no callback came; empty where one came, or may still."""
    if recording.no_callback_at is None:
        return ""
    if recording.status == RecordingStatus.COMPLETED:
        return _("No callback received; found through the API")
    return _("No callback received; the portal asks Vobiz instead")


def _callback_address(recording: Recording) -> str:
    """Return the base only: the rest of the path is a secret."""
    if recording.callback_base is None:
        return _("None: Vobiz cannot call this portal")
    return formatting.plain(recording.callback_base)


def transcript(
    request: HttpRequest, recording: Recording, held: Transcription | None, *, opened_by: str
) -> Transcript:
    """For everyone, how it stands; for those who may read it, the address that opens it, which is written down.

    `held` is the recording's, if it has one.
    """
    if held is None:
        return Transcript(None, _none_words(recording), "")
    badge = _badge(held)
    if not held.is_readable:
        return Transcript(None, why_none(held), badge)
    if not may(request, "read_transcription"):
        return Transcript(None, _("You do not have the permission to read transcripts."), badge)
    return Transcript(None, trust_words(held), badge, opened_by)


def opened(held: Transcription) -> Transcript:
    """Return the text. Only for a view that has written into the access log who reads it."""
    return Transcript(formatting.plain(held.text or ""), trust_words(held), _badge(held))


def _badge(held: Transcription) -> str | SafeString:
    return (
        formatting.not_verified()
        if held.is_unverified
        else formatting.badge(held.status, held.get_status_display())
    )


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
            "It was asked for and comes by a callback, as a rule within 5 minutes of the recording's end."
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
