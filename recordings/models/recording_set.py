"""Recordings, many at a time; and `upsert`, the one way from what Vobiz lists to rows here."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from recordings.choices import Origin, RecordingStatus
from recordings.models.archiving import ArchivingSet
from recordings.models.at_risk import AtRiskSet
from recordings.models.settling import SettlingSet
from recordings.models.upsert import Upsert, UpsertReport
from recordings.models.verifying import VerifyingSet
from recordings.vobiz.objects import RecordingObject

if TYPE_CHECKING:
    from recordings.models.account import Account

READ_AT_ONCE = 1_000  # rows
ALMOST = 1_000  # milliseconds by which a recording that hit its limit may end early
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


# The stubs give each QuerySet class an as_manager() of its own type, so several bases never agree on it.
class RecordingQuerySet(AtRiskSet, ArchivingSet, VerifyingSet, SettlingSet):  # type: ignore[override]
    """Recordings, many at a time."""

    def cut_short(self) -> Self:
        """Those that ended at their time limit, maybe while the call went on."""
        return self.filter(WAS_CUT, status=RecordingStatus.COMPLETED)

    def not_cut(self) -> Self:
        """Those that ended with their call or at a stop."""
        return self.filter(~WAS_CUT, status=RecordingStatus.COMPLETED)

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
        found = rows.order_by("happened_at", "pk").values_list("pk", "recording_id", "happened_at")
        for pk, recording_id, at in found.iterator(chunk_size=READ_AT_ONCE):  # there may be a million
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
