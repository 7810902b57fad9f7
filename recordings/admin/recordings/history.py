"""What happened to a recording, in the order of time: people, Vobiz, callbacks. And where it stands, in one strip."""

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

from recordings.admin import formatting
from recordings.admin.base import may
from recordings.admin.facts import source_words
from recordings.admin.recordings import archive_panel
from recordings.admin.recordings.detail import silence
from recordings.choices import AccessResult
from recordings.forms import span
from recordings.models import AccessEvent, CallbackEvent, Recording, Transcription

MOST_EVENTS = 50  # callbacks, and as many lines of what people did
ACCESS_ROLES = {AccessResult.OK: "good", AccessResult.REFUSED: "bad", AccessResult.FAILED: "attention"}
# what Vobiz says happened, by the column that says when
AT_VOBIZ = ("started_at", "ended_at", "added_at")


@dataclass(frozen=True, slots=True)
class Chip:
    """One part of the strip."""

    label: str
    value: str | SafeString


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the history. `who` did it, or it came from there; `detail` is what was said."""

    at: datetime
    words: str | SafeString
    who: str | SafeString = ""
    detail: str | SafeString = ""


def strip(recording: Recording, held: Transcription | None, now: datetime) -> list[Chip]:
    """Return where it stands: status, limit, until when it is kept, its transcript."""
    found = [Chip(_("Status"), formatting.status(recording))]
    if recording.duration_ms is not None:
        found.append(Chip(_("Length"), formatting.length(recording.duration_ms / 1_000)))
    if recording.was_cut_short:
        words = _("cut after %s") % span(recording.time_limit or 0)
        found.append(Chip(_("Limit"), formatting.flag(words)))
    elif (
        recording.is_open
        and recording.time_limit_ends_at is not None
        and not formatting.may_have_been(recording)
    ):
        found.append(
            Chip(
                _("Limit"),
                format_html("{} {}", _("cuts at"), formatting.moment(recording.time_limit_ends_at)),
            )
        )
    if (audio := archive_panel.chip(recording, now)) is not None:
        found.append(Chip(_("Audio"), audio))
    badge = formatting.badge(held.status, held.get_status_display()) if held is not None else _("none")
    found.append(Chip(_("Transcript"), badge))
    return found


def history(request: HttpRequest, recording: Recording, held: Transcription | None) -> list[Happening]:
    """Everything known to have happened, oldest first; callbacks and listeners only for those who may see them."""
    found = [
        *_by_people(recording),
        *_at_vobiz(recording),
        *_transcribed(held),
        *_logged(recording),
        *(_called_back(request, recording) if may(request, "view_callbackevent") else []),
        *(_accessed(request, recording) if may(request, "view_accessevent") else []),
    ]
    return sorted(found, key=lambda happening: happening.at)


def _by_people(recording: Recording) -> list[Happening]:
    found = []
    if recording.requested_at is not None:
        answer = recording.get_start_answer_display() if recording.start_answer else _("none yet")
        said = _("Vobiz's answer: %s") % answer
        if recording.error:
            said = f"{said}. {formatting.plain(recording.error)}"
        found.append(Happening(recording.requested_at, _("Asked for"), _person(recording.requested_by), said))
    if recording.stop_requested_at is not None:
        who = _person(recording.stop_requested_by)
        found.append(Happening(recording.stop_requested_at, _("Asked to stop"), who))
    return found


def _person(user: object) -> str:
    return formatting.words(user or _("command line"))


def _at_vobiz(recording: Recording) -> list[Happening]:
    words = {
        "started_at": _("The recording began"),
        "ended_at": _("The recording ended"),
        "added_at": _("Vobiz listed it"),
    }
    found = []
    for column in AT_VOBIZ:
        at = getattr(recording, column)
        if at is not None:
            about = _("approximate") if column == "started_at" and recording.times_approximate else ""
            found.append(Happening(at, words[column], source_words(recording, column), about))
    if recording.synced_at is not None:
        found.append(Happening(recording.synced_at, _("The last news from the API")))
    if recording.no_callback_at is not None:
        found.append(Happening(recording.no_callback_at, silence(recording)))
    if recording.archived_at is not None:
        found.append(Happening(recording.archived_at, _("Its audio was archived"), _("Vobiz's file")))
    if recording.inspected_at is not None:
        found.append(
            Happening(
                recording.inspected_at, _("Its archived copy was inspected again"), *_withdrawn(recording)
            )
        )
    if recording.gone_at_provider_at is not None:
        found.append(Happening(recording.gone_at_provider_at, _("Vobiz had it no more; its row stays here")))
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


def _accessed(request: HttpRequest, recording: Recording) -> list[Happening]:
    """Who played, downloaded, read or exported it: the newest of them, each leading to its line in the access log."""
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
