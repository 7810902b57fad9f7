"""What happened to a recording, in the order of time: people, Vobiz, callbacks. And its six key facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin import formatting
from recordings.admin.base import may
from recordings.admin.facts import KeyFact, source_words
from recordings.admin.recordings import archive_panel
from recordings.admin.recordings.detail import silence
from recordings.choices import AccessResult, Channels, RecordingStatus
from recordings.forms import span
from recordings.models import AccessEvent, CallbackEvent, Recording, Transcription

MOST_EVENTS = 50  # callbacks, and as many lines of what people did
ACCESS_ROLES = {AccessResult.OK: "good", AccessResult.REFUSED: "bad", AccessResult.FAILED: "attention"}
CHANNELS = {Channels.STEREO.value: gettext_lazy("Stereo"), Channels.MONO.value: gettext_lazy("Mono")}
# what Vobiz says happened, by the column that says when
AT_VOBIZ = ("started_at", "ended_at", "added_at")


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the history. `who` did it, or it came from there; `detail` is what was said."""

    at: datetime
    words: str | SafeString
    who: str | SafeString = ""
    detail: str | SafeString = ""


def key_facts(recording: Recording, now: datetime) -> list[KeyFact]:
    """Return its length, status, archived copy, retention, audio and who started it."""
    return [
        _length(recording, now),
        KeyFact(_("Status"), formatting.status(recording), _status_note(recording, now)),
        KeyFact(_("Archive"), *archive_panel.copy_words(recording, now)),
        KeyFact(_("At Vobiz until"), *archive_panel.retention_words(recording, now)),
        _audio(recording),
        _starter(recording),
    ]


def _length(recording: Recording, now: datetime) -> KeyFact:
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
    return KeyFact(_("Length"), formatting.length(seconds), note)


def _status_note(recording: Recording, now: datetime) -> str:
    ends_at = recording.time_limit_ends_at
    if recording.is_open and ends_at is not None and not formatting.may_have_been(recording):
        return _("stops at %s") % formatting.clock(ends_at, now=now)
    return ""


def _audio(recording: Recording) -> KeyFact:
    parts = (
        recording.channels and str(CHANNELS.get(recording.channels, recording.channels)),
        recording.file_format and recording.file_format.upper(),
    )
    words = " ".join(formatting.plain(part) for part in parts if part) or formatting.NONE
    size = "" if recording.audio_bytes is None else formatting.file_size(recording.audio_bytes)
    return KeyFact(_("Audio"), words, size)


def _starter(recording: Recording) -> KeyFact:
    limit = _("limit %s") % span(recording.time_limit) if recording.time_limit else ""
    if recording.requested_at is None:
        return KeyFact(_("Started by"), str(recording.get_origin_display()), limit)
    return KeyFact(_("Started by"), _person(recording.requested_by), limit)


def timeline(request: HttpRequest, recording: Recording, held: Transcription | None) -> list[Happening]:
    """Return what is known to have happened, oldest first; callbacks only for those who may see them."""
    found = [
        *_by_people(recording),
        *_at_vobiz(recording),
        *_transcribed(held),
        *_logged(recording),
        *(_called_back(request, recording) if may(request, "view_callbackevent") else []),
    ]
    return sorted(found, key=lambda happening: happening.at)


def _by_people(recording: Recording) -> list[Happening]:
    found = []
    if recording.requested_at is not None:
        answer = recording.get_start_answer_display() if recording.start_answer else _("none yet")
        said = _("Vobiz's answer: %s") % answer
        if recording.error:
            said = f"{said}. {formatting.plain(recording.error)}"
        found.append(
            Happening(recording.requested_at, _("Recording started"), _person(recording.requested_by), said)
        )
    if recording.stop_requested_at is not None:
        who = _person(recording.stop_requested_by)
        found.append(Happening(recording.stop_requested_at, _("Stop requested"), who))
    return found


def _person(user: object) -> str:
    return formatting.words(user or _("Command line"))


def _at_vobiz(recording: Recording) -> list[Happening]:
    words = {
        "started_at": _("Recording began"),
        "ended_at": _("Recording ended"),
        "added_at": _("Listed by Vobiz"),
    }
    found = []
    for column in AT_VOBIZ:
        at = getattr(recording, column)
        if at is not None:
            about = _("approximate") if column == "started_at" and recording.times_approximate else ""
            found.append(Happening(at, words[column], source_words(recording, column) or _("Vobiz"), about))
    if recording.synced_at is not None:
        found.append(Happening(recording.synced_at, _("Last changed at Vobiz"), _("Vobiz")))
    if recording.no_callback_at is not None:
        found.append(Happening(recording.no_callback_at, silence(recording)))
    if recording.archived_at is not None:
        found.append(Happening(recording.archived_at, _("Archived"), _("The portal")))
    if recording.inspected_at is not None:
        found.append(
            Happening(recording.inspected_at, _("Archived copy inspected again"), *_withdrawn(recording))
        )
    if recording.gone_at_provider_at is not None:
        reason = "" if recording.synced_at is not None else _("Vobiz's API never listed this recording.")
        found.append(Happening(recording.gone_at_provider_at, _("Deleted at Vobiz"), _("Vobiz"), reason))
    return found


def _withdrawn(recording: Recording) -> tuple[str, str]:
    """Who inspected it, and which flag of an older reader does not stand any more."""
    who = _("the portal, after an upgrade")
    if recording.withdrawn_flag is None:
        return who, ""
    return who, _("“%s” was withdrawn") % recording.get_withdrawn_flag_display()


def _transcribed(held: Transcription | None) -> list[Happening]:
    if held is None or held.received_at is None:
        return []
    trust = formatting.badge(held.trust, held.get_trust_display())
    return [Happening(held.received_at, _("Transcript: %s") % held.get_status_display(), trust)]


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


def listened(request: HttpRequest, recording: Recording) -> list[Happening]:
    """Return who played, downloaded, read or exported it lately, each leading to its line in the access log."""
    events: Any = AccessEvent.objects.visible_to(request.user).about(recording.pk, recording.recording_id)
    return [
        Happening(
            event.at,
            formatting.linked(request, event, event.get_action_display().capitalize()),
            formatting.words(event.username),
            accessed_badge(event),
        )
        for event in events[:MOST_EVENTS]
    ]


def accessed_badge(event: AccessEvent) -> SafeString:
    """Return how an access ended."""
    role = ACCESS_ROLES.get(AccessResult(event.result), "bad")
    return format_html("{}", formatting.badge(event.result, event.get_result_display(), role=role))
