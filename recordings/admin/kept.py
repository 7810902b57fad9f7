"""What is kept of a recording: our copy and what it is, or why there is none, and until when Vobiz has its own."""

from __future__ import annotations

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings.admin import shown
from recordings.admin.facts import Fact, Section
from recordings.choices import CORRUPT_COPY_REASONS, RecordingStatus
from recordings.models import Recording
from recordings.overview import soon


def chip(recording: Recording, now: datetime) -> SafeString | None:
    """In the strip: archived when, and until when Vobiz has it, or that it is gone. None: nothing to keep yet."""
    if recording.has_corrupt_copy:
        return _spoilt_chip(recording, now)
    if recording.archived_at is not None:
        badge = shown.badge("archived", _("archived"), role="good")
        held = format_html("{} {}", badge, shown.moment(recording.archived_at))
        if recording.gone_at_provider_at is not None or recording.retention_ends_at <= now:
            return held
        return format_html("{} · {} {}", held, _("at Vobiz until"), shown.moment(recording.retention_ends_at))
    if recording.gone_at_provider_at is not None:
        words = shown.badge("gone", _("gone at Vobiz since"), role="quiet")
        return format_html("{} {}", words, shown.moment(recording.gone_at_provider_at))
    if recording.status != RecordingStatus.COMPLETED:
        return None
    leaves = recording.retention_ends_at
    left = shown.days_left(leaves, now)
    if leaves <= now:
        return format_html("{}", shown.badge("past", _("Vobiz is said to have deleted it"), role="attention"))
    flagged = shown.flag(left) if leaves - now < soon() else left
    return format_html("{} {} ({})", _("at Vobiz until"), shown.moment(leaves), flagged)


def _spoilt_chip(recording: Recording, now: datetime) -> SafeString:
    """That our copy is one no more, and whether Vobiz has its own."""
    badge = shown.badge("spoilt", _spoilt(recording), role="bad")
    if recording.gone_at_provider_at is not None:
        at = shown.moment(recording.gone_at_provider_at)
        return format_html("{} · {} {}", badge, _("gone at Vobiz since"), at)
    if recording.retention_ends_at <= now:
        return format_html("{} · {}", badge, _("Vobiz is said to have deleted it"))
    return format_html("{} · {} {}", badge, _("at Vobiz until"), shown.moment(recording.retention_ends_at))


def section(recording: Recording, now: datetime) -> Section:
    """Every fact of it."""
    if recording.has_corrupt_copy:
        facts = _spoilt_copy(recording, now)
    else:
        facts = _copy(recording) if recording.archived_at is not None else _no_copy(recording, now)
    return Section(_("Kept"), [*facts, _at_vobiz(recording, now)])


def may_be_archived(recording: Recording) -> bool:
    """Whether *Archive now* makes sense."""
    return (
        recording.status == RecordingStatus.COMPLETED
        and recording.archived_at is None
        and recording.gone_at_provider_at is None
        and recording.recording_id is not None
    )


def _copy(recording: Recording) -> list[Fact]:
    size = recording.audio_bytes or 0
    facts = [
        Fact(_("Archived"), shown.moment(recording.archived_at), hint=_flag(recording)),
        Fact(_("Size"), ngettext("%s byte", "%s bytes", size) % shown.count(size)),
        Fact(_("Inside"), _inside(recording)),
        Fact(_("SHA-256"), shown.identifier(recording.audio_sha256)),
        Fact(_("Last found unaltered"), shown.moment(recording.verified_at)),
    ]
    if recording.audio_duration_ms is not None:
        facts.insert(3, Fact(_("True length"), shown.length(recording.audio_duration_ms / 1_000)))
    return facts


def _inside(recording: Recording) -> str:
    """`WAV (Vobiz says mp3), 2 channels`."""
    container, said = recording.container or "", recording.file_format
    words = container.upper()
    if said and said.lower() != container:
        words = _("%(inside)s (Vobiz says %(said)s)") % {"inside": words, "said": shown.plain(said)}
    if recording.audio_channels is not None:
        channels = ngettext("%s channel", "%s channels", recording.audio_channels)
        words = f"{words}, {channels % shown.count(recording.audio_channels)}"
    return words


def _flag(recording: Recording) -> str:
    return recording.get_archive_flag_display() if recording.archive_flag else ""


def _spoilt(recording: Recording) -> str:
    """`our copy is missing`; which of the two it was is forgotten when a person has seen it."""
    if recording.needs_attention in CORRUPT_COPY_REASONS:
        return recording.get_needs_attention_display()
    return _("our copy is missing or was altered")


def _spoilt_copy(recording: Recording, now: datetime) -> list[Fact]:
    """What it was, so that it is known in a backup; and whether it can be fetched again, and when."""
    facts = [
        Fact(_("Archived"), _("it was, but %s") % _spoilt(recording), hint=_again(recording, now)),
        Fact(_("Last found unaltered"), shown.moment(recording.verified_at)),
    ]
    if recording.audio_bytes is not None:
        size = ngettext("%s byte", "%s bytes", recording.audio_bytes) % shown.count(recording.audio_bytes)
        facts.append(Fact(_("Size of that copy"), size))
    facts.append(Fact(_("SHA-256 of that copy"), shown.identifier(recording.audio_sha256)))
    if may_be_archived(recording):
        facts += [Fact(_("Why it is not archived"), _why(recording)), *_tries(recording, now)]
    return facts


def _again(recording: Recording, now: datetime) -> str:
    """Whether Vobiz still has it."""
    if not may_be_archived(recording):
        return _("Vobiz no longer has it, so it must come back from a backup")
    if recording.retention_ends_at <= now:
        return _("Vobiz is said to have deleted it, but has not been found without it yet")
    return _("Vobiz still has it, so it can be fetched again")


def _no_copy(recording: Recording, now: datetime) -> list[Fact]:
    """Why not, and when it is tried again."""
    if recording.gone_at_provider_at is not None:
        return [Fact(_("Archived"), _("never"))]
    if not may_be_archived(recording):
        return []
    return [Fact(_("Archived"), _("not yet"), hint=_why(recording)), *_tries(recording, now)]


def _tries(recording: Recording, now: datetime) -> list[Fact]:
    facts = []
    if recording.archive_next_at is not None and recording.archive_next_at > now:
        facts.append(Fact(_("Next try"), shown.moment(recording.archive_next_at)))
    if recording.archive_tries:
        facts.append(Fact(_("Tries that failed"), shown.count(recording.archive_tries)))
    return facts


def _why(recording: Recording) -> str:
    account = recording.account
    if account.archive_pause is not None:
        return _("archiving of its account pauses: %s") % shown.plain(account.archive_pause)
    if recording.archive_error is not None:
        return shown.plain(recording.archive_error)
    if not account.is_active:
        return _("its account is switched off")
    if recording.archive_asked_at is not None:
        return _("somebody asked for it, and it waits for its turn")
    if not account.archive_automatically:
        return _("its account is not archived automatically")
    return _("it is due, and waits for its turn")


def _at_vobiz(recording: Recording, now: datetime) -> Fact:
    """Until when Vobiz has it."""
    if recording.gone_at_provider_at is not None:
        return Fact(
            _("Gone at Vobiz"), shown.moment(recording.gone_at_provider_at), hint=_("its row stays here")
        )
    leaves = recording.retention_ends_at
    hint = _("%(left)s; Vobiz is said to delete audio for good after %(days)d days") % {
        "left": shown.days_left(leaves, now), "days": recording.account.retention_days,
    }  # fmt: skip
    return Fact(_("Leaves Vobiz"), shown.moment(leaves), hint=hint)
