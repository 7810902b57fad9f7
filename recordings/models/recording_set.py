"""Recordings, many at a time; and `upsert`, the one way from what Vobiz lists to rows here."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from recordings.choices import OPEN_STATUSES, Origin
from recordings.models.upsert import Upsert, UpsertReport
from recordings.models.visibility import VisibleQuerySet
from recordings.vobiz.objects import RecordingObject

if TYPE_CHECKING:
    from recordings.models.account import Account


class RecordingQuerySet(VisibleQuerySet):
    """Recordings, many at a time."""

    def open(self) -> RecordingQuerySet:
        """Those that run, or may run."""
        return self.filter(status__in=OPEN_STATUSES)

    def to_read_back(self, now: datetime) -> RecordingQuerySet:
        """Those that the API is to be asked about by `now`, longest due first."""
        return self.filter(read_back_due_at__lte=now, recording_id__isnull=False).order_by("read_back_due_at")

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
