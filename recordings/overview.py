"""VERB look: how things stand and what needs a person, in numbers. It asks the database only, never Vobiz.

Every number is of the rows that one user may see, and is counted no further than MOST: a page that is opened often
must not get slower with what has piled up. Each function is one query, of rows that an index finds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Left

from recordings.choices import OPEN_STATUSES, CallState, EventOutcome, RecordingStatus, StartAnswer, Trust
from recordings.models import Account, Call, CallbackEvent, Recording, SyncRun
from recordings.models.recording_set import WAS_CUT

MOST = 1_000
MOST_ACCOUNTS = 200
DAYS = 14
LEAVES_SOON = timedelta(days=7)
UNSIGNED_IN = timedelta(days=7)  # older unsigned callbacks are history: nothing can be done about them
TROUBLES = (
    EventOutcome.FAILED, EventOutcome.REFUSED, EventOutcome.CONFLICT, EventOutcome.UNPARSED, EventOutcome.UNMATCHED,
)  # fmt: skip
CALLBACK_TAKES = timedelta(minutes=5)
STARTS_LOOKED_AT = 20
STARTS_READ = 200  # newest starts among which those that have ended are sought
STARTS_IN = timedelta(days=60)  # applied callbacks are kept for longer than this, so that none looks missing
SILENT_IN_A_ROW = 3

Viewer = User | AnonymousUser


@dataclass(frozen=True, slots=True)
class Counted:
    """A number counted up to MOST; `more` says that there are more than that."""

    n: int = 0
    more: bool = False

    def __str__(self) -> str:
        return f"{self.n}+" if self.more else str(self.n)

    def __bool__(self) -> bool:
        return self.n > 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Rows with one cause: how many, since when, the newest of them, and what it says."""

    count: Counted
    since: datetime
    newest: datetime
    newest_pk: int
    words: str


@dataclass(frozen=True, slots=True)
class Starts:
    """The last recordings started here that ended long enough ago: `looked_at` of them, newest first.

    `silent`: primary keys of those without a callback. `in_a_row`: how many of the newest have none.
    """

    looked_at: int
    silent: tuple[int, ...]
    in_a_row: int


@dataclass(frozen=True, slots=True)
class Day:
    """How many recordings that began on one day have completed whole, were cut short, or failed."""

    day: date
    completed: int
    cut: int
    failed: int

    @property
    def total(self) -> int:
        """All three."""
        return self.completed + self.cut + self.failed


def accounts(user: Viewer, now: datetime) -> list[Any]:
    """The accounts, each with `whole_at`, `is_syncing`, `heard_at` (last callback) and `signed_since`."""
    of_account = SyncRun.objects.filter(account=OuterRef("pk"))
    events = CallbackEvent.objects.filter(account=OuterRef("pk"))
    rows = Account.objects.visible_to(user).annotate(
        whole_at=Subquery(of_account.whole().order_by("-started_at").values("started_at")[:1]),
        is_syncing=Exists(of_account.running().filter(lease_until__gte=now)),
        heard_at=Subquery(events.order_by("-received_at").values("received_at")[:1]),
        signed_since=Subquery(
            events.filter(trust=Trust.SIGNED).order_by("received_at").values("received_at")[:1]
        ),
    )
    return list(rows[:MOST_ACCOUNTS])


def live_calls(user: Viewer) -> Counted:
    """Calls that were live when they were last looked at."""
    return counted(Call.objects.visible_to(user).filter(state=CallState.LIVE).order_by().values_list("pk"))


def running(user: Viewer) -> dict[str, Counted]:
    """Recordings that run (`active`) or may run (`requested`)."""
    rows = Recording.objects.visible_to(user).filter(status__in=OPEN_STATUSES).order_by()
    return _by_group(rows.values_list("status", flat=True)[: MOST + 1])


def leaving(user: Viewer, now: datetime, *, kept_days: Collection[int]) -> tuple[Counted, datetime | None]:
    """Recordings whose audio leaves Vobiz soon, and when the first of them does."""
    if not kept_days:
        return Counted(), None
    rows = Recording.objects.visible_to(user).leaving(now, LEAVES_SOON, kept_days=kept_days)
    # where all are kept as long, the index has this order already
    rows = rows.order_by("kept_from" if len(set(kept_days)) == 1 else "leaves_at")
    at = list(rows.values_list("leaves_at", flat=True)[: MOST + 1])
    return _counted(len(at)), at[0] if at else None


def for_a_person(user: Viewer) -> dict[tuple[int, str], Trouble]:
    """Recordings that ask for somebody, by account and reason; `words` is the call."""
    rows = Recording.objects.visible_to(user).filter(needs_attention__isnull=False).order_by()
    found = rows.values_list("account_id", "needs_attention", "happened_at", "pk", "call__call_uuid")
    return _troubles(((a, why), at, pk, call) for a, why, at, pk, call in found[: MOST + 1])


def broken_syncs(user: Viewer, seen: Iterable[Any]) -> dict[int, Trouble]:
    """Syncs that broke since the last whole one, by account. `seen`: what `accounts` gave; those switched on count."""
    since = Q(pk=None)
    for account in seen:
        if account.is_active:
            later = Q(started_at__gt=account.whole_at) if account.whole_at is not None else Q()
            since |= Q(account_id=account.pk) & later
    rows = SyncRun.objects.visible_to(user).broken().filter(since).order_by("-started_at", "-pk")
    found = rows.annotate(said=Left("error", 300)).values_list("account_id", "started_at", "pk", "said")
    return _troubles(found[: MOST + 1])


def callback_troubles(user: Viewer) -> dict[tuple[int, str, str], Trouble]:
    """Callbacks that had no effect and will have none by themselves, by account, outcome and trust."""
    rows = CallbackEvent.objects.visible_to(user).filter(outcome__in=TROUBLES).exclude(outcome="applied")
    found = rows.order_by().annotate(said=Left("error", 300)).values_list(
        "account_id", "outcome", "trust", "received_at", "pk", "said"
    )  # fmt: skip
    return _troubles(
        ((a, outcome, trust), at, pk, said) for a, outcome, trust, at, pk, said in found[: MOST + 1]
    )


def unexpectedly_unsigned(seen: Iterable[Any], now: datetime) -> Q:
    """Which callbacks are unsigned where signed ones came before or are required. `seen`: what `accounts` gave."""
    found = Q(pk=None)
    for account in seen:
        since = now - UNSIGNED_IN
        if not account.require_signed:
            if account.signed_since is None:
                continue
            since = max(since, account.signed_since)
        found |= Q(account_id=account.pk, trust=Trust.UNSIGNED, received_at__gt=since)
    return found


def unsigned(user: Viewer, seen: Iterable[Any], now: datetime) -> dict[int, Trouble]:
    """Those callbacks, by account."""
    rows = CallbackEvent.objects.visible_to(user).filter(unexpectedly_unsigned(seen, now)).order_by()
    found = rows.values_list("account_id", "received_at", "pk", Value(""))
    return _troubles(found[: MOST + 1])


def starts(user: Viewer, now: datetime) -> Starts:
    """Whether callbacks came for the last recordings started here: only those that gave Vobiz an address count."""
    given = Recording.objects.visible_to(user).filter(
        callback_base__isnull=False, happened_at__gte=now - STARTS_IN
    )
    happened = given.filter(
        Q(status=RecordingStatus.COMPLETED)
        | Q(status=RecordingStatus.ACTIVE)
        | Q(status=RecordingStatus.REQUESTED, start_answer=StartAnswer.ACCEPTED)
    )
    came = CallbackEvent.objects.filter(recording=OuterRef("pk"))
    rows = happened.select_related("call").annotate(is_heard=Exists(came)).order_by("-happened_at").only(
        "status", "started_at", "requested_at", "time_limit", "ended_at", "happened_at",
        "call__state", "call__ended_at",
    )[:STARTS_READ]  # fmt: skip
    ended = [row for row in rows if _ended_by(row, now - CALLBACK_TAKES)][:STARTS_LOOKED_AT]
    first_heard = next((place for place, row in enumerate(ended) if row.is_heard), len(ended))
    return Starts(len(ended), tuple(row.pk for row in ended if not row.is_heard), first_heard)


def _ended_by(recording: Recording, at: datetime) -> bool:
    """Known to have ended by then; of one that nobody reported, its call's end or its time limit says so."""
    if recording.status == RecordingStatus.COMPLETED:
        return (recording.ended_at or recording.happened_at) <= at
    call = recording.call
    if call.state == CallState.ENDED and call.ended_at is not None and call.ended_at <= at:
        return True
    return recording.cuts_at is not None and recording.cuts_at <= at


def day_bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """When a day begins in a zone, and when the next one does."""
    begins, ends = (datetime.combine(d, time.min, tzinfo=zone) for d in (day, day + timedelta(days=1)))
    return begins, ends


def days(user: Viewer, today: date, zone: tzinfo) -> list[Day]:
    """The last two weeks, oldest day first; what still runs is in none of the numbers."""
    shown = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    bounds = [day_bounds(day, zone) for day in shown]
    # ranges rather than TruncDate, which on SQLite is a Python function called for each row
    place = Case(
        *(
            When(happened_at__gte=begins, then=Value(n))
            for n, (begins, _ends) in reversed([*enumerate(bounds)])
        ),
        output_field=IntegerField(),
    )
    rows = Recording.objects.visible_to(user).filter(
        happened_at__gte=bounds[0][0], happened_at__lt=bounds[-1][1],
        status__in=(RecordingStatus.COMPLETED, RecordingStatus.FAILED),
    )  # fmt: skip
    was_cut = Case(When(WAS_CUT, then=Value(1)), default=Value(0), output_field=IntegerField())
    grouped = rows.order_by().annotate(place=place, cut=was_cut).values("place", "status", "cut")
    sums: Counter[tuple[int, str]] = Counter()
    for group in grouped.annotate(n=Count("pk")):
        kind = (
            "failed" if group["status"] == RecordingStatus.FAILED else "cut" if group["cut"] else "completed"
        )
        sums[group["place"], kind] += group["n"]
    kinds = ("completed", "cut", "failed")
    return [Day(day, *(sums[place_of, kind] for kind in kinds)) for place_of, day in enumerate(shown)]


def counted(rows: Any) -> Counted:
    """How many, looking at MOST and one more."""
    return _counted(rows[: MOST + 1].count())


def _counted(n: int) -> Counted:
    return Counted(min(n, MOST), n > MOST)


def _by_group(values: Iterable[str]) -> dict[str, Counted]:
    found = Counter(values)
    cut = found.total() > MOST
    return {value: Counted(n, cut) for value, n in found.items()}


def _troubles(rows: Iterable[tuple[Any, datetime, int, str | None]]) -> dict[Any, Trouble]:
    """Rows of (cause, when, primary key, words) by cause. Where there were too many to read, each count has its +."""
    by_cause: Mapping[Any, list[tuple[datetime, int, str | None]]] = defaultdict(list)
    total = 0
    for cause, at, pk, words in rows:
        by_cause[cause].append((at, pk, words))
        total += 1
    found = {}
    for cause, those in by_cause.items():
        at, pk, words = max(those, key=lambda row: row[:2])
        count = Counted(len(those), total > MOST)
        found[cause] = Trouble(count, min(those, key=lambda row: row[:2])[0], at, pk, words or "")
    return found
