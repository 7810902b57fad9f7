"""How values look on a page: escaped, grouped, in a named zone, with a word beside every colour.

Everything here goes through `format_html`, so that text from outside stays text. Control and direction marks that
could turn a line around are shown as what they are. Times are in the current zone: a middleware makes it the reader's.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal

from django.db import models
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import dateformat, formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings.choices import (
    ATTENTION_WORDS,
    CALLBACK_WORDS,
    Attention,
    AudioState,
    CallState,
    Direction,
    EventKind,
    EventOutcome,
    RecordingStatus,
    SyncState,
    TranscriptionStatus,
    Trust,
)
from recordings.models import Account, Call, CallbackEvent, Recording
from recordings.numbers import format_number
from recordings.overview import soon

NONE = "–"
UNSEEN = gettext_lazy("not yours to see")  # a row of an account that the reader does not belong to
# Left and right marks, embeddings, overrides, isolates, and controls other than tab and line ends.
MARKS = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
NOT_DIGITS = re.compile(r"[^0-9]+")
LONG_NUMBER = 28  # characters
ONE_LINE = 20  # characters that fit on one line wherever a number stands
# classes of the marks before the numbers of a call, by its direction
WAYS: dict[str | None, str] = {
    Direction.INBOUND.value: "in",
    Direction.OUTBOUND.value: "out",
    None: "unknown",
}
DIRECTIONS = {Direction.INBOUND: "↙", Direction.OUTBOUND: "↗"}
SHAPES: dict[str, str] = {
    "recording": format_html('<span class="dot on">{}</span>', ""),
    "running": "●",
    "good": "✓",
    "attention": "!",
    "bad": "×",
    "quiet": "·",
}
ROLES: dict[str, str] = {
    CallState.LIVE: "running",
    CallState.ENDED: "quiet",
    CallState.UNKNOWN: "quiet",
    RecordingStatus.REQUESTED: "attention",
    RecordingStatus.ACTIVE: "recording",
    RecordingStatus.COMPLETED: "good",
    RecordingStatus.FAILED: "bad",
    TranscriptionStatus.EXPECTED: "quiet",
    TranscriptionStatus.MISSING: "attention",
    Trust.SIGNED: "good",
    Trust.UNSIGNED: "attention",
    Trust.REFUSED: "bad",
    EventOutcome.RECEIVED: "attention",
    EventOutcome.APPLIED: "good",
    EventOutcome.UNMATCHED: "attention",
    EventOutcome.CONFLICT: "bad",
    EventOutcome.UNPARSED: "attention",
    SyncState.RUNNING: "running",
    SyncState.COMPLETE: "good",
    SyncState.PARTIAL: "attention",
    SyncState.INTERRUPTED: "attention",
    SyncState.STOPPED: "quiet",
}


def plain(text: object) -> str:
    """Return text from outside with its invisible marks made visible; not yet escaped."""
    return MARKS.sub(lambda mark: f"[U+{ord(mark[0]):04X}]", _name(text))


def _name(value: object) -> str:
    """As it calls itself; a recording without an id by when it was asked for, in the reader's zone."""
    if isinstance(value, Recording) and not value.recording_id and value.requested_at is not None:
        local = timezone.localtime(value.requested_at)
        return _("recording asked for at %s") % f"{dateformat.format(local, 'j M Y, H:i')} {zone_name(local)}"
    return str(value)


def words(text: object) -> str:
    """Return `plain`, or a dash where nothing is known."""
    return NONE if text in (None, "") else plain(text)


def person(user: object) -> str:
    """Return who did it: a user, or a command where no user did."""
    return words(user or _("Command line"))


def moment(at: datetime | None, zone: tzinfo | None = None) -> str | SafeString:
    """Return `6 Nov 2025, 19:19:10` in the reader's zone, which each page names once; with the instant in UTC on hover.

    In the hour that a zone has twice a year, `01:30:00 EDT` says which of the two it is.
    """
    if at is None:
        return NONE
    local, utc = timezone.localtime(at, zone), at.astimezone(UTC)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    words = dateformat.format(local, "j M Y, H:i:s")
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        utc.isoformat(timespec="milliseconds"),
        dateformat.format(utc, "Y-m-d H:i:s"),
        f"{words} {zone_name(local)}" if twice else words,
    )


def day(on: date) -> str:
    """Return `6 Nov 2025`."""
    return dateformat.format(on, "j M Y")


def weekday(on: date) -> str:
    """Return `Tue 4 Nov`."""
    return dateformat.format(on, "D j M")


def time_of(at: datetime) -> str:
    """Return `14:02:11` in the reader's zone."""
    return dateformat.format(timezone.localtime(at), "H:i:s")


def clock(at: datetime, zone: tzinfo | None = None, *, now: datetime) -> str:
    """Return `18:16 IST`, `00:46 IST tomorrow`, `18:16 IST on 9 Nov 2025`; for sentences such as *cuts at* …."""
    local, today = timezone.localtime(at, zone), timezone.localtime(now, zone).date()
    days = (local.date() - today).days
    time = f"{dateformat.format(local, 'H:i')} {zone_name(local)}"
    if days == 0:
        return time
    if days == 1:
        return _("%s tomorrow") % time
    return _("%(time)s on %(day)s") % {"time": time, "day": day(local)}


def zone_name(local: datetime) -> str:
    """Return `IST`, or the offset where the zone has no short name."""
    name = local.strftime("%Z")
    return f"UTC{name}" if name[:1] in "+-" else name


def ago(at: datetime, now: datetime) -> str:
    """Return `12 s ago`, `5 min ago`, `3 h ago`; from a day on the date in the reader's zone, `on 6 Nov 2025`."""
    seconds = max(0, int((now - at).total_seconds()))
    if seconds < 60:
        return _("%d s ago") % seconds
    if seconds < 3_600:
        return _("%d min ago") % (seconds // 60)
    if seconds < 86_400:
        return _("%d h ago") % (seconds // 3_600)
    return _("on %s") % day(timezone.localtime(at))


def length(seconds: float | None) -> str:
    """Return `0:10`, `59:59`, `1:02:03`; less than a second says so."""
    if seconds is None:
        return NONE
    if 0 < seconds < 1:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def running_length(seconds: float | None, *, runs: bool = True) -> str | SafeString:
    """Return `length`, which the browser counts on while it `runs`."""
    if seconds is None or not runs:
        return length(seconds)
    return format_html('<span data-elapsed="{}">{}</span>', int(seconds), length(int(seconds)))


def span(seconds: float) -> str:
    """Return `36 s`, `12 min`, `96 h 12 min`: how long many recordings are together."""
    minutes = int(seconds) // 60
    if not minutes:
        return _("%d s") % seconds
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return _("%d min") % minutes
    return _("%(hours)s h %(minutes)d min") % {"hours": count(hours), "minutes": minutes}


def number(value: str | None, digits: str | None = None) -> str | SafeString:
    """Return a number the way its country writes it, selected whole by one click.

    As Vobiz gave it on hover, where that is more than other gaps, or where a column may have no room for it.
    """
    if not value:
        return NONE
    words, given = number_words(value, digits)
    return _bdi(words, "portal-number long" if len(words) > ONE_LINE else "portal-number", given)


def _bdi(words: str, look: str, title: str) -> SafeString:
    """Return a number with its class and what is said of it on hover, if anything."""
    return format_html("<bdi{}>{}</bdi>", _attributes({"class": look, "title": title}), words)


def _attributes(given: dict[str, str]) -> SafeString:
    """Return the attributes of an element, without the empty ones."""
    return format_html_join("", ' {}="{}"', (pair for pair in given.items() if pair[1]))


def number_words(value: str, digits: str | None = None) -> tuple[str, str]:
    """Return a number as it is written, and what to say of it on hover, if anything."""
    words = plain(format_number(value, digits))
    if len(words) <= LONG_NUMBER and NOT_DIGITS.sub("", words) == NOT_DIGITS.sub("", value):
        return words, ""
    return words, _("Vobiz says: %s") % plain(value)


def from_to(call: Call) -> SafeString:
    """Return `+91 80 7138 7423 → +91 96247 05678`."""
    if not call.from_number and not call.to_number:
        return format_html('<span class="portal-id">{}</span>', plain(call))
    return format_html(
        "{} → {}", number(call.from_number, call.from_digits), number(call.to_number, call.to_digits)
    )


def direction(call: Call) -> str:
    """Return an arrow and a word."""
    if call.direction is None:
        return NONE
    return f"{DIRECTIONS[Direction(call.direction)]}\u00a0{capfirst(call.get_direction_display())}"


def identifier(value: str | None) -> str | SafeString:
    """Return an id, in figures of one width and selected whole by one click."""
    return format_html('<code class="portal-id">{}</code>', plain(value)) if value else NONE


def long_identifier(value: str | None) -> str | SafeString:
    """Return an id on one line, its end hidden where there is no room; one click selects all of it."""
    words = plain(value)
    return format_html('<code class="portal-id vp-ell" title="{}">{}</code>', words, words) if value else NONE


def badge(value: str, label: object, *, role: str | None = None) -> SafeString:
    """Return a state: its colour, its shape and its word, which begins with a capital. Unknown values are bad news."""
    role = role or ROLES.get(value, "bad")
    shape = SHAPES[role]
    return format_html(
        '<span class="portal-badge portal-{}">{} {}</span>', role, shape, capfirst(plain(label))
    )


def not_verified() -> SafeString:
    """Return the badge of a transcript that anyone may have sent."""
    return badge("unverified", _("Not verified"), role="attention")


def flag(label: object, role: str = "attention", *, title: str = "") -> SafeString:
    """Return a mark beside a value; `title`: more of it on hover."""
    mark = '<span class="portal-flag portal-{}"{}>{} {}</span>'
    return format_html(mark, role, _attributes({"title": title}), SHAPES[role], capfirst(str(label)))


def status(recording: Recording) -> SafeString:
    """Return a recording's status with what asks for a person."""
    shown = _with_attention(badge(recording.status, recording.get_status_display()), recording)
    if recording.was_cut_short:
        shown = format_html("{} {}", shown, flag(_("Cut short")))
    elif recording.was_probably_cut:
        shown = format_html("{} {}", shown, flag(_("Probably cut at 60 s")))
    return shown


def _with_attention(shown: SafeString, recording: Recording) -> SafeString:
    """Return a state with what asks for a person, or that the recording is being stopped."""
    if recording.needs_attention:
        return format_html("{} {}", shown, flag(attention(recording)))
    if recording.is_open and recording.stop_requested_at:
        return format_html("{} {}", shown, flag(_("stopping"), "quiet"))
    return shown


def may_have_been(recording: Recording) -> bool:
    """Its start was not answered and its call is over: nothing of it runs, and nothing is there to be stopped."""
    return recording.status == RecordingStatus.REQUESTED and recording.call.state == CallState.ENDED


def attention(recording: Recording) -> str:
    """Return what asks for a person, in a few words."""
    if recording.needs_attention == Attention.MAY_BE_RECORDING and may_have_been(recording):
        return _("may have been recorded")
    return recording.get_needs_attention_display()


def attention_words(recording: Recording) -> str:
    """Return what asks for a person, and what to do."""
    if not recording.needs_attention:
        return ""
    if recording.needs_attention == Attention.MAY_BE_RECORDING:
        return unanswered_words(recording)
    return str(ATTENTION_WORDS[Attention(recording.needs_attention)])


def unanswered_words(recording: Recording) -> str:
    """Return what a start without an answer may have led to, as long as its call goes on and after that."""
    if may_have_been(recording):
        return _(
            "Vobiz's answer to the start was lost, and the call is over: it may have been recorded. If it was, a sync "
            "or a callback brings it; if a complete sync after the call's end does not, nothing was recorded."
        )
    return str(ATTENTION_WORDS[Attention.MAY_BE_RECORDING])


def callback(event: CallbackEvent) -> str:
    """Return what a callback is about."""
    return str(CALLBACK_WORDS[EventKind(event.kind)])


def layout(recording: Recording) -> str:
    """Return `mp3 stereo`, as asked for or as Vobiz says."""
    return " ".join(plain(part) for part in (recording.file_format, recording.channels) if part) or NONE


def money(amount: Decimal | None, currency: str = "USD") -> str:
    """Return `USD 0.005`, all figures that were given and none that were not."""
    if amount is None:
        return NONE
    figures = f"{amount:f}"
    figures = figures.rstrip("0").rstrip(".") if "." in figures else figures
    figures = figures.replace(".", formats.get_format("DECIMAL_SEPARATOR"))
    return f"{currency} {figures}".strip()


def count(n: int) -> str:
    """Return `1,284`, grouped as the reader's language has it."""
    return str(formats.number_format(n, use_l10n=True, force_grouping=True))


def file_size(count: int, *, at_least: bool = False) -> str:
    """Return `1.2 GB`, in the reader's language."""
    words = filesizeformat(count)
    return _("more than %s") % words if at_least else words


def days_left(until: datetime, now: datetime) -> str:
    """Return `in 12 days`, `in 5 hours`, `in less than an hour`, or that it is past."""
    seconds = (until - now).total_seconds()
    if seconds < 0:
        return _("by now")
    if seconds < 3_600:
        return _("in less than an hour")
    if seconds < 48 * 3_600:
        return ngettext("in %d hour", "in %d hours", int(seconds // 3_600)) % (seconds // 3_600)
    return ngettext("in %d day", "in %d days", int(seconds // 86_400)) % (seconds // 86_400)


def as_said(data: object) -> str:
    """JSON for people to read, marks visible."""
    return plain(json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True, default=str))


def linked(request: HttpRequest, obj: models.Model | None, label: object = None) -> str | SafeString:
    """Return a link to the object's page for those who may open it, else its words."""
    if obj is None:
        return NONE
    name = f"{obj._meta.app_label}_{obj._meta.model_name}"
    text = label if isinstance(label, SafeString) else plain(label if label is not None else obj)
    if not request.user.has_perm(f"{obj._meta.app_label}.view_{obj._meta.model_name}"):
        return text
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{name}_change", args=[obj.pk]), text)


# Cells of a list: a hundred rows of at most 120 kB in all, so a cell says nothing twice

NOTHING = format_html('<span class="portal-none">{}</span>', NONE)  # in two lines it is not there at all
LONG_NAME = 28  # characters of an account's name that fit into a column


def day_and_time(at: datetime, now: datetime, *, under_day: bool = False) -> SafeString:
    """Return `Today 14:02`, `17 Nov, 23:53` in the reader's zone, with seconds and UTC on hover.

    `under_day`: under a heading that names the day, so the time alone.
    """
    local, today = timezone.localtime(at), timezone.localtime(now).date()
    clock = dateformat.format(local, "H:i")
    match (today - local.date()).days:
        case _days if under_day:
            words = clock
        case 0:
            words = _("Today %s") % clock
        case 1:
            words = _("Yesterday %s") % clock
        case _days if local.year == today.year:
            words = dateformat.format(local, "j M, H:i")
        case _days:
            words = dateformat.format(local, "j M Y, H:i")
    utc = at.astimezone(UTC)
    if under_day:  # a clock's time needs no `datetime` beside it
        return format_html('<time title="{} UTC">{}</time>', f"{utc:%Y-%m-%d %H:%M:%S}", words)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S}", words,
    )  # fmt: skip


def moment_in_list(at: datetime, *, under_day: bool) -> str | SafeString:
    """Return `moment`; `under_day`: under a heading that names the day, so the time alone, `14:02:11`."""
    if not under_day:
        return moment(at)
    utc = at.astimezone(UTC)
    return format_html('<time title="{} UTC">{}</time>', f"{utc:%Y-%m-%d %H:%M:%S}", time_of(at))


def from_to_of(call: Call, account: Account) -> SafeString:
    """Return who spoke, and beneath it whose call it was."""
    name, title = _account_words(account)
    return format_html(
        '{}{}<span class="portal-hint" title="{}">{}</span>', way(call), from_to_cell(call), title, name
    )


def from_to_cell(call: Call) -> SafeString:
    """Return `+91 80 7138 7423 → +91 96247 05678`, with no more around them than a list's stylesheet needs."""
    if not call.from_number and not call.to_number:
        return from_to(call)
    caller, callee = (
        _number_cell(call.from_number, call.from_digits),
        _number_cell(call.to_number, call.to_digits),
    )
    return format_html("{} → {}", caller, callee)


def _number_cell(value: str | None, digits: str | None) -> str | SafeString:
    if not value:
        return NONE
    words, given = number_words(value, digits)
    if len(words) > 2 * ONE_LINE:
        given = given or words  # a list cuts it
    return _bdi(words, "long" if len(words) > ONE_LINE else "", given)


def account_name(account: Account) -> SafeString:
    """Return what people call it; on hover its Auth ID, with the whole name where the column has no room for it."""
    name, title = _account_words(account)
    return format_html('<span title="{}">{}</span>', title, name)


def account_label(account: Account) -> str:
    """Return what people call an account."""
    return plain(account.name or account.auth_id)


def _account_words(account: Account) -> tuple[str, str]:
    name = account_label(account)
    return name, plain(account) if len(name) > LONG_NAME else account.auth_id


def kept(recording: Recording, now: datetime) -> SafeString:
    """Whether we have it or how long Vobiz will; of what is not completed, how it stands; what asks for a person."""
    return _with_attention(_kept(recording, now), recording)


def _kept(recording: Recording, now: datetime) -> SafeString:
    state = recording.audio_state
    if state in (AudioState.PENDING, AudioState.NONE):
        return badge(recording.status, recording.get_status_display())
    if state == AudioState.ARCHIVED:
        shown = badge("archived", _("archived"), role="good")
        if recording.verified_at is None:
            return shown
        verified = _("verified %s") % day(timezone.localtime(recording.verified_at))
        return format_html('<span title="{}">{}</span>', verified, shown)
    if recording.gone_at_provider_at is not None:
        return badge("gone", _("deleted at Vobiz"), role="bad")
    until = recording.retention_ends_at
    words = time_left(until, now)
    if until - now > soon():
        return format_html("{}", words)
    return badge("leaving", words, role="attention")


def time_left(until: datetime, now: datetime) -> str:
    """Return `12 days left`, `5 hours left`: of the account's retention."""
    hours = (until - now).total_seconds() / 3_600
    if hours < 0:
        return _("may be gone by now")
    if hours < 1:
        return _("less than an hour left")
    if hours < 48:
        return ngettext("%d hour left", "%d hours left", int(hours)) % hours
    return ngettext("%d day left", "%d days left", int(hours // 24)) % (hours // 24)


def named(name: object, value: object) -> SafeString:
    """Return a value that says what it is by its column's heading; in two lines, where there is none, by its name."""
    return format_html("<small>{} </small>{}", name, value)


def way(call: Call) -> SafeString:
    """Return the arrow of the call's direction, which the stylesheet draws; a dot where it is not known."""
    return format_html(
        '<i class="{}" role="img" title="{}"></i>', WAYS[call.direction], direction_words(call)
    )


def direction_words(call: Call) -> str:
    """Return `inbound`, `outbound` or that it is not known."""
    return str(call.get_direction_display()) if call.direction else _("Direction not known")
