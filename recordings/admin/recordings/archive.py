"""Archived copies: what a recording's page says of its own, *Archive now*, and the page of what is at risk or lost.

At risk is what can still be saved, with the button that does; lost what cannot, to be marked as reviewed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings import overview, tasks
from recordings.admin import formatting
from recordings.admin.base import (
    WRITE,
    Fact,
    ReadOnlyAdmin,
    Section,
    cure_of,
    in_batches,
    may,
    needs_none,
    page,
    stopped_words,
)
from recordings.admin.formatting import count
from recordings.audio import formats
from recordings.choices import CORRUPT_COPY_REASONS, SEEN_CLOSES, AudioState, Channels
from recordings.forms import is_key, keys_among
from recordings.models import Account, Recording, Worker
from recordings.models.recording.queryset import CLIPPED_MS
from recordings.overview import soon

AT_ONCE = 500  # rows that one press has archived ahead of their turn
MOST_ROWS = 100  # of each table; the lists have all
LONGEST_NOTE = 2_000
REFRESH, REFRESH_ELSE = 5, 30  # seconds between two looks, while something is being archived and else
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 10**11  # seconds since the epoch; later than that is no moment


class ArchiveMixin(ReadOnlyAdmin):
    """A mixin of the recording's admin: archive status and the *Archive now* action."""

    def has_archive_permission(self, request: HttpRequest) -> bool:
        """Return what the action asks for."""
        return may(request, "archive_recording")

    @page("<path:object_id>/archive/", permission="recordings.archive_recording", methods=WRITE)
    def archive(self, request: HttpRequest, recording: Recording) -> HttpResponse:
        """Archive this recording ahead of its turn; its page shows the result later."""
        to = self.to_object(recording) if self.has_view_permission(request) else self.to_index()
        if not recording.audio_state.can_be_archived:
            words = _("Not archived: there is a copy already, or Vobiz does not have the audio.")
            return self.conclude(
                request, recording, words=words, log=_("Asked for it to be archived: %s") % words, to=to,
                level=messages.WARNING,
            )  # fmt: skip
        ask_for([recording])
        log = _("Asked for it to be archived.")
        if recording.account.archive_stop:
            words = stopped_words(request, recording.account, 1)
            return self.conclude(request, recording, words=words, log=log, to=to, level=messages.WARNING)
        words = _("This recording is archived next. Reload this page in a moment to see the result.")
        return self.conclude(request, recording, words=words, log=log, to=to)

    @admin.action(description=gettext_lazy("Archive now"), permissions=["archive"])
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Archive each selected recording that can be fetched."""
        free = Recording.objects.filter(pk__in=queryset.values("pk")).available_to_archive()
        rows, total, may_be = list(free.select_related("account")[:AT_ONCE]), queryset.count(), free.count()
        waiting = Counter(row.account for row in rows if row.account.archive_stop)
        asked = len(rows) - waiting.total()
        if rows:
            ask_for(rows)
            self.log_each(request, rows, _("Asked for it to be archived."))
        words = ngettext("%s recording is archived next.", "%s recordings are archived next.", asked)
        left = []
        if total > may_be:
            others = ngettext(
                "%s left out: there is a copy already, or Vobiz does not have the audio.",
                "%s left out: there are copies already, or Vobiz does not have the audio.",
                total - may_be,
            )
            left.append(others % count(total - may_be))
        if may_be > len(rows):
            later = _("%(n)s not asked for: at most %(most)s at once. Press Archive now again for them.")
            left.append(later % {"n": count(may_be - len(rows)), "most": count(AT_ONCE)})
        none = ngettext(
            "This recording cannot be archived: there is a copy already, or Vobiz does not have the audio.",
            "None of the selected recordings can be archived: all have a copy, or Vobiz has no audio.",
            total,
        )
        if asked or not waiting:
            self.say_how_many(request, asked, words, none=none, left=" ".join(left))
        elif left:
            self.message_user(request, " ".join(left), messages.INFO)
        for account, n in waiting.items():
            self.message_user(request, stopped_words(request, account, n), messages.WARNING)


def ask_for(rows: Sequence[Recording]) -> None:
    """Have these archived ahead of their turn; what no worker may try is remembered until its account can be asked."""
    able = [row.pk for row in rows if not row.account.cannot_sync]
    unable = [row.pk for row in rows if row.account.cannot_sync]
    if able:
        tasks.archive_now(able)
    if unable:
        Recording.objects.filter(pk__in=unable).request_archive(timezone.now())


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
        return formatting.badge("archived", words, role="good"), formatting.day_and_time(at or now, now)
    if recording.gone_at_provider_at is not None:
        return formatting.badge("lost", _("Lost"), role="bad"), ""
    return _("Not archived"), _why_not_yet(recording)


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
    flag = recording.get_archive_flag_display() if recording.archive_flag else ""
    facts = [
        Fact(_("Archived"), formatting.moment(recording.archived_at), hint=flag),
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
        side = sides_of(recording)[0 if (recording.talk_left_ms or 0) == 0 else 1]
        hint = _("one-way audio: the portal measured no sound on this side")
        facts.append(Fact(_("One side silent"), formatting.flag(side), hint=hint))
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


def sides_of(recording: Recording) -> tuple[str, str]:
    """Who is on which side: in stereo that was asked for here, the caller is left and the callee right."""
    return (_("Caller"), _("Callee")) if knows_sides(recording) else (_("Left"), _("Right"))


def knows_sides(recording: Recording) -> bool:
    """Return whether Vobiz says who is on which side, as it does of stereo that the portal asked for."""
    return recording.channels == Channels.STEREO


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
        facts += [Fact(_("Why it is not archived"), _why_not_yet(recording)), *_tries(recording, now)]
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
    return [Fact(_("Archived"), _("not yet"), hint=_why_not_yet(recording)), *_tries(recording, now)]


def _tries(recording: Recording, now: datetime) -> list[Fact]:
    facts = []
    if recording.archive_next_at is not None and recording.archive_next_at > now:
        facts.append(Fact(_("Next try"), formatting.moment(recording.archive_next_at)))
    if recording.archive_tries:
        facts.append(Fact(_("Tries that failed"), formatting.count(recording.archive_tries)))
    return facts


def _why_not_yet(recording: Recording) -> str:
    account = recording.account
    if account.is_active and account.archive_stop:
        return _("archiving of the account is stopped. %s") % formatting.plain(account.archive_stop)
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


# At risk and lost


class AtRiskMixin(ReadOnlyAdmin):
    """A mixin of the recording's admin: the page of recordings at risk and lost, its buttons, and *Seen*."""

    def has_seen_permission(self, request: HttpRequest) -> bool:
        """Return what the action asks for."""
        return may(request, "mark_seen")

    @page("at-risk/", permission="recordings.view_recording")
    def at_risk(self, request: HttpRequest) -> HttpResponse:
        """Show both tables."""
        context = _context(request, timezone.now())
        return self.render(
            request, "admin/recordings/recording/at_risk.html", context, title=_("At risk and lost")
        )

    @page("archive-at-risk/", permission="recordings.archive_recording", methods=WRITE)
    def archive_at_risk(self, request: HttpRequest) -> HttpResponse:
        """Make the selected rows, or all, due at once for the worker to archive."""
        now = timezone.now()
        rows = _chosen(request, _at_risk(request, now).order_by("leaves_at"))
        stopped = {account.pk: account for account in _accounts(request) if account.archive_stop}
        asked, wait = 0, dict.fromkeys(stopped, 0)
        for batch in in_batches(rows, without=("provider_data",)):
            free = [row.pk for row in batch if row.account_id not in stopped]
            asked += Recording.objects.filter(pk__in=free).request_archive(now)
            for pk in stopped:
                those = [row.pk for row in batch if row.account_id == pk]
                wait[pk] += Recording.objects.filter(pk__in=those).request_archive(now) if those else 0
            self.log_each(request, batch, _("Asked for it to be archived."))
        if asked or not any(wait.values()):
            words = ngettext("%s recording is archived next.", "%s recordings are archived next.", asked)
            level = messages.INFO
            if not Worker.objects.alive().exists():
                cure = _(
                    "But no worker is running: start manage.py worker, or run manage.py archive_recordings."
                )
                level, words = messages.WARNING, f"{words} {cure}"
            is_empty = "all" not in request.POST and "recording" not in request.POST
            none = (
                _("Select at least one recording.")
                if is_empty
                else _("These recordings are archived already.")
            )
            self.say_how_many(request, asked, words, none=none, level=level)
        for pk, n in wait.items():
            if n:
                self.message_user(request, stopped_words(request, stopped[pk], n), messages.WARNING)
        query = {"since": int(now.timestamp()), "asked": asked} if asked else {}
        return HttpResponseRedirect(f"{self.to_page('at_risk')}?{urlencode(query)}")

    @page("mark-seen/", permission="recordings.mark_seen", methods=WRITE)
    def seen_lost(self, request: HttpRequest) -> HttpResponse:
        """Mark the selected lost recordings, or all, as reviewed."""
        now, accounts = timezone.now(), _accounts(request)
        visible = Recording.objects.visible_to(request.user)
        chosen = _chosen(request, visible if "all" not in request.POST else visible.lost(now, accounts))
        return self._mark(request, chosen, to=self.to_page("at_risk"))

    @page("<path:object_id>/seen/", permission="recordings.mark_seen", methods=WRITE)
    def seen(self, request: HttpRequest, recording: Recording) -> HttpResponse:
        """Mark this recording as seen; return to its page, or to the overview if the button was there."""
        to = self.to_object(recording) if self.has_view_permission(request) else self.to_index()
        return self._mark(request, Recording.objects.filter(pk=recording.pk), to=to)

    @admin.action(description=gettext_lazy("Mark as reviewed"), permissions=["seen"])
    def mark_seen(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Mark each selected recording as reviewed."""
        self._mark(request, Recording.objects.filter(pk__in=queryset.values("pk")), to="")

    def _mark(self, request: HttpRequest, rows: QuerySet[Any], *, to: str) -> HttpResponseRedirect:
        note = request.POST.get("note", "").strip()[:LONGEST_NOTE]
        now, accounts, marked, total = timezone.now(), _accounts(request), 0, 0
        for batch in in_batches(rows, without=("provider_data",)):
            chosen: Any = Recording.objects.filter(pk__in=[row.pk for row in batch])
            news = set(chosen.mark_seen(by=request.user, note=note, now=now, accounts=accounts))
            said = _("Marked as reviewed: %s") % note if note else _("Marked as reviewed.")
            self.log_each(request, [row for row in batch if row.pk in news], said)
            marked, total = marked + len(news), total + len(batch)
        words = ngettext("%s recording marked as reviewed.", "%s recordings marked as reviewed.", marked)
        none = ngettext(
            "This recording needs no review.", "None of the selected recordings needs a review.", total
        )
        none = none if total else _("Select at least one recording.")
        self.say_how_many(request, marked, words, none=none, left=needs_none(total - marked))
        return HttpResponseRedirect(to)


def _accounts(request: HttpRequest) -> list[Account]:
    return list(Account.objects.visible_to(request.user).order_by("pk"))


def _at_risk(request: HttpRequest, now: datetime) -> QuerySet[Any]:
    days = {account.retention_days for account in _accounts(request)}
    return Recording.objects.visible_to(request.user).at_risk(now, overview.soon(), kept_days=days)


def _chosen(request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
    """All of the rows, or the ticked ones among them."""
    if "all" in request.POST:
        return rows
    return rows.filter(pk__in=keys_among(request.POST.getlist("recording")))


def _context(request: HttpRequest, now: datetime) -> dict[str, Any]:
    accounts = _accounts(request)
    visible = Recording.objects.visible_to(request.user).order_by()
    at_risk = _at_risk(request, now)
    lost = visible.lost(now, accounts)
    progress = _progress(request, visible, now)
    off = [account for account in accounts if account.is_active and not account.archive_automatically]
    stopped = [account for account in accounts if account.archive_stop]
    has_free = len(stopped) < len(accounts) and (not stopped or at_risk.exclude(account__in=stopped).exists())
    stops = {account.pk: _stop(request, account) for account in stopped}
    shown = _shown(at_risk.order_by("leaves_at", "pk"))
    touched = {row.account_id for row in shown}
    return {
        "at_risk": overview.counted(at_risk.order_by().values_list("pk")),
        "days": overview.soon().days,
        "rows": [_row(row, now, stops) for row in shown],
        "lost": overview.counted(lost.values_list("pk")),
        "lost_rows": [_row(row, now) for row in _shown(lost.order_by("-happened_at", "-pk"))],
        "before": overview.lost_before(now, accounts),
        "may_archive": may(request, "archive_recording") and has_free,
        "progress": progress,
        "every": REFRESH if progress is not None and progress["waiting"] else REFRESH_ELSE,
        "no_worker": not Worker.objects.alive().exists(),
        "off": [formatting.plain(account) for account in off],
        "stops": [stops[one.pk] for one in stopped if one.is_active or one.pk in touched],
        "has_free": has_free,
    }  # fmt: skip


def _shown(rows: QuerySet[Any]) -> list[Any]:
    return list(
        rows.select_related("account", "call").defer("provider_data", "call__provider_data")[:MOST_ROWS]
    )


def _stop(request: HttpRequest, account: Account) -> dict[str, str]:
    """Return why archiving of the account is stopped, with the cure; no address for who may not open its page."""
    cure, why = cure_of(request, account), formatting.plain(account.archive_stop)
    return {"account": formatting.plain(account), "why": why, "cure": cure.label, "url": cure.url}


def _row(recording: Any, now: datetime, stops: dict[int, dict[str, str]] | None = None) -> dict[str, Any]:
    """Return a row of one of the tables. `until`: when it leaves or left; `said`: why there is no copy yet."""
    stop = (stops or {}).get(recording.account_id)
    gone = recording.gone_at_provider_at
    until = gone or recording.retention_ends_at
    left = _("Deleted at Vobiz") if gone else formatting.time_left(until, now)
    waits = recording.archive_next_at is not None and recording.archive_next_at > now
    return {
        "recording": recording,
        "when": formatting.day_and_time(recording.happened_at, now),
        "numbers": formatting.from_to_of(recording.call, recording.account),
        "until": formatting.moment(until),
        "left": left,
        "said": stop["why"] if stop else _why_no_copy(recording, now),
        "next_at": formatting.moment(recording.archive_next_at) if waits else "",
    }


def _why_no_copy(recording: Any, now: datetime) -> str:
    """Return why there is no archived copy: the error of the last attempt, or that none was made in time or yet."""
    if recording.archive_error:
        return formatting.plain(recording.archive_error)
    if recording.gone_at_provider_at:
        return _("Vobiz deleted the audio before the portal archived it")
    if recording.retention_ends_at is not None and recording.retention_ends_at <= now:
        return _("Vobiz's retention passed before the portal archived it")
    return _("Not tried yet")


def _progress(request: HttpRequest, visible: Any, now: datetime) -> dict[str, Any] | None:
    """Return what became of the recordings whose archiving the button that led here asked for.

    `delayed`: those that failed or could not be tried, and are tried again later. `left`: all others, which are
    neither archived nor waiting. The four are `asked` together.
    """
    since, asked = request.GET.get("since", ""), request.GET.get("asked", "")
    if not (is_key(since) and is_key(asked)):  # numbers that are read as fast as they come
        return None
    if int(since) > LATEST or len(asked) > len(str(LATEST)):
        return None
    at = EPOCH + timedelta(seconds=int(since))
    awaited = visible.filter(archived_at=None, gone_at_provider_at=None, archive_asked_at__gte=at)
    waiting = min(int(asked), awaited.due(now).count())
    delayed = min(int(asked) - waiting, awaited.filter(archive_next_at__gt=now).count())
    over = int(asked) - waiting - delayed
    archived = min(over, visible.filter(archived_at__gte=at).count())
    return {
        "asked": int(asked), "archived": archived, "waiting": waiting, "delayed": delayed, "left": over - archived,
        "since": formatting.clock(at, now=now),
    }  # fmt: skip


def seen_context(request: HttpRequest, recording: Recording, now: datetime) -> dict[str, Any]:
    """For a recording's page: whether it is lost, who has seen it, and whether the reader may say so."""
    lost = Recording.objects.filter(pk=recording.pk).lost(now, [recording.account]).exists()
    closes = lost or recording.needs_attention in SEEN_CLOSES
    seen = ""
    if recording.seen_at is not None:
        seen = _("Reviewed by %(who)s") % {"who": formatting.words(recording.seen_by)}
    return {
        "is_lost": lost,
        "may_mark_seen": closes and may(request, "mark_seen"),
        "seen": seen,
        "seen_note": formatting.plain(recording.seen_note or ""),
    }
