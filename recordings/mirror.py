"""Vobiz's recordings mirrored into rows: ask for one recording, and store what the API says of one or many.

This is the layer below the services. Sync, reconcile and archive ask through it, and each decides what the answer means
for its own work. No transaction is open while Vobiz is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.utils.translation import gettext as _

from recordings.choices import Origin
from recordings.models import Account, FailedRow, Recording, UpsertReport, upsert_recordings
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import (
    AuthenticationError,
    NotConnectedError,
    NotFoundError,
    PaymentRequiredError,
    RateLimitError,
    RouteMissingError,
    UnreachableError,
)
from recordings.vobiz.objects import RecordingObject

# Errors of the account or of the connection: the request for the next recording would fail in the same way.
ACCOUNT_ERRORS = (
    AuthenticationError, NotConnectedError, PaymentRequiredError, RateLimitError, RouteMissingError, UnreachableError,
)  # fmt: skip
# After its end; until then the API may not know a recording that a callback named. Vobiz lists one within seconds.
# A day outlasts an outage of its list, and is short against a retention of weeks.
LISTED_WITHIN = timedelta(days=1)


class FetchStatus(Enum):
    """How Vobiz answered the request for one recording."""

    FOUND = "found"
    NOT_YET = "not yet"
    GONE = "gone"
    OTHER_CALL = "other call"


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The answer to one request. `seen` and `report` are there exactly if the status is FOUND.

    `report` says how the row was stored. It may hold a failed row: Vobiz has the recording, and it was not stored.
    """

    status: FetchStatus
    seen: RecordingObject | None = None
    report: UpsertReport | None = None

    @property
    def failure(self) -> str | None:
        """The reason why the recording that Vobiz returned could not be stored."""
        return self.report.failed[0].reason if self.report is not None and self.report.failed else None


def fetch_recording(
    account: Account,
    recording_id: str,
    *,
    client: VobizClient,
    now: datetime,
    known: Recording | None = None,
    call_uuid: str | None = None,
    origin: Origin = Origin.SYNC,
    dry_run: bool = False,
    reserved_ids: Collection[int] = (),
) -> FetchResult:
    """Ask Vobiz for one recording and store the answer.

    `now` is the moment before the request. `known` is the recording's row, if there is one: it tells a recording
    that Vobiz deleted (GONE) from one that the API does not list yet (NOT_YET). With `call_uuid`, a recording of
    another call is not stored (OTHER_CALL). The other arguments are those of `store_recordings`.

    Raise VobizError where Vobiz did not answer for this recording, RouteMissingError among them.
    """
    try:
        seen = client.retrieve_recording(recording_id)
    except NotFoundError:
        return FetchResult(_absence(known, now))
    if call_uuid is not None and seen.call_uuid != call_uuid:
        return FetchResult(FetchStatus.OTHER_CALL, seen)
    report = store_recordings(
        account, [seen], now=now, origin=origin, dry_run=dry_run, reserved_ids=reserved_ids
    )
    return FetchResult(FetchStatus.FOUND, seen, report)


def _absence(known: Recording | None, now: datetime) -> FetchStatus:
    """Return what a 404 means.

    Vobiz answers 404 both for a deleted recording and for one that has just ended. It is deleted where the API listed
    it before, or where it ended so long ago that the API would list it by now.
    """
    if known is None:
        return FetchStatus.NOT_YET
    is_young = now - (known.ended_at or known.happened_at) < LISTED_WITHIN
    return FetchStatus.NOT_YET if known.synced_at is None and is_young else FetchStatus.GONE


def store_recordings(
    account: Account,
    objects: Sequence[RecordingObject],
    *,
    now: datetime,
    origin: Origin = Origin.SYNC,
    dry_run: bool = False,
    reserved_ids: Collection[int] = (),
) -> UpsertReport:
    """Store recordings as the API returned them, and return what became of each.

    A row that the database refuses is reported as failed and does not cost the others theirs. A dry run rolls back.
    `origin` and `reserved_ids` are those of `upsert_recordings`.
    """
    upsert = partial(_upsert, account, now=now, origin=origin, dry_run=dry_run)
    try:
        return upsert(objects, reserved_ids=reserved_ids)
    except (DataError, IntegrityError):
        return _store_one_by_one(upsert, objects, reserved_ids)


def _store_one_by_one(
    upsert: Callable[..., UpsertReport], objects: Sequence[RecordingObject], reserved_ids: Collection[int]
) -> UpsertReport:
    """Store each object in a transaction of its own, after the database refused them together."""
    total, reserved = UpsertReport(), set(reserved_ids)
    for seen in objects:
        try:
            report = upsert([seen], reserved_ids=reserved)
        except (DataError, IntegrityError) as error:
            refused = FailedRow(seen.recording_id, _("The database refused it: %s") % error)
            report = UpsertReport(failed=[refused])
        # after a dry run's rollback these rows have no id, and must not take another
        reserved |= report.adopted
        total.add(report)
    return total


def _upsert(
    account: Account, objects: Sequence[RecordingObject], *, dry_run: bool, **how: Any
) -> UpsertReport:
    with transaction.atomic() if dry_run else nullcontext():
        report = upsert_recordings(account, objects, **how)
        if dry_run:
            transaction.set_rollback(True)
    return report
