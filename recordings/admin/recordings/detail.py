"""The parts of a recording's page: heading, key facts, what Vobiz says, and what happened in the order of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin import formatting
from recordings.admin.base import LIST_FILTERS, Fact, Happening, PortalAdmin, Section, may
from recordings.admin.calls.live import layout_words
from recordings.admin.change_list import Link, order_of
from recordings.admin.recordings import archive
from recordings.admin.transcriptions import charges
from recordings.choices import (
    AccessAction,
    AccessResult,
    AudioState,
    RecordingStatus,
    Source,
    TranscriptionStatus,
)
from recordings.forms import span
from recordings.models import AccessEvent, CallbackEvent, Recording, Transcription

MOST_OF_CALL = 100  # recordings of one call that are counted


def refresh_every(recording: Recording, held: Transcription | None) -> int | None:
    """Return the seconds between two looks at its page while it changes; None once it is completed and archived."""
    if recording.is_open:
        return 5
    is_awaited = held is not None and held.status == TranscriptionStatus.EXPECTED
    return 10 if is_awaited or recording.audio_state.can_be_archived else None


def heading(request: HttpRequest, recording: Recording, now: datetime) -> dict[str, str | SafeString]:
    """Return whose call it was, when, and which of the call's recordings it is; `words`: the title of the window."""
    call, local = recording.call, timezone.localtime(recording.happened_at)
    at = formatting.day_and_time(recording.happened_at, now)
    seconds = None if recording.duration_ms is None else recording.duration_ms / 1_000
    parts = [
        formatting.plain(call if call.from_number or call.to_number else recording),
        f"{dateformat.format(local, 'j M Y, H:i')} {formatting.zone_name(local)}",
        *([formatting.length(seconds)] if seconds is not None else []),
        formatting.account_label(recording.account),
    ]
    account = recording.account
    return {
        "numbers": formatting.from_to(call),
        "direction": formatting.direction(call) if call.direction else "",
        "at": format_html("{} {}", at, formatting.zone_name(local)),
        "account": formatting.linked(request, account, formatting.account_label(account)),
        "of_call": formatting.linked(request, call, _place_in_call(recording)),
        "words": ", ".join(parts),
    }


def _place_in_call(recording: Recording) -> str:
    """Return `1 of 2 recordings of this call`; only `Call` where it has more than are counted."""
    same = Recording.objects.filter(call_id=recording.call_id).order_by("happened_at", "pk")
    keys = list(same.values_list("pk", flat=True)[: MOST_OF_CALL + 1])
    if not 2 <= len(keys) <= MOST_OF_CALL:
        return _("Call")
    return _("%(place)d of %(all)d recordings of this call") % {
        "place": keys.index(recording.pk) + 1, "all": len(keys),
    }  # fmt: skip


def neighbours(owner: PortalAdmin, request: HttpRequest, obj: Recording) -> list[Link]:
    """Return the links to the rows beside this one in the list that the reader came from, or of all."""
    kept = request.GET.get(LIST_FILTERS, "")
    rows = owner.listed(request, kept) if kept else owner.get_queryset(request)
    order = order_of(rows) if rows is not None else None
    if rows is None or order is None:
        return []
    row = obj if order.value is None or hasattr(obj, order.attribute) else rows.filter(pk=obj.pk).first()
    if row is None:  # not in that list any more
        return []
    cursor = order.cursor_of(row)
    query = f"?{urlencode({LIST_FILTERS: kept})}" if kept else ""
    found = []
    names = (_("Previous"), _("Next"))
    for label, rel, is_ahead in zip(names, ("prev", "next"), (True, False), strict=True):
        beyond = order.sorted(order.beyond(rows, cursor, backwards=is_ahead), backwards=is_ahead)
        if (key := beyond.values_list("pk", flat=True).first()) is not None:
            found.append(Link(label, owner.to_page("change", key) + query, rel))
    return found


def details(
    request: HttpRequest, recording: Recording, held: Transcription | None, now: datetime
) -> list[Section]:
    """Return every fact: of the recording, of its start, of the archived copy, and of its storage at Vobiz."""
    said, stored, _technical = vobiz_facts(recording)
    call, ident = recording.call, formatting.identifier(recording.recording_id)
    if not recording.recording_id:
        is_failed = recording.status == RecordingStatus.FAILED
        ident = "" if is_failed else _("Not known yet: a callback or a sync brings it")
    known = [
        Fact(_("Recording ID"), ident),
        Fact(_("Call ID"), formatting.identifier(call.call_uuid or call.call_uuid_text)),
        Fact(_("Source"), recording.get_origin_display()),
        *said,
        Fact(_("Last changed at Vobiz"), formatting.moment(recording.synced_at)),
    ]
    if recording.audio_state not in (AudioState.PENDING, AudioState.NONE):
        stored = [archive.at_vobiz(recording, now), *stored]
    if held is not None and held.is_readable and may(request, "read_transcription"):
        stored = [*stored, *charges(held)]
    found = [
        Section(_("Recording"), known),
        *([started_here(recording)] if recording.requested_at is not None else []),
        archive.section(recording, now),
        Section(_("Storage at Vobiz"), stored),
    ]
    return [
        replace(one, facts=[fact for fact in one.facts if fact.value not in ("", formatting.NONE)])
        for one in found
        if any(fact.value not in ("", formatting.NONE) for fact in one.facts)
    ]


TECHNICAL = ("recording_url", "kind", "api_id")
STORAGE = ("billed_seconds", "storage_days", "storage_rate", "monthly_storage_amount")


def label_of(recording: Recording, column: str) -> str:
    """Return what the model calls a column."""
    if column == "api_id":
        return _("Request's api_id")
    field: Any = recording._meta.get_field(column)
    return str(capfirst(field.verbose_name))


def source_words(recording: Recording, column: str) -> str | SafeString:
    """Return the mark of a value that only a callback claimed; nothing for any other."""
    if getattr(recording, column) is None or recording.source_of(column) != Source.CALLBACK:
        return ""
    return formatting.badge(Source.CALLBACK, Source.CALLBACK.label, role="attention")


def confirmation(recording: Recording, facts: list[Fact]) -> tuple[bool, str | SafeString]:
    """Return whether the API confirmed every fact, and in one sentence what it confirmed."""
    unconfirmed = any(fact.source for fact in facts)
    if recording.synced_at is None:
        words = _("Vobiz's API has not confirmed these values yet.")
        if recording.gone_at_provider_at is not None:
            words = _("Vobiz's API never listed this recording: these values come from a callback only.")
        return False, words
    at = formatting.moment(recording.synced_at)
    if not unconfirmed:
        return True, format_html(_("All values confirmed by Vobiz's API, {}."), at)
    words = _(
        "Confirmed by Vobiz's API, {}, except values marked Not confirmed: they come from a callback only."
    )
    return False, format_html(words, at)


def vobiz_facts(recording: Recording) -> tuple[list[Fact], list[Fact], list[Fact]]:
    """Return what Vobiz says of a recording, of storing and billing it, and what only Vobiz's support asks for."""
    approximate = _("approximate: Vobiz named no start or no zone") if recording.times_approximate else ""
    ms = recording.duration_ms
    duration, thousandths = (None, "") if ms is None else (ms / 1_000, _("%d milliseconds") % ms)
    values: dict[str, tuple[str | SafeString, str]] = {
        "started_at": (formatting.moment(recording.started_at), approximate),
        "ended_at": (formatting.moment(recording.ended_at), ""),
        "duration_ms": (formatting.length(duration), thousandths),
        "added_at": (formatting.moment(recording.added_at), ""),
        "file_format": (formatting.words(recording.file_format), ""),
        "kind": (formatting.words(recording.kind), ""),
        "conference_name": (formatting.words(recording.conference_name), ""),
        "recording_url": (_address(recording.recording_url), _("opens only with the account's auth token")),
        "billed_seconds": (formatting.words(recording.billed_seconds), _("rounded up by Vobiz")),
        "storage_days": (formatting.words(recording.storage_days), ""),
        "storage_rate": (formatting.money(recording.storage_rate), _("a month")),
        "monthly_storage_amount": (
            formatting.money(recording.monthly_storage_amount),
            _("Vobiz's own amount"),
        ),
        "api_id": (formatting.identifier(recording.api_id), _("for Vobiz's support")),
    }
    found = {
        column: Fact(label_of(recording, column), value, hint, source_words(recording, column))
        for column, (value, hint) in values.items()
        if value != formatting.NONE
    }
    return (
        [fact for column, fact in found.items() if column not in STORAGE + TECHNICAL],
        [fact for column, fact in found.items() if column in STORAGE],
        [fact for column, fact in found.items() if column in TECHNICAL],
    )


def _address(url: str | None) -> str | SafeString:
    """Return an address of Vobiz's, as text: a browser cannot open it, and must not be led there."""
    return (
        format_html('<code class="portal-url">{}</code>', formatting.plain(url)) if url else formatting.NONE
    )


def technical(recording: Recording) -> list[Fact]:
    """Return addresses and ids that are for Vobiz's support."""
    _said, _stored, found = vobiz_facts(recording)
    if recording.requested_at is not None:
        base = recording.callback_base  # alone: the rest of the path is a secret
        words = _("None: Vobiz cannot call this portal") if base is None else formatting.plain(base)
        found.append(Fact(_("Callback address given to Vobiz"), words))
    return found


def started_here(recording: Recording) -> Section:
    """Return what somebody asked for here, and what Vobiz answered."""
    answer = recording.get_start_answer_display() if recording.start_answer else _("none yet")
    cut = _("Reached. If the call continued, the rest was not recorded.") if recording.was_cut_short else ""
    facts = [
        Fact(_("Started by"), formatting.person(recording.requested_by)),
        Fact(_("Start requested"), formatting.moment(recording.requested_at)),
        Fact(_("Vobiz's answer"), answer),
        Fact(_("Time limit"), span(recording.time_limit or 0), hint=cut),
        Fact(_("Limit ends at"), formatting.moment(recording.time_limit_ends_at)),
        Fact(_("Channels"), recording.get_channels_display() if recording.channels else formatting.NONE),
        Fact(_("Transcribe"), _("Yes") if recording.transcribe else _("No")),
        Fact(_("Callbacks"), silence(recording)),
    ]
    if recording.stop_requested_at is not None:
        by = formatting.person(recording.stop_requested_by)
        facts.append(
            Fact(_("Stop requested"), formatting.moment(recording.stop_requested_at), hint=_("by %s") % by)
        )
    return Section(_("Started from the portal"), facts)


def silence(recording: Recording) -> str:
    """Return a note that no callback came; empty where one came, or may still."""
    if recording.no_callback_at is None:
        return ""
    if recording.status == RecordingStatus.COMPLETED:
        return _("No callback received; found through the API")
    return _("No callback received; the portal asks Vobiz instead")


MOST_EVENTS = 50  # callbacks, and as many lines of what people did
ACCESS_ROLES = {AccessResult.OK: "good", AccessResult.REFUSED: "bad", AccessResult.FAILED: "attention"}


def key_facts(recording: Recording, now: datetime) -> list[Fact]:
    """Return its length, status, archived copy, retention, audio and who started it."""
    return [
        _length(recording),
        Fact(_("Status"), formatting.status(recording), _status_note(recording, now)),
        Fact(_("Archive"), *archive.copy_words(recording, now)),
        Fact(_("At Vobiz until"), *archive.retention_words(recording, now)),
        _audio(recording),
        _starter(recording),
    ]


def _length(recording: Recording) -> Fact:
    note: str | SafeString = ""
    if recording.started_at is not None and recording.status != RecordingStatus.FAILED:
        begun = formatting.time_of(recording.started_at)
        if recording.ended_at is not None:
            note = _("%(begun)s to %(ended)s") % {
                "begun": begun,
                "ended": formatting.time_of(recording.ended_at),
            }
        else:
            note = _("since %s") % begun
    seconds = None if recording.duration_ms is None else recording.duration_ms / 1_000
    return Fact(_("Length"), formatting.length(seconds), note)


def _status_note(recording: Recording, now: datetime) -> str:
    ends_at = recording.time_limit_ends_at
    if recording.is_open and ends_at is not None and not formatting.may_have_been(recording):
        return _("stops at %s") % formatting.clock(ends_at, now=now)
    return ""


def _audio(recording: Recording) -> Fact:
    words = layout_words(recording.channels, recording.file_format) or formatting.NONE
    size = "" if recording.audio_bytes is None else formatting.file_size(recording.audio_bytes)
    return Fact(_("Audio"), words, size)


def _starter(recording: Recording) -> Fact:
    limit = _("limit %s") % span(recording.time_limit) if recording.time_limit else ""
    if recording.requested_at is None:
        return Fact(_("Started by"), str(recording.get_origin_display()), limit)
    return Fact(_("Started by"), formatting.person(recording.requested_by), limit)


def timeline(request: HttpRequest, recording: Recording, held: Transcription | None) -> list[Happening]:
    """Return what is known to have happened, oldest first; callbacks only for those who may see them."""
    found = [
        *_of_columns(recording, held),
        *_logged(recording),
        *(_called_back(request, recording) if may(request, "view_callbackevent") else []),
    ]
    return sorted(found, key=lambda happening: happening.at)


def _of_columns(recording: Recording, held: Transcription | None) -> list[Happening]:
    """Return what the columns of a recording and of its transcription say."""
    answer = recording.get_start_answer_display() if recording.start_answer else _("none yet")
    answered = _("Vobiz's answer: %s") % answer
    if recording.error:
        answered = f"{answered}. {formatting.plain(recording.error)}"
    approximate = _("approximate") if recording.times_approximate else ""
    unlisted = "" if recording.synced_at is not None else _("Vobiz's API never listed this recording.")
    by, stopped_by = formatting.person(recording.requested_by), formatting.person(recording.stop_requested_by)
    upgrade, withdrawn = _("the portal, after an upgrade"), ""
    if recording.withdrawn_flag is not None:  # of an older reader, which does not stand any more
        withdrawn = _("“%s” was withdrawn") % recording.get_withdrawn_flag_display()
    vobiz = _("Vobiz")
    began, ended, added = (
        source_words(recording, column) or vobiz for column in ("started_at", "ended_at", "added_at")
    )
    rows: list[tuple[datetime | None, str, str | SafeString, str]] = [
        (recording.requested_at, _("Recording started"), by, answered),
        (recording.stop_requested_at, _("Stop requested"), stopped_by, ""),
        (recording.started_at, _("Recording began"), began, approximate),
        (recording.ended_at, _("Recording ended"), ended, ""),
        (recording.added_at, _("Listed by Vobiz"), added, ""),
        (recording.synced_at, _("Last changed at Vobiz"), vobiz, ""),
        (recording.no_callback_at, silence(recording), "", ""),
        (recording.archived_at, _("Archived"), _("The portal"), ""),
        (recording.inspected_at, _("Archived copy inspected again"), upgrade, withdrawn),
        (recording.gone_at_provider_at, _("Deleted at Vobiz"), vobiz, unlisted),
    ]
    if held is not None:
        trust = formatting.badge(held.trust, held.get_trust_display()) if held.trust else formatting.NONE
        rows.append((held.received_at, _("Transcript: %s") % held.get_status_display(), trust, ""))
    return [Happening(at, words, who, detail) for at, words, who, detail in rows if at is not None]


def _logged(recording: Recording) -> list[Happening]:
    """Return what people did to it in this portal, as its history keeps it."""
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Recording), object_id=str(recording.pk)
    )
    rows = entries.select_related("user").order_by("-action_time")[:MOST_EVENTS]
    return [
        Happening(
            row.action_time,
            _("In the portal"),
            formatting.words(row.user),
            formatting.plain(row.get_change_message()),
        )
        for row in rows
    ]


def _called_back(request: HttpRequest, recording: Recording) -> list[Happening]:
    events: Any = CallbackEvent.objects.visible_to(request.user).filter(recording=recording)
    return [
        Happening(
            event.received_at,
            formatting.linked(request, event, formatting.callback(event)),
            formatting.badge(event.trust, event.get_trust_display()),
            _delivered(event),
        )
        for event in events.defer("payload", "raw_body", "account")[:MOST_EVENTS]
    ]


def _delivered(event: CallbackEvent) -> SafeString:
    outcome = formatting.badge(event.outcome, event.get_outcome_display())
    times = _("%d deliveries") % event.deliveries if event.deliveries > 1 else ""
    return format_html("{} {}", outcome, times)


# What is in the log by its name was done here
LISTENED: dict[str, Any] = {
    AccessAction.PLAY: gettext_lazy("Played"),
    AccessAction.DOWNLOAD: gettext_lazy("Downloaded"),
    AccessAction.TRANSCRIPT: gettext_lazy("Transcript read"),
    AccessAction.EXPORT: gettext_lazy("Exported"),
}


def listened(request: HttpRequest, recording: Recording) -> list[Happening]:
    """Return who played, downloaded, read or exported it lately, each leading to its line in the access log."""
    events: Any = AccessEvent.objects.visible_to(request.user).about(recording.pk, recording.recording_id)
    return [
        Happening(
            event.at,
            formatting.linked(
                request, event, LISTENED.get(event.action, event.get_action_display().capitalize())
            ),
            formatting.words(event.username),
            accessed_badge(event),
        )
        for event in events[:MOST_EVENTS]
    ]


def accessed_badge(event: AccessEvent) -> SafeString:
    """Return how an access ended."""
    role = ACCESS_ROLES.get(AccessResult(event.result), "bad")
    return formatting.badge(event.result, event.get_result_display(), role=role)
