"""Live calls, running recordings and recent starts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from django.db.models import Case, Count, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce

from recordings.choices import CallState, RecordingStatus, StartAnswer, Trust
from recordings.models import Account, Call, CallbackEvent, Recording, SyncRun
from recordings.models.recording.queryset import WAS_CUT_SHORT
from recordings.overview.counting import MOST, Counted, Viewer, counted

MOST_ACCOUNTS = 200  # that one page tells of
DAYS = 14
CALLBACK_TAKES = timedelta(minutes=5)
STARTS_LOOKED_AT = 20
STARTS_READ = 200  # newest starts among which those that have ended are sought
STARTS_IN = timedelta(days=60)  # applied callbacks are kept for longer than this, so that none looks missing
SILENT_IN_A_ROW = 3
# as it is, in a form that keeps planners from its index
WHEN_HAPPENED = Coalesce("happened_at", "happened_at")


@dataclass(frozen=True, slots=True)
class Starts:
    """Whether callbacks came for the newest `looked_at` recordings that were started here and have ended.

    `silent`: primary keys of those without a callback. `in_a_row`: how many of the newest have none.
    """

    looked_at: int
    silent: tuple[int, ...]
    in_a_row: int


@dataclass(frozen=True, slots=True)
class Day:
    """Recordings that began on one day: completed, cut short, failed."""

    day: date
    completed: int
    cut: int
    failed: int

    @property
    def total(self) -> int:
        """Number of recordings of the day."""
        return self.completed + self.cut + self.failed


def accounts(user: Viewer, now: datetime, *, most: int | None = None) -> list[Any]:
    """Return the accounts, each with `whole_at`, `is_syncing`, `heard_at` (last callback) and `signed_since`.

    `most`: how many at most.
    """
    of_account = SyncRun.objects.filter(account=OuterRef("pk"))
    events = CallbackEvent.objects.filter(account=OuterRef("pk"))
    rows = Account.objects.visible_to(user).annotate(
        whole_at=Subquery(of_account.complete().order_by("-started_at").values("started_at")[:1]),
        is_syncing=Exists(of_account.running().filter(lease_until__gte=now)),
        heard_at=Subquery(events.order_by("-received_at").values("received_at")[:1]),
        signed_since=Subquery(
            events.filter(trust=Trust.SIGNED).order_by("received_at").values("received_at")[:1]
        ),
    )
    return list(rows[:most])


def live_calls(user: Viewer) -> Counted:
    """Count the calls that were live at the last check."""
    return counted(Call.objects.visible_to(user).filter(state=CallState.LIVE).order_by().values_list("pk"))


def running(user: Viewer) -> dict[str, Counted]:
    """Count the recordings that run (`active`) or may run (`requested`), by status."""
    rows = Recording.objects.visible_to(user).open().order_by()
    found = Counter(rows.values_list("status", flat=True)[: MOST + 1])
    return {status: Counted(n, more=found.total() > MOST) for status, n in found.items()}


def starts(user: Viewer, now: datetime) -> Starts:
    """Return whether callbacks came for the last starts; starts without a callback address do not count."""
    # Found first by their own index: SQLite, which has no statistics of an empty one, would read every row since then.
    since = Recording.objects.alias(at=WHEN_HAPPENED).filter(
        callback_base__isnull=False, at__gte=now - STARTS_IN
    )
    given = Recording.objects.visible_to(user).filter(pk__in=since.order_by().values("pk"))
    happened = given.filter(
        Q(status=RecordingStatus.COMPLETED)
        | Q(status=RecordingStatus.ACTIVE)
        | Q(status=RecordingStatus.REQUESTED, start_answer=StartAnswer.ACCEPTED)
    )
    came = CallbackEvent.objects.filter(recording=OuterRef("pk"))
    rows = happened.select_related("call").annotate(is_heard=Exists(came)).order_by(WHEN_HAPPENED.desc()).only(
        "status", "started_at", "requested_at", "time_limit", "ended_at", "happened_at",
        "call__state", "call__ended_at",
    )[:STARTS_READ]  # fmt: skip
    ended = [row for row in rows if _ended_by(row, now - CALLBACK_TAKES)][:STARTS_LOOKED_AT]
    first_heard = next((place for place, row in enumerate(ended) if row.is_heard), len(ended))
    return Starts(len(ended), tuple(row.pk for row in ended if not row.is_heard), first_heard)


def _ended_by(recording: Recording, at: datetime) -> bool:
    """Return the condition *ended by then*: reported, or by its call's end, or by its time limit."""
    if recording.status == RecordingStatus.COMPLETED:
        return (recording.ended_at or recording.happened_at) <= at
    call = recording.call
    if call.state == CallState.ENDED and call.ended_at is not None and call.ended_at <= at:
        return True
    return recording.time_limit_ends_at is not None and recording.time_limit_ends_at <= at


def day_bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the start of a day in a zone, and of the next day."""
    begins, ends = (datetime.combine(d, time.min, tzinfo=zone) for d in (day, day + timedelta(days=1)))
    return begins, ends


def days(user: Viewer, today: date, zone: tzinfo) -> list[Day]:
    """Return the last two weeks by day, oldest first, without running recordings."""
    shown = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    bounds = [day_bounds(day, zone) for day in shown]
    # ranges rather than TruncDate, which on SQLite is a Python function called for each row
    place = Case(
        *(
            When(happened_at__gte=begins, then=Value(n))
            for n, (begins, _ends) in reversed([*enumerate(bounds)])
        )
    )
    rows = Recording.objects.visible_to(user).filter(
        happened_at__gte=bounds[0][0], happened_at__lt=bounds[-1][1],
        status__in=(RecordingStatus.COMPLETED, RecordingStatus.FAILED),
    )  # fmt: skip
    was_cut_short = Case(When(WAS_CUT_SHORT, then=Value(1)), default=Value(0))
    grouped = rows.order_by().annotate(place=place, cut=was_cut_short).values("place", "status", "cut")
    sums: Counter[tuple[int, str]] = Counter()
    for group in grouped.annotate(n=Count("pk")):
        kind = (
            "failed" if group["status"] == RecordingStatus.FAILED else "cut" if group["cut"] else "completed"
        )
        sums[group["place"], kind] += group["n"]
    kinds = ("completed", "cut", "failed")
    return [Day(day, *(sums[place_of, kind] for kind in kinds)) for place_of, day in enumerate(shown)]
