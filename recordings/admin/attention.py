"""*Needs attention* on the overview: one line for one cause, the worst first, and the data they are read from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings import overview
from recordings.admin import formatting
from recordings.admin.base import may, may_enter_token
from recordings.choices import (
    SEEN_CLOSES,
    Attention,
    CallState,
    EventOutcome,
    ProblemCode,
    RecordingStatus,
    Trust,
)
from recordings.overview import Counted, Day, Figures, Gap, Problem, Trouble, problems_of


@dataclass(frozen=True, kw_only=True)
class DashboardData(Figures):
    """The figures, and the numbers that only the overview shows: empty for what the reader may not view."""

    request: HttpRequest
    live_calls: Counted
    running: dict[str, Counted]
    lost_before: Counted
    for_a_person: dict[tuple[int, str], Trouble]
    unsigned: dict[int, Trouble]
    unconfirmed: Counted  # starts whose outcome is not known: reconcile has to settle them
    gaps: dict[int, Gap]
    days: list[Day] = field(default_factory=list)

    @classmethod
    def at(cls, request: HttpRequest, now: datetime) -> DashboardData:
        """Read it, once per request; each query has an index and an end. What the user may not see is not read."""
        user: Any = request.user
        figures = overview.figures(user, now, partial(may, request))
        seen = figures.accounts
        zone = timezone.get_current_timezone()
        calls, recordings = may(request, "view_call"), may(request, "view_recording")
        syncs, callbacks = may(request, "view_syncrun"), may(request, "view_callbackevent")
        running = overview.running(user) if recordings or syncs else {}
        return cls(
            **vars(figures),
            request=request,
            live_calls=overview.live_calls(user) if calls else Counted(),
            running=running if recordings else {},
            lost_before=overview.lost_before(now, seen) if recordings else Counted(),
            for_a_person=overview.for_a_person(user) if recordings else {},
            unsigned=overview.unsigned(user, seen, now) if callbacks else {},
            unconfirmed=running.get(RecordingStatus.REQUESTED, Counted()) if syncs else Counted(),
            gaps=overview.gaps(user, seen) if recordings else {},
            days=overview.days(user, now.astimezone(zone).date(), zone) if recordings else [],
        )

    @cached_property
    def problems(self) -> dict[ProblemCode, list[Problem]]:
        """The current problems that the reader may know of, by their code."""
        found: dict[ProblemCode, list[Problem]] = {code: [] for code in ProblemCode}
        for problem in problems_of(self):
            found[problem.code].append(problem)
        return found

    def may(self, permission: str) -> bool:
        """Return whether the reader has it."""
        return may(self.request, permission)

    @cached_property
    def _names(self) -> dict[int, str]:
        return {account.pk: formatting.account_label(account) for account in self.accounts}

    def account_name(self, account: int) -> str:
        """Return what people call an account; nothing where they see no other."""
        if len(self.accounts) == 1:
            return ""
        return self._names.get(account, _("another account"))


STALE_SYNC = timedelta(hours=24)
LEAVES_TODAY = timedelta(hours=24)
DROPPED_SHOWN = timedelta(hours=24)
# The lower, the sooner something is lost or goes on unseen.
(
    SILENCE, MAY_RUN, LEAVES_NOW, NO_WORKER, NO_TOKEN, NO_ARCHIVE, BROKEN_SYNC, REFUSED, FAILED, LEAVES, OLD_SYNC,
    LOST, OTHER,
) = range(13)  # fmt: skip
NEVER = datetime.min.replace(tzinfo=UTC)
SYNC_CODES = (ProblemCode.NO_TOKEN, ProblemCode.TOKEN_REFUSED, ProblemCode.API_DOWN, ProblemCode.SYNC_FAILING)
Text = str | Promise

OPEN, SYNC_NOW, PROCESS_AGAIN = gettext_lazy("Open"), gettext_lazy("Sync now"), gettext_lazy("Process again")
SEEN = gettext_lazy("Mark as reviewed")
REASONS: dict[str, tuple[int, str, Text]] = {
    Attention.MAY_BE_RECORDING: (MAY_RUN, "bad", gettext_lazy("may be recording: Vobiz's answer was lost")),
    Attention.STOP_UNCONFIRMED: (MAY_RUN, "bad", gettext_lazy("may still run: the stop was not confirmed")),
    Attention.ID_CONFLICT: (OTHER, "attention", gettext_lazy("with two ids, where there can be one")),
    Attention.TRANSCRIPT_REVISED: (
        OTHER,
        "attention",
        gettext_lazy("with a second transcript that differs from the first"),
    ),
    Attention.NOT_ARCHIVED: (LEAVES, "attention", gettext_lazy("could not be archived in ten tries")),
    Attention.AUDIO_MISSING: (LEAVES_NOW, "bad", gettext_lazy("whose file is missing from the archive")),
    Attention.AUDIO_ALTERED: (LEAVES_NOW, "bad", gettext_lazy("whose file in the archive was altered")),
    Attention.CUT_BY_VOBIZ: (OTHER, "attention", gettext_lazy("of which Vobiz gave only a part")),
    Attention.UNKNOWN_FORMAT: (OTHER, "attention", gettext_lazy("whose format no decoder can read")),
    Attention.LENGTH_DIFFERS: (
        OTHER,
        "attention",
        gettext_lazy("whose copy is not as long as Vobiz says"),
    ),
}
OUTCOMES: dict[str, tuple[int, str, Text]] = {
    EventOutcome.FAILED: (FAILED, "bad", gettext_lazy("could not be applied")),
    EventOutcome.CONFLICT: (FAILED, "bad", gettext_lazy("in conflict with Vobiz's API")),
    EventOutcome.UNPARSED: (OTHER, "attention", gettext_lazy("in an unknown format")),
    EventOutcome.UNMATCHED: (
        OTHER,
        "attention",
        gettext_lazy("without a matching recording"),
    ),
}


@dataclass(frozen=True, slots=True)
class Button:
    """What to do: a link, or where `posts` a button."""

    label: Text
    url: str
    posts: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One cause. `count` with its noun links to `url`, the list of just those rows; `words` says what is the matter."""

    rank: int
    at: datetime
    role: str
    account: str
    count: str
    url: str
    words: Text
    said: str = ""
    button: Button | None = None

    @property
    def about(self) -> str:
        """Which line it is, for those who hear its button."""
        return " ".join(filter(None, (self.account, self.count, str(self.words))))


def listed(model: str, **query: str | int) -> str:
    """Return the address of a list, filtered."""
    url = reverse(f"admin:recordings_{model}_changelist")
    return f"{url}?{urlencode(query)}" if query else url


def lines(look: DashboardData) -> list[Line]:
    """Return every line, in order."""
    parts = (
        _portal,
        _gaps,
        _recordings,
        _at_risk,
        _lost,
        _accounts,
        _old_syncs,
        _rejected,
        _callbacks,
        _unsigned,
        _dropped,
    )
    found = [line for part in parts for line in part(look)]
    return sorted(found, key=lambda line: (line.rank, line.at, line.account, str(line.words)))


PORTAL_RANKS = {
    ProblemCode.DISK_FILLING: SILENCE, ProblemCode.CALLBACKS_SILENT: SILENCE, ProblemCode.NO_WORKER: NO_WORKER,
    ProblemCode.ARCHIVE_STOPPED: NO_ARCHIVE, ProblemCode.ALERTS_FAILING: FAILED,
    ProblemCode.EVENTS_FAILING: FAILED,
}  # fmt: skip


def _portal(look: DashboardData) -> Iterator[Line]:
    """Report what is wrong with the portal itself, and whose archiving is stopped."""
    for code, rank in PORTAL_RANKS.items():
        for problem in look.problems[code]:
            anchor = problem.url.partition("#")[2]
            is_unsent = code in (ProblemCode.ALERTS_FAILING, ProblemCode.EVENTS_FAILING)
            button = Button(OPEN, problem.url) if is_unsent else None
            url = problem.url if is_unsent else ""
            if code == ProblemCode.CALLBACKS_SILENT:
                url = listed("recording", callback="missing")
            yield _line(
                look, problem, rank, at=problem.since or (NEVER if code == ProblemCode.NO_WORKER else look.now),
                url=url, button=Button(_("What to do"), f"#{anchor}") if anchor else button,
            )  # fmt: skip


def _line(
    look: DashboardData, problem: Problem, rank: int, *, at: datetime, url: str = "", words: Text = "",
    button: Button | None = None,
) -> Line:  # fmt: skip
    """Return the line that tells a problem; `words` where the page can say it more exactly."""
    name = look.account_name(problem.account) if problem.account is not None else ""
    said = formatting.plain(problem.said)
    return Line(rank, at, "bad", name, problem.counted, url, words or problem.words, said, button)


def _gaps(look: DashboardData) -> Iterator[Line]:
    """Callbacks that never came: once, until somebody has seen it."""
    for account, gap in look.gaps.items():
        n = Counted(gap.ended, gap.more)
        words = [ngettext("ended without a callback", "ended without a callback", gap.ended)]
        words.append(_("found by asking Vobiz: %d") % gap.found)
        if gap.transcripts:
            lost = ngettext(
                "%d transcript cannot be fetched", "%d transcripts cannot be fetched", gap.transcripts
            )
            words.append(lost % gap.transcripts)
        url = listed("recording", gap="unseen", account=account)
        seen = Button(SEEN, reverse("admin:recordings_account_gap_seen", args=[account]), posts=True)
        yield Line(
            OTHER, gap.first_at, "attention", look.account_name(account),
            f"{n} {ngettext('recording', 'recordings', gap.ended)}", url, "; ".join(words),
            button=seen if look.may("mark_seen") else Button(OPEN, url),
        )  # fmt: skip


def _recordings(look: DashboardData) -> Iterator[Line]:
    for (account, reason), trouble in look.for_a_person.items():
        rank, role, words = REASONS.get(reason, (OTHER, "attention", Attention(reason).label))
        url = listed("recording", attention=reason, account=account)
        alone = trouble.count.n == 1 and not trouble.count.more
        if reason == Attention.MAY_BE_RECORDING and not alone:
            words = _("may be recording, or have been recorded: Vobiz's answer was lost")
        elif reason == Attention.MAY_BE_RECORDING and trouble.words == CallState.ENDED:
            words = _("may have been recorded: Vobiz's answer was lost, and the call is over")
        to = reverse("admin:recordings_recording_change", args=[trouble.newest_pk]) if alone else url
        count = f"{trouble.count} {ngettext('recording', 'recordings', trouble.count.n)}"
        button = Button(OPEN, to)
        if alone and reason in SEEN_CLOSES and look.may("mark_seen"):
            button = Button(
                SEEN, reverse("admin:recordings_recording_seen", args=[trouble.newest_pk]), posts=True
            )
        name = look.account_name(account)
        yield Line(rank, trouble.since, role, name, count, url, words, button=button)


def _at_risk(look: DashboardData) -> Iterator[Line]:
    if not look.at_risk or look.leaves_first_at is None:
        return
    is_near = look.leaves_first_at - look.now <= LEAVES_TODAY
    noun = ngettext("recording", "recordings", look.at_risk.n)
    words = _("without an archived copy: Vobiz deletes the first %s") % (
        formatting.days_left(look.leaves_first_at, look.now)
    )
    url = reverse("admin:recordings_recording_at_risk")
    yield Line(
        LEAVES_NOW if is_near else LEAVES, look.leaves_first_at, "attention", "", f"{look.at_risk} {noun}",
        url, words, button=Button(OPEN, url),
    )  # fmt: skip


def _lost(look: DashboardData) -> Iterator[Line]:
    if not look.lost:
        return
    noun = ngettext("recording", "recordings", look.lost.n)
    yield Line(
        LOST, look.now, "bad", "", f"{look.lost} {noun}", listed("recording", kept="lost"),
        look.problems[ProblemCode.LOST][0].words,
        button=Button(OPEN, reverse("admin:recordings_recording_at_risk") + "#lost"),
    )  # fmt: skip


def _accounts(look: DashboardData) -> Iterator[Line]:
    """One line an account: it has no token, Vobiz refuses it or is away, or its syncs break."""
    by_pk = {account.pk: account for account in look.accounts}
    for code in SYNC_CODES:
        for problem in look.problems[code]:
            at = formatting.clock(problem.since, now=look.now) if problem.since else ""
            to_account = Button(OPEN, problem.url) if look.may("view_account") else None
            button: Button | None = _sync_button(look, by_pk[problem.account or 0])
            rank, url, words = BROKEN_SYNC, "", problem.words
            if code == ProblemCode.NO_TOKEN:
                rank, button = NO_TOKEN, _token_button(look, problem.account or 0) or to_account
            elif code == ProblemCode.TOKEN_REFUSED:
                rank, button = NO_TOKEN, to_account and Button(_("Enter the new token"), problem.url)
                words = _(
                    "Vobiz refuses the auth token since %s: nothing is synced, and callbacks may be rejected"
                ) % at  # fmt: skip
            elif code == ProblemCode.API_DOWN:
                words = _("Vobiz unreachable since %s: the portal tries again every minute") % at
            else:
                url, words = problem.url, _("did not complete since %s") % at
            yield _line(
                look, problem, rank, at=problem.since or look.now, url=url, words=words, button=button
            )


def _old_syncs(look: DashboardData) -> Iterator[Line]:
    """Report accounts without a complete sync for long, unless a problem of theirs says why."""
    told = {problem.account for code in SYNC_CODES for problem in look.problems[code]}
    for account in look.accounts if look.sees_syncs else []:
        at = account.whole_at
        if not account.is_active or account.pk in told or (at is not None and look.now - at <= STALE_SYNC):
            continue
        words = _("Last complete sync %s") % formatting.ago(at, look.now) if at else _("No complete sync yet")
        button = _sync_button(look, account)
        yield Line(
            OLD_SYNC, at or NEVER, "attention", look.account_name(account.pk), "", "", words, button=button
        )


def _sync_button(look: DashboardData, account: Any) -> Button:
    """Sync now for those who may; one that runs already is looked at instead."""
    if account.is_syncing or not look.may("sync_now"):
        return Button(OPEN, listed("syncrun", account=account.pk))
    return Button(SYNC_NOW, reverse("admin:recordings_account_sync", args=[account.pk]), posts=True)


def _rejected(look: DashboardData) -> Iterator[Line]:
    by_pk = {account.pk: account for account in look.accounts}
    for pk, trust, trouble in look.rejected():
        account = by_pk.get(pk)
        words = _("rejected: %s") % account.rejection(trust).why if account else _("rejected")
        line = _callback_line(look, (pk, EventOutcome.REFUSED, trust), trouble, REFUSED, "bad", words)
        if account and trust != Trust.UNSIGNED and account.lacks_signing_token:
            line = replace(line, button=_token_button(look, pk) or Button(OPEN, line.url))
        yield line


def _token_button(look: DashboardData, account: int) -> Button | None:
    """Return the way to the field for the token, for those who may fill it."""
    if not may_enter_token(look.request):
        return None
    url = reverse("admin:recordings_account_change", args=[account])
    return Button(_("Enter the token"), f"{url}#id_token")


def _callbacks(look: DashboardData) -> Iterator[Line]:
    for key, trouble in look.callback_troubles.items():
        if key[1] != EventOutcome.REFUSED:
            yield _callback_line(look, key, trouble, *OUTCOMES[key[1]])


def _callback_line(
    look: DashboardData, key: tuple[int, str, str], trouble: Trouble, rank: int, role: str, words: Text
) -> Line:
    account, outcome, trust = key
    url = listed("callbackevent", effect="none", outcome__exact=outcome, trust__exact=trust, account=account)
    count = _callbacks_counted(trouble)
    button = _callback_button(look, account, outcome, trouble, url)
    name = look.account_name(account)
    return Line(rank, trouble.since, role, name, count, url, words, formatting.plain(trouble.words), button)


def _callbacks_counted(trouble: Trouble) -> str:
    return f"{trouble.count} {ngettext('callback', 'callbacks', trouble.count.n)}"


def _callback_button(look: DashboardData, account: int, outcome: str, trouble: Trouble, url: str) -> Button:
    alone = trouble.count.n == 1 and not trouble.count.more
    if alone and outcome == EventOutcome.CONFLICT:  # somebody has to read it: doing it again changes nothing
        return Button(OPEN, reverse("admin:recordings_callbackevent_change", args=[trouble.newest_pk]))
    if look.may("process_callbackevent") and alone:
        to = reverse("admin:recordings_callbackevent_process", args=[trouble.newest_pk])
        return Button(PROCESS_AGAIN, to, posts=True)
    if look.may("process_callbackevent") and outcome == EventOutcome.REFUSED:
        to = reverse("admin:recordings_account_process_refused", args=[account])
        return Button(PROCESS_AGAIN, to, posts=True)
    return Button(OPEN, url)


def _unsigned(look: DashboardData) -> Iterator[Line]:
    """Report unsigned callbacks, unless the line on rejected ones already does."""
    for account, trouble in look.unsigned.items():
        if (account, EventOutcome.REFUSED, Trust.UNSIGNED) in look.callback_troubles:
            continue
        url = listed("callbackevent", unsigned="unexpected", account=account)
        words = _("unsigned in 7 days, though signed ones came before: anyone could have sent them")
        yield Line(
            OTHER, trouble.since, "attention", look.account_name(account), _callbacks_counted(trouble), url, words,
            button=Button(OPEN, url),
        )  # fmt: skip


def _dropped(look: DashboardData) -> Iterator[Line]:
    """Report callbacks that were only counted, for a day after the last one."""
    for account in look.accounts if look.may("view_callbackevent") else []:
        if account.dropped_at is None or look.now - account.dropped_at > DROPPED_SHOWN:
            continue
        n = account.refused_uncounted
        words = ngettext(
            "%(n)d callback was not stored: too many unsigned or rejected ones, or too large; the last %(ago)s",
            "%(n)d callbacks were not stored: too many unsigned or rejected ones, or too large; the last %(ago)s",
            n,
        ) % {"n": n, "ago": formatting.ago(account.dropped_at, look.now)}
        url = listed("callbackevent", account=account.pk)
        name = look.account_name(account.pk)
        yield Line(REFUSED, account.dropped_at, "bad", name, "", "", words, button=Button(OPEN, url))
