"""The archived copy on a recording's page and in its list: status, facts, and *Archive now*."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings import tasks
from recordings.admin import columns, formatting
from recordings.admin.base import WRITE, ReadOnlyAdmin, may, page
from recordings.admin.facts import Fact, Section
from recordings.admin.filters import CLIPPED_MS
from recordings.admin.formatting import count
from recordings.audio import formats
from recordings.choices import CORRUPT_COPY_REASONS, AudioState, Channels
from recordings.models import Recording
from recordings.overview import soon

AT_ONCE = 500  # rows that one press has archived ahead of their turn


class ArchiveMixin(ReadOnlyAdmin):
    """A mixin of the recording's admin: archive status and the *Archive now* action."""

    def has_archive_permission(self, request: HttpRequest) -> bool:
        """Return what the action asks for."""
        return may(request, "archive_recording")

    @page(
        "<path:object_id>/archive/",
        name="archive",
        permission="recordings.archive_recording",
        methods=WRITE,
    )
    def archive(self, request: HttpRequest, recording: Recording) -> HttpResponse:
        """Archive this recording ahead of its turn; its page shows the result later."""
        to = self.to_object(recording) if self.has_view_permission(request) else self.to_index()
        if not recording.audio_state.can_be_archived:
            words = _("There is nothing to fetch: it is archived, or Vobiz does not have it.")
            return self.conclude(
                request, recording, words=words, log=_("Asked for it to be archived: %s") % words, to=to,
                level=messages.WARNING,
            )  # fmt: skip
        tasks.archive_now([recording.pk])
        words = _("Its audio is being fetched. Load this page again in a moment: it says what came of it.")
        return self.conclude(request, recording, words=words, log=_("Asked for it to be archived."), to=to)

    @admin.action(description=gettext_lazy("Archive now"), permissions=["archive"])
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Archive each selected recording that can be fetched."""
        rows = list(Recording.objects.filter(pk__in=queryset.values("pk")).available_to_archive()[:AT_ONCE])
        left_out = queryset.count() - len(rows)
        if rows:
            tasks.archive_now([row.pk for row in rows])
            self.log_each(request, rows, _("Asked for it to be archived."))
            words = ngettext(
                "The audio of %s recording is being fetched, ahead of its turn.",
                "The audio of %s recordings is being fetched, ahead of their turn.",
                len(rows),
            )
            self.message_user(request, words % count(len(rows)))
        if left_out:
            words = ngettext(
                "%s was left out: it is archived, or Vobiz does not have it.",
                "%s were left out: they are archived, or Vobiz does not have them.",
                left_out,
            )
            self.message_user(request, words % count(left_out), messages.WARNING)


def copy_words(recording: Recording, now: datetime) -> tuple[str | SafeString, str | SafeString]:
    """Return how its archived copy stands, and since when."""
    state = recording.audio_state
    if state in (AudioState.PENDING, AudioState.NONE):
        return formatting.NONE, ""
    if state.has_corrupt_copy:
        return formatting.badge("spoilt", capfirst(_spoilt(recording)), role="bad"), ""
    if state == AudioState.ARCHIVED:
        words = _("Archived") if recording.verified_at is None else _("Archived, verified")
        at = recording.verified_at or recording.archived_at
        return formatting.badge("archived", words, role="good"), columns.day_and_time(at or now, now)
    if recording.gone_at_provider_at is not None:
        return formatting.badge("lost", _("Lost"), role="bad"), ""
    return _("Not archived"), _why(recording)


def retention_words(recording: Recording, now: datetime) -> tuple[str | SafeString, str | SafeString]:
    """Return the day on which Vobiz deletes the audio, and how far that is; a dash where there never was any."""
    state = recording.audio_state
    if state in (AudioState.PENDING, AudioState.NONE):
        return formatting.NONE, ""
    if recording.gone_at_provider_at is not None:
        return _("Deleted"), formatting.day(timezone.localtime(recording.gone_at_provider_at))
    until = recording.retention_ends_at
    on, left = formatting.day(timezone.localtime(until)), formatting.days_left(until, now)
    if until <= now:
        return on, _("Past Vobiz's retention")
    is_soon = until - now < soon() and state != AudioState.ARCHIVED
    return on, formatting.flag(left) if is_soon else left


def section(recording: Recording, now: datetime) -> Section:
    """Return every fact of it."""
    state = recording.audio_state
    if state.has_corrupt_copy:
        facts = _spoilt_copy(recording, now)
    else:
        facts = _copy(recording) if state == AudioState.ARCHIVED else _no_copy(recording, now)
    return Section(_("Archived copy"), facts)


def _copy(recording: Recording) -> list[Fact]:
    size = recording.audio_bytes or 0
    facts = [
        Fact(_("Archived"), formatting.moment(recording.archived_at), hint=_flag(recording)),
        Fact(_("Size"), ngettext("%s byte", "%s bytes", size) % formatting.count(size)),
        Fact(_("File type"), _inside(recording)),
        Fact(_("SHA-256"), formatting.long_identifier(recording.audio_sha256)),
        Fact(_("Last verified"), formatting.moment(recording.verified_at)),
    ]
    if recording.audio_duration_ms is not None:
        facts.insert(3, Fact(_("Length of the file"), formatting.length(recording.audio_duration_ms / 1_000)))
    return [*facts, *_sound(recording)]


def format_of(recording: Recording) -> str:
    """Return the true format of our copy in words: `WAV, GSM 6.10`."""
    return formats.label_of(recording.container, recording.audio_codec) or _("unknown format")


def _inside(recording: Recording) -> str:
    """Return `WAV, 16-bit PCM (Vobiz says mp3), 8 kHz, 2 channels`."""
    said, words = recording.file_format, format_of(recording)
    if said and said.lower() != recording.container:
        words = _("%(inside)s (Vobiz says %(said)s)") % {"inside": words, "said": formatting.plain(said)}
    if recording.audio_sample_rate is not None:
        words = f"{words}, {_('%s kHz') % f'{recording.audio_sample_rate / 1_000:g}'}"
    if recording.audio_channels is not None:
        channels = ngettext("%s channel", "%s channels", recording.audio_channels)
        words = f"{words}, {channels % formatting.count(recording.audio_channels)}"
    return words


def _sound(recording: Recording) -> list[Fact]:
    """Return what was measured in the samples of the archived copy."""
    if recording.longest_silence_ms is None:
        return []
    if recording.is_silent:
        return [Fact(_("Sound"), formatting.flag(_("no sound")), hint=_("digital silence from start to end"))]
    facts = [
        Fact(_("Talk time"), _talk(recording)),
        Fact(_("Longest silence"), formatting.length(recording.longest_silence_ms / 1_000)),
    ]
    if recording.double_talk_ms is not None:
        facts.append(Fact(_("Both talking"), formatting.length(recording.double_talk_ms / 1_000)))
    if recording.one_side_silent:
        hint = _("one-way audio: the portal measured no sound on this side")
        facts.append(Fact(_("One side silent"), formatting.flag(_silent_side(recording)), hint=hint))
    if (recording.clipped_ms or 0) >= CLIPPED_MS:
        words = formatting.flag(formatting.length((recording.clipped_ms or 0) / 1_000))
        facts.append(Fact(_("Clipped"), words, hint=_("too loud: the tops of the sound are cut off")))
    return facts


def _talk(recording: Recording) -> str:
    """`Caller 2:10, Callee 3:04`; of mono one length."""
    left = formatting.length((recording.talk_left_ms or 0) / 1_000)
    if recording.talk_right_ms is None:
        return left
    right = formatting.length(recording.talk_right_ms / 1_000)
    sides = sides_of(recording)
    return f"{sides[0]} {left}, {sides[1]} {right}"


def _silent_side(recording: Recording) -> str:
    sides = sides_of(recording)
    return sides[0] if (recording.talk_left_ms or 0) == 0 else sides[1]


def sides_of(recording: Recording) -> tuple[str, str]:
    """Who is on which side: in stereo that was asked for here, the caller is left and the callee right."""
    asked = recording.channels == Channels.STEREO
    return (_("Caller"), _("Callee")) if asked else (_("Left"), _("Right"))


def _flag(recording: Recording) -> str:
    return recording.get_archive_flag_display() if recording.archive_flag else ""


def _spoilt(recording: Recording) -> str:
    """Return `our copy is missing`; which of the two it was is forgotten when a person has seen it."""
    if recording.needs_attention in CORRUPT_COPY_REASONS:
        return recording.get_needs_attention_display()
    return _("our copy is missing or was altered")


def _spoilt_copy(recording: Recording, now: datetime) -> list[Fact]:
    """Return what it was, so that it is known in a backup; and whether it can be fetched again, and when."""
    facts = [
        Fact(_("Archived"), _("it was, but %s") % _spoilt(recording), hint=_again(recording, now)),
        Fact(_("Last verified"), formatting.moment(recording.verified_at)),
    ]
    if recording.audio_bytes is not None:
        size = ngettext("%s byte", "%s bytes", recording.audio_bytes) % formatting.count(
            recording.audio_bytes
        )
        facts.append(Fact(_("Size of that copy"), size))
    facts.append(Fact(_("SHA-256 of that copy"), formatting.identifier(recording.audio_sha256)))
    if recording.audio_state.can_be_archived:
        facts += [Fact(_("Why it is not archived"), _why(recording)), *_tries(recording, now)]
    return facts


def _again(recording: Recording, now: datetime) -> str:
    """Return whether Vobiz still has it."""
    if not recording.audio_state.can_be_archived:
        return _("Vobiz no longer has it, so it must come back from a backup")
    if recording.retention_ends_at <= now:
        return _("Past Vobiz's retention, not yet confirmed as deleted")
    return _("Vobiz still has it, so it can be fetched again")


def _no_copy(recording: Recording, now: datetime) -> list[Fact]:
    """Return why not, and when it is tried again."""
    if recording.gone_at_provider_at is not None:
        return [Fact(_("Archived"), _("never"))]
    if not recording.audio_state.can_be_archived:
        return []
    return [Fact(_("Archived"), _("not yet"), hint=_why(recording)), *_tries(recording, now)]


def _tries(recording: Recording, now: datetime) -> list[Fact]:
    facts = []
    if recording.archive_next_at is not None and recording.archive_next_at > now:
        facts.append(Fact(_("Next try"), formatting.moment(recording.archive_next_at)))
    if recording.archive_tries:
        facts.append(Fact(_("Tries that failed"), formatting.count(recording.archive_tries)))
    return facts


def _why(recording: Recording) -> str:
    account = recording.account
    if account.archive_pause is not None:
        return _("archiving of its account pauses: %s") % formatting.plain(account.archive_pause)
    if recording.archive_error is not None:
        return formatting.plain(recording.archive_error)
    if not account.is_active:
        return _("its account is inactive")
    if recording.archive_asked_at is not None:
        return _("somebody asked for it, and it waits for its turn")
    if not account.archive_automatically:
        return _("its account is not archived automatically")
    return _("it is due, and waits for its turn")


def at_vobiz(recording: Recording, now: datetime) -> Fact:
    """Return until when Vobiz has it."""
    if recording.gone_at_provider_at is not None:
        return Fact(
            _("Deleted at Vobiz"),
            formatting.moment(recording.gone_at_provider_at),
            hint=_("its row stays here"),
        )
    leaves = recording.retention_ends_at
    hint = _("%(left)s; Vobiz deletes audio after %(days)d days (account setting)") % {
        "left": formatting.days_left(leaves, now), "days": recording.account.retention_days,
    }  # fmt: skip
    return Fact(_("Deleted by Vobiz on"), formatting.moment(leaves), hint=hint)
