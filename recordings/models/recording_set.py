"""Recordings, many at a time; and `upsert`, the one way from what Vobiz lists to rows here."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import IntegrityError, models, transaction
from django.db.models import Case, ExpressionWrapper, F, Q, Value, When
from django.db.models.functions import Coalesce

from recordings.choices import OPEN_STATUSES, Origin, RecordingStatus
from recordings.models.upsert import Upsert, UpsertReport
from recordings.models.visibility import VisibleQuerySet
from recordings.vobiz.objects import RecordingObject

if TYPE_CHECKING:
    from recordings.models.account import Account

ALMOST = 1_000  # milliseconds by which a recording that hit its limit may end early
KEPT_FROM = Coalesce("added_at", "happened_at")  # since when Vobiz has the audio
# As Recording.was_cut. Every NULL is asked for by name, so that the opposite (~WAS_CUT) finds those rows.
WAS_CUT = Q(
    time_limit__isnull=False,
    duration_ms__isnull=False,
    stop_requested_at__isnull=True,
    duration_ms__gte=F("time_limit") * 1_000 - ALMOST,
)


@dataclass(frozen=True, slots=True)
class Missing:
    """Rows that a list of Vobiz's does not show.

    `rows`: primary key and recording id of each, oldest first. `young`: how many of them are younger than the
    account's retention days, after which Vobiz is expected to delete; `known_young`: of how many such rows.
    """

    rows: tuple[tuple[int, str], ...]
    young: int
    known_young: int


class RecordingQuerySet(VisibleQuerySet):
    """Recordings, many at a time."""

    def open(self) -> RecordingQuerySet:
        """Those that run, or may run."""
        return self.filter(status__in=OPEN_STATUSES)

    def to_read_back(self, now: datetime) -> RecordingQuerySet:
        """Those that the API is to be asked about by `now`, longest due first."""
        return self.filter(read_back_due_at__lte=now, recording_id__isnull=False).order_by("read_back_due_at")

    def cut_short(self) -> Self:
        """Those that ended at their time limit, maybe while the call went on."""
        return self.filter(WAS_CUT, status=RecordingStatus.COMPLETED)

    def not_cut(self) -> Self:
        """Those that ended with their call or at a stop."""
        return self.filter(~WAS_CUT, status=RecordingStatus.COMPLETED)

    def leaving(self, now: datetime, within: timedelta, *, kept_days: Collection[int]) -> Self:
        """Those whose audio Vobiz is said to delete in the time `within` from now, and of which there is no copy.

        `kept_days`: every number of days that one of the accounts is kept for. Each row has its `leaves_at`.
        """
        rows = self.annotate(kept_from=KEPT_FROM).filter(
            status=RecordingStatus.COMPLETED, gone_at_provider_at__isnull=True, archived_at__isnull=True
        )
        soon, leaves = Q(pk=None), []
        for days in sorted(set(kept_days)):
            kept = timedelta(days=days)
            soon |= Q(
                account__retention_days=days, kept_from__gt=now - kept, kept_from__lte=now - kept + within
            )
            at = ExpressionWrapper(F("kept_from") + Value(kept), models.DateTimeField())
            leaves.append(When(account__retention_days=days, then=at))
        return rows.filter(soon).annotate(leaves_at=Case(*leaves, output_field=models.DateTimeField()))

    def missing(self, account: Account, listed: Collection[str], *, now: datetime) -> Missing:
        """Finished rows of an account that the API has shown before `now` and that are not among the ids `listed`."""
        rows = self.filter(
            account=account,
            recording_id__isnull=False,
            status=RecordingStatus.COMPLETED,
            gone_at_provider_at=None,
            synced_at__lt=now,
        )
        young_after = now - timedelta(days=account.retention_days)
        absent, young, known_young = [], 0, 0
        for pk, recording_id, at in rows.order_by("happened_at", "pk").values_list(
            "pk", "recording_id", "happened_at"
        ):
            known_young += at >= young_after
            if recording_id not in listed:
                young += at >= young_after
                absent.append((pk, recording_id))
        return Missing(tuple(absent), young, known_young)

    def note_gone(self, now: datetime) -> int:
        """Vobiz has them no longer; how many that is news of."""
        return self.filter(gone_at_provider_at=None).update(gone_at_provider_at=now)

    def upsert(
        self,
        account: Account,
        objects: Iterable[RecordingObject],
        *,
        now: datetime,
        origin: Origin = Origin.SYNC,
        spoken_for: Collection[int] = (),
    ) -> UpsertReport:
        """Bring what the API says of recordings into rows: one recording, one row, unchanged rows unwritten.

        An object is matched by `recording_id`; else, if its call has exactly one row without an id, asked for
        before the object ended, that row takes the id; else it makes its own row. `spoken_for`: primary keys
        of rows without an id that must not take one. All in one transaction; two at once are safe.
        """
        listed = list(objects)
        try:
            with transaction.atomic():
                return Upsert(self, account, now, origin, spoken_for).run(listed)
        except IntegrityError:
            # Another family has made a row of the same id at the same moment: the second look finds it.
            with transaction.atomic():
                return Upsert(self, account, now, origin, spoken_for).run(listed)
