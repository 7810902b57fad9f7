"""Context of the overview: its cards, lines and chart, made from one `DashboardData`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings import live, overview, tasks
from recordings.admin import formatting
from recordings.admin.attention import STALE_SYNC, Button, DashboardData, lines, listed
from recordings.choices import EventOutcome, ProblemCode, RecordingStatus
from recordings.models import Recording
from recordings.models.callback_event import TROUBLES
from recordings.overview import DUE_TAKES, OVERDUE, Archiving, Counted, Day, Trouble
from recordings.provider import public_url

MOST_LINES = 10
MOST_SYNCS = 5
MOST_LATEST = 5


@dataclass(frozen=True, slots=True)
class SyncLine:
    """How one account's mirror stands."""

    badge: str | SafeString
    account: str
    age: str
    said: str
    url: str
    button: Button | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of one day's bar; `y` and `height` in percent of the picture, from the top."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class DayShown:
    """One day as a bar and as a row of the table."""

    label: str
    name: str
    total: int
    bars: list[Bar]
    numbers: list[Number]


def dashboard_context(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """Return what the template shows."""
    look = DashboardData.at(request, now)
    if _sees_live(look):
        tasks.request_live_calls(look.accounts, now)
    found = lines(look)
    return {
        "look": look,
        "now_numbers": _now(look),
        "live_look": _live_look(look),
        "at_risk": at_risk_card(look),
        "archive": archive_card(look),
        "worker": worker_line(look),
        "callbacks": _callbacks(look) if look.may("view_callbackevent") else None,
        "syncs": _syncs(look)[:MOST_SYNCS] if look.sees_syncs else None,
        "sync_state": _sync_summary(look) if look.sees_syncs else None,
        "syncs_left_out": max(0, len(_active(look)) - MOST_SYNCS),
        "lines": found[:MOST_LINES],
        "more_lines": found[MOST_LINES:],
        "line_count": len(found),
        "days": _days(look.days),
        "scale": _scale(look.days),
        "days_words": _days_words(look.days),
        "recorded_today": _recorded_today(look),
        "recorded_yesterday": look.days[-2].total if len(look.days) > 1 else 0,
        "latest": _latest(look),
    }


def _latest(look: DashboardData) -> list[dict[str, Any]]:
    if not look.may("view_recording"):
        return []
    rows = Recording.objects.visible_to(look.request.user).filter(status=RecordingStatus.COMPLETED)
    newest = rows.select_related("call", "account").only(
        "pk", "status", "happened_at", "duration_ms", "gone_at_provider_at", "archived_at", "audio", "recording_url",
        "call__from_number", "call__from_digits", "call__to_number", "call__to_digits", "call__direction",
        "account__name", "account__auth_id",
    ).order_by("-happened_at", "-pk")[:MOST_LATEST]  # fmt: skip
    return [
        {
            "pk": row.pk,
            "url": reverse("admin:recordings_recording_change", args=[row.pk]),
            "way": formatting.way(row.call),
            "numbers": formatting.from_to_cell(row.call),
            "at": formatting.day_and_time(row.happened_at, look.now),
            "length": formatting.length(row.duration_ms / 1_000) if row.duration_ms is not None else "",
            "account": formatting.account_label(row.account),
        }
        for row in newest
    ]


def _active(look: DashboardData) -> list[Any]:
    return [account for account in look.accounts if account.is_active]


def _sees_live(look: DashboardData) -> bool:
    return look.may("view_call") or look.may("view_live_calls")


def _live_look(look: DashboardData) -> dict[str, Any] | None:
    """Return when the live calls of the account read longest ago were read, if not just now; and who never was.

    None for those who see nothing of live calls.
    """
    if not _sees_live(look):
        return None
    active = _active(look)
    looked = [account.live_refreshed_at for account in active if account.live_refreshed_at is not None]
    never = [formatting.account_label(account) for account in active if account.live_refreshed_at is None]
    oldest = min(looked, default=None)
    is_old = oldest is not None and look.now - oldest > live.STALE_AFTER
    return {
        "as_of": formatting.clock(oldest, now=look.now) if oldest is not None and is_old else "",
        "never": never,
        "is_none": bool(never) and not looked,
    }


def _now(look: DashboardData) -> list[Number]:
    found = []
    live = _live_look(look)
    if look.may("view_call") and live is not None and (look.live_calls or not live["is_none"]):
        n = look.live_calls
        words = ngettext("live call", "live calls", n.n)
        found.append(Number(n, listed("call", state__exact="live"), words, "running" if n else "quiet"))
    if look.may("view_recording"):
        n = look.running.get(RecordingStatus.ACTIVE, Counted())
        words = ngettext("recording running", "recordings running", n.n)
        role = "running" if n else "quiet"
        found.append(Number(n, listed("recording", status__exact=RecordingStatus.ACTIVE.value), words, role))
        if n := look.running.get(RecordingStatus.REQUESTED, Counted()):
            words = _("asked for, and not confirmed yet")
            url = listed("recording", status__exact=RecordingStatus.REQUESTED.value)
            found.append(Number(n, url, words, "attention"))
    return found


def _callbacks(look: DashboardData) -> dict[str, Any]:
    heard = look.heard_at
    sums = {
        outcome: _sum(t for (_a, o, _t), t in look.callback_troubles.items() if o == outcome)
        for outcome in TROUBLES
    }
    always = (EventOutcome.FAILED, EventOutcome.REFUSED, EventOutcome.UNMATCHED)
    numbers = [
        Number(
            n,
            listed("callbackevent", effect="none", outcome__exact=outcome.value),
            _outcome_word(outcome),
            formatting.ROLES.get(outcome, "bad") if n else "quiet",
        )
        for outcome, n in sums.items()
        if n or outcome in always
    ]
    if n := _sum(look.unsigned.values()):
        words = _("unsigned in 7 days, where signed ones came before or are required")
        numbers.append(Number(n, listed("callbackevent", unsigned="unexpected"), words, "attention"))
    return {
        "heard_at": formatting.moment(heard) if heard else "",
        "heard_ago": formatting.ago(heard, look.now) if heard else "",
        "role": "bad" if look.is_silent else "attention" if any(sums.values()) or look.unsigned else "good",
        "troubles": [number for number in numbers if number.count],
        "numbers": numbers,
        "silent": _silent(look),
    }


def _outcome_word(outcome: EventOutcome) -> str:
    return {
        EventOutcome.FAILED: _("failed"),
        EventOutcome.REFUSED: _("rejected"),
        EventOutcome.UNMATCHED: _("unmatched"),
        EventOutcome.CONFLICT: _("in conflict"),
        EventOutcome.UNPARSED: _("in an unknown format"),
    }[outcome]


def _sum(troubles: Any) -> Counted:
    those: list[Trouble] = list(troubles)
    return Counted(sum(one.count.n for one in those), any(one.count.more for one in those))


def _silent(look: DashboardData) -> dict[str, Any] | None:
    """Of the last recordings started here, how many ended without a callback."""
    starts = look.starts
    if starts is None or not starts.looked_at:
        return None
    n = Counted(len(starts.silent))
    role = "bad" if look.is_silent else "attention" if n else "good"
    words = ngettext(
        "of the last %d recording started from the portal had no callback",
        "of the last %d recordings started from the portal had no callback",
        starts.looked_at,
    ) % starts.looked_at  # fmt: skip
    return {
        "number": Number(n, listed("recording", callback="missing"), words, role),
        "is_bad": look.is_silent,
        "bad_words": _("Vobiz does not reach this portal at %s") % public_url(""),
        "portal_url": public_url(""),
    }


def _syncs(look: DashboardData) -> list[SyncLine]:
    """One line for each account that is switched on, the worst first."""
    found = []
    for account in _active(look):
        trouble, at = look.broken_syncs.get(account.pk), account.whole_at
        old = at is None or look.now - at > STALE_SYNC
        rank, role, word = _sync_state(account, trouble, is_old=old)
        said = trouble.words if trouble is not None else ""
        url = listed("syncrun", account=account.pk)
        button = None
        if look.may("sync_now") and not account.is_syncing and account.encrypted_token is not None:
            button = Button(
                _("Sync now"), reverse("admin:recordings_account_sync", args=[account.pk]), posts=True
            )
        age = _("complete %s") % formatting.ago(at, look.now) if at else _("never complete")
        name = formatting.account_label(account)
        line = SyncLine(
            formatting.badge(word, word, role=role), name, age, formatting.plain(said), url, button
        )
        found.append(((rank, at.timestamp() if at else 0.0), line))
    return [line for _key, line in sorted(found, key=lambda pair: pair[0])]


def _sync_summary(look: DashboardData) -> dict[str, str]:
    """Return how all mirrors stand: `3 of 3 accounts up to date`, and since when the oldest is."""
    active = _active(look)
    old = [one for one in active if one.whole_at is None or look.now - one.whole_at > STALE_SYNC]
    troubled = {one.pk for one in old} | {
        one.pk for one in active if one.pk in look.broken_syncs or one.encrypted_token is None
    }
    oldest = min((one.whole_at for one in active if one.whole_at is not None), default=None)
    words = ngettext(
        "%(good)d of %(all)d account up to date", "%(good)d of %(all)d accounts up to date", len(active)
    ) % {
        "good": len(active) - len(troubled), "all": len(active),
    }  # fmt: skip
    is_stopped = any(one.pk in look.broken_syncs or one.encrypted_token is None for one in active)
    role = "bad" if is_stopped else "good" if active and not troubled else "attention"
    age = _("oldest sync %s") % formatting.ago(oldest, look.now) if oldest else ""
    return {"role": role, "words": words, "age": age}


def _sync_state(account: Any, trouble: Trouble | None, *, is_old: bool) -> tuple[int, str, str]:
    if account.encrypted_token is None:
        return 0, "bad", _("no token")
    if trouble is not None:
        return 0, "bad", _("failing")
    if account.is_syncing:
        return 2, "running", _("running")
    return (1, "attention", _("old")) if is_old else (3, "good", _("up to date"))


def _recorded_today(look: DashboardData) -> Number | None:
    """Return how many recordings that began today have finished: completed, cut short or failed."""
    if not look.days:
        return None
    today = look.days[-1]
    url = listed("recording", day=today.day.isoformat(), ended="any")
    words = ngettext("recording finished today", "recordings finished today", today.total)
    return Number(Counted(today.total), url, words)


def _days(days: list[Day]) -> list[DayShown]:
    scale = _scale(days)
    return [_day(day, scale[0]) for day in days]


def _scale(days: list[Day]) -> tuple[int, int, int]:
    """Return the numbers at the top, the middle and the foot of the bars: round ones, which no day exceeds."""
    most = max((day.total for day in days), default=0)
    top = next(n * 10**power for power in range(12) for n in (2, 4, 10) if n * 10**power >= most)
    return top, top // 2, 0


def _day(day: Day, most: int) -> DayShown:
    # as the `ended` filter of the list says it, from the bottom of a bar upwards
    counts = {"completed": day.completed, "cut": day.cut, "failed": day.failed}
    bars, top = [], 100.0
    for kind, n in counts.items():
        height = round(100 * n / most, 2)
        top = round(top - height, 2)
        if n:
            bars.append(Bar(kind, max(0.0, top), height))
    numbers = [
        Number(Counted(n), listed("recording", day=day.day.isoformat(), ended=kind), kind)
        for kind, n in counts.items()
    ]
    return DayShown(str(day.day.day), formatting.day(day.day), day.total, bars, numbers)


def _days_words(days: list[Day]) -> str:
    """Return the picture in one sentence, for those who do not see it."""
    if not days:
        return ""
    return _(
        "Recordings a day, from %(first)s to %(last)s: %(completed)d completed, %(cut)d cut short, %(failed)d failed. "
        "The table below has each day."
    ) % {
        "first": formatting.day(days[0].day),
        "last": formatting.day(days[-1].day),
        "completed": sum(day.completed for day in days),
        "cut": sum(day.cut for day in days),
        "failed": sum(day.failed for day in days),
    }


def at_risk_card(look: DashboardData) -> dict[str, Any] | None:
    """Return what leaves Vobiz soon without a copy here, and what is lost."""
    if not look.may("view_recording"):
        return None
    n, first, days = look.at_risk, look.leaves_first_at, overview.soon().days
    words = ngettext(
        "will be deleted by Vobiz within %d days and has no archived copy",
        "will be deleted by Vobiz within %d days and have no archived copy",
        n.n,
    ) % days  # fmt: skip
    role = "attention" if n else "good"
    numbers = [
        Number(n, listed("recording", kept="at_risk"), words, role),
        Number(look.lost, listed("recording", kept="lost"), _("lost"), "bad" if look.lost else "good"),
    ]
    if look.lost_before:
        before = listed("recording", kept="lost_before")
        numbers.append(
            Number(look.lost_before, before, _("deleted by Vobiz before the portal was connected"))
        )
    return {
        "numbers": numbers,
        "tile": Number(n, reverse("admin:recordings_recording_at_risk"), _("At risk"), role),
        "days": days,
        "first": formatting.days_left(first, look.now) if first else "",
        "first_at": formatting.moment(first) if first else "",
        "kept_days": sorted({account.retention_days for account in look.accounts}),
        "url": reverse("admin:recordings_recording_at_risk"),
    }


def archive_card(look: DashboardData) -> dict[str, Any] | None:
    """Return how archiving goes: stopped, behind or well, and why."""
    archiving = look.archiving
    if archiving is None:
        return None
    stopped = _stopped(look)
    behind = _behind(look, archiving)
    role = "bad" if stopped else "attention" if behind else "good"
    words = {"bad": _stopped_words(look, stopped), "attention": _("behind"), "good": _("up to date")}[role]
    return {
        "role": role,
        "words": words,
        "why": [*stopped, *behind],
        "last_at": formatting.moment(archiving.last_at) if archiving.last_at else "",
        "last_ago": formatting.ago(archiving.last_at, look.now) if archiving.last_at else "",
        "due": archiving.due,
        "due_url": listed("recording", kept="due"),
        "due_bytes": formatting.file_size(archiving.due_bytes, at_least=archiving.due.more),
        "oldest": formatting.ago(archiving.oldest_due_at, look.now)
        if archiving.oldest_due_at is not None
        else "",
        "free": formatting.file_size(archiving.free) if archiving.free is not None else "",
        "full_in": _full_in(archiving),
    }


def _stopped(look: DashboardData) -> list[str]:
    """Return why archiving stands still: for all accounts, or else one sentence for each where it does."""
    whole = [one for one in look.problems[ProblemCode.ARCHIVE_STOPPED] if one.account is None]
    if whole:
        return [f"{problem.words}. {formatting.plain(problem.said)}".rstrip() for problem in whole]
    return [
        f"{look.account_name(account.pk)}: {formatting.plain(account.archive_stop)}".removeprefix(": ")
        for account in _active(look)
        if account.archive_stop
    ]


def _stopped_words(look: DashboardData, stopped: list[str]) -> str:
    """Say for how many of the accounts archiving is stopped, unless it is for all."""
    n, active = len(stopped), len(_active(look))
    if n >= active or any(one.account is None for one in look.problems[ProblemCode.ARCHIVE_STOPPED]):
        return _("stopped")
    return ngettext("stopped for %(n)d of %(all)d account", "stopped for %(n)d of %(all)d accounts", active) % {
        "n": n, "all": active,
    }  # fmt: skip


def _behind(look: DashboardData, archiving: Archiving) -> list[str]:
    found = [
        _("%s is not archived automatically.") % formatting.account_label(account)
        for account in _active(look)
        if not account.archive_automatically
    ]
    if archiving.oldest_due_at is not None and look.now - archiving.oldest_due_at > DUE_TAKES:
        found.append(_("The oldest has been due for over 24 hours."))
    return found


def _full_in(archiving: Archiving) -> str:
    days = archiving.full_in_days
    if days is None:
        return ""
    if days > 3_650:
        return _("enough for over 10 years")
    return ngettext("enough for about %d day", "enough for about %d days", days) % days


def worker_line(look: DashboardData) -> dict[str, Any] | None:
    """Return the state of the background work; None for those who may not see syncs."""
    found = look.background
    if found is None:
        return None
    late = found.oldest_due_at is not None and look.now - found.oldest_due_at > OVERDUE
    if not found.workers:
        role, word = "bad", _("No worker is running")
        if found.heard_at is not None:
            word = _("No worker is running: the last was heard of %s") % formatting.ago(
                found.heard_at, look.now
            )
    elif late:
        role, word = "attention", _("Behind")
    else:
        role = "good"
        word = ngettext("%d worker is running", "%d workers are running", found.workers) % found.workers
    unconfirmed = ""
    if n := look.unconfirmed:
        unconfirmed = ngettext(
            "%s start is not confirmed yet. The portal checks it again.",
            "%s starts are not confirmed yet. The portal checks them again.",
            n.n,
        ) % n  # fmt: skip
    return {
        "role": role,
        "words": word,
        "swept": formatting.ago(found.swept_at, look.now) if found.swept_at is not None else "",
        "due": formatting.ago(found.oldest_due_at, look.now) if found.oldest_due_at is not None else "",
        "unconfirmed": unconfirmed,
        "missing": not found.workers,
    }


@dataclass(frozen=True, slots=True)
class Number:
    """A number that links to the list of just those rows."""

    count: Counted
    url: str
    words: str
    role: str = "quiet"

    @property
    def shape(self) -> str:
        """Beside its colour."""
        return formatting.SHAPES[self.role]
