"""What the lists show in their cells: shorter than on a page, and good in a table and in two lines alike.

A list is a hundred rows of at most 120 kB in all, so a cell says nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils import dateformat, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings.admin import formatting
from recordings.choices import AudioState, Direction, TranscriptionStatus
from recordings.models import Account, Call, Recording, SyncRun, Transcription
from recordings.overview import soon
from recordings.search import Part

NOTHING = format_html(
    '<span class="portal-none">{}</span>', formatting.NONE
)  # in two lines it is not there at all
LONG_NAME = 28  # characters of an account's name that fit into a column


def day_and_time(at: datetime, now: datetime, *, under_day: bool = False) -> SafeString:
    """Return `Today 14:02`, `17 Nov, 23:53` in the reader's zone, with seconds and UTC on hover.

    `under_day`: under a heading that names the day, so the time alone.
    """
    zone = timezone.get_current_timezone()
    local, today = at.astimezone(zone), now.astimezone(zone).date()
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


def second_of_day(at: datetime) -> SafeString:
    """Return `14:02:11` in the reader's zone, for a row under a heading that names the day."""
    utc = at.astimezone(UTC)
    return format_html('<time title="{} UTC">{}</time>', f"{utc:%Y-%m-%d %H:%M:%S}", formatting.time_of(at))


def from_to_of(call: Call, account: Account) -> SafeString:
    """Return who spoke, and beneath it whose call it was."""
    name, title = _name(account)
    return format_html(
        '{}{}<span class="portal-hint" title="{}">{}</span>', way(call), from_to(call), title, name
    )


def from_to(call: Call) -> SafeString:
    """Return `+91 80713 87423 → +91 96247 05678`, with no more around them than a list's stylesheet needs."""
    if not call.from_number and not call.to_number:
        return formatting.from_to(call)
    caller, callee = _number(call.from_number, call.from_digits), _number(call.to_number, call.to_digits)
    return format_html("{} → {}", caller, callee)


def _number(value: str | None, digits: str | None) -> str | SafeString:
    if not value:
        return formatting.NONE
    words, given = formatting.number_words(value, digits)
    if given:
        return format_html('<bdi title="{}">{}</bdi>', given, words)
    return format_html("<bdi>{}</bdi>", words)


def account_name(account: Account) -> SafeString:
    """Return what people call it; on hover its Auth ID, with the whole name where the column has no room for it."""
    name, title = _name(account)
    return format_html('<span title="{}">{}</span>', title, name)


def _name(account: Account) -> tuple[str, str]:
    name = formatting.plain(account.name or account.auth_id)
    return name, formatting.plain(account) if len(name) > LONG_NAME else account.auth_id


def length(recording: Recording) -> str | SafeString:
    """Return the length Vobiz reports, marked where the time limit ended the recording."""
    if recording.duration_ms is None:
        return NOTHING
    words = formatting.length(recording.duration_ms / 1_000)
    if recording.was_probably_cut:
        title = _("as long as Vobiz's default limit of 60 s, and its own limit is not known")
        return format_html("{} {}", words, formatting.flag(_("cut at 60 s?"), title=title))
    if not recording.was_cut_short:
        return words
    return format_html("{} {}", words, formatting.flag(_("cut short"), title=_("ended at its time limit")))


def kept(recording: Recording, now: datetime) -> SafeString:
    """Whether we have it or how long Vobiz will; of what is not completed, how it stands; what asks for a person."""
    found = _kept(recording, now)
    if recording.needs_attention:
        return format_html("{} {}", found, formatting.flag(formatting.attention(recording)))
    if recording.is_open and recording.stop_requested_at:
        return format_html("{} {}", found, formatting.flag(_("stopping"), "quiet"))
    return found


def _kept(recording: Recording, now: datetime) -> SafeString:
    state = recording.audio_state
    if state in (AudioState.PENDING, AudioState.NONE):
        return format_html("{}", formatting.badge(recording.status, recording.get_status_display()))
    if state == AudioState.ARCHIVED:
        badge = formatting.badge("archived", _("archived"), role="good")
        if recording.verified_at is None:
            return format_html("{}", badge)
        day = formatting.day(timezone.localtime(recording.verified_at))
        return format_html('<span title="{}">{}</span>', _("verified %s") % day, badge)
    if recording.gone_at_provider_at is not None:
        return format_html("{}", formatting.badge("gone", _("deleted at Vobiz"), role="bad"))
    until = recording.retention_ends_at
    words = time_left(until, now)
    if until - now > soon():
        return format_html("{}", words)
    return format_html("{}", formatting.badge("leaving", words, role="attention"))


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


def transcript(held: Transcription | None) -> SafeString:
    """Return a tick for one that came, with its word where there is no heading; else how it stands."""
    if held is None:
        return NOTHING
    if held.is_unverified:
        return formatting.not_verified()
    if held.status != TranscriptionStatus.COMPLETED:
        return format_html("{}", formatting.badge(held.status, held.get_status_display()))
    return format_html('<span class="portal-badge portal-good">✓ <small>{}</small></span>', _("transcript"))


def found(run: SyncRun) -> SafeString:
    """Return `196 seen: 3 new · 193 unchanged`, without the zeros, and what failed."""
    counts = (
        (run.created, _("%d new")), (run.updated, _("%d updated")), (run.unchanged, _("%d unchanged")),
        (run.gone, _("%d deleted at Vobiz")),
    )  # fmt: skip
    seen = _("%d seen") % run.seen
    parts = " · ".join(words % n for n, words in counts if n)
    words = f"{seen}: {parts}" if parts else seen
    if not run.failed:
        return format_html("{}", words)
    return format_html("{} {}", words, formatting.flag(_("%d failed") % run.failed, "bad"))


def named(name: object, value: object) -> SafeString:
    """Return a value that says what it is by its column's heading; in two lines, where there is none, by its name."""
    return format_html("<small>{} </small>{}", name, value)


def snippet(parts: Iterable[Part]) -> SafeString:
    """Return the words of a transcript that a search found, the matching ones marked; nothing where there are none."""
    texts = ((formatting.plain(part.text), part.matches) for part in parts)
    pieces = (format_html("<mark>{}</mark>", text) if matches else text for text, matches in texts)
    marked = format_html_join("", "{}", ((piece,) for piece in pieces))
    return format_html('<span class="portal-snippet" dir="auto">{}</span>', marked) if marked else marked


@dataclass(frozen=True, slots=True)
class OfCall:
    """The place of a recording among those of its call that stand together."""

    number: int
    of: int


def group_calls(rows: list[Any]) -> None:
    """Put recordings of one call on one day together, where the first of them stands, the earliest first.

    Each row is given `shared`: its place among them, None for one by itself.
    """
    zone = timezone.get_current_timezone()
    groups: dict[Any, list[Any]] = {}
    for row in rows:
        groups.setdefault((row.call_id, row.happened_at.astimezone(zone).date()), []).append(row)
    for group in groups.values():
        group.sort(key=lambda row: (row.happened_at, row.pk))
        for number, row in enumerate(group, 1):
            row.shared = OfCall(number, len(group)) if len(group) > 1 else None
    rows[:] = [row for group in groups.values() for row in group]


def way(call: Call) -> SafeString:
    """Return the arrow of the call's direction, which the stylesheet draws; a space as wide where it is not known."""
    if call.direction is None:
        return format_html("<i>{}</i>", "")
    name = "in" if call.direction == Direction.INBOUND else "out"
    return format_html('<i class="{}" role="img" aria-label="{}"></i>', name, call.get_direction_display())


def from_to_in_group(call: Call, shared: OfCall | None) -> SafeString:
    """Return who spoke; of recordings of one call, how many there are, and of the later ones only their number."""
    if shared is None:
        return format_html("{}{}", way(call), from_to(call))
    if shared.number == 1:
        words = ngettext("%d recording", "%d recordings", shared.of) % shared.of
        return format_html('{}{} <span class="vp-of-call">{}</span>', way(call), from_to(call), words)
    words = _("same call, recording %(number)d of %(of)d") % {"number": shared.number, "of": shared.of}
    return format_html('<span class="vp-same-call"><i aria-hidden="true">↳</i>{}</span>', words)
