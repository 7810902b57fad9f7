"""The archive's state: recordings at risk, lost, due and kept, and its free space."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, Max, OuterRef, Q, Subquery, Sum, When

from recordings import storage
from recordings.choices import Channels, FileFormat
from recordings.models import Account, Recording
from recordings.overview.counting import (
    MOST,
    Counted,
    Group,
    Viewer,
    counted,
    counted_as,
    groups,
    read_rows,
)
from recordings.storage import Space, StorageError
from recordings.storage.space import MP3_A_SECOND, WAV_A_SECOND, likely_bytes, space_of

DUE_TAKES = timedelta(hours=24)  # longer than this no recording should wait for its copy
RATE_OVER = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Archiving:
    """The archive's progress. Bytes of what is due are estimates, counted up to MOST rows.

    `oldest_due_at`: since when the one that has been due longest of those that leave first has been so here, whatever
    its date at Vobiz. `a_day`: bytes archived a day, over the last week. `free` is None where storage does not tell.
    """

    last_at: datetime | None
    due: Counted
    due_bytes: int
    oldest_due_at: datetime | None
    a_day: int
    free: int | None
    reserve: int
    storage_error: str = ""

    @property
    def has_room(self) -> bool:
        """True if the storage has space, or does not report it."""
        return self.free is None or self.free >= self.reserve

    @property
    def full_in_days(self) -> int | None:
        """Days until the storage is full at last week's pace; None if unknown."""
        if self.free is None or not self.a_day:
            return None
        return max(0, self.free - self.reserve) // self.a_day


@dataclass(frozen=True, slots=True)
class Holdings:
    """Number of recordings, and bytes.

    The size of `guessed` of them is an estimate from their length; that of those `without_length` is left out.
    """

    recordings: int
    bytes: int
    guessed: int
    without_length: int


def soon() -> timedelta:
    """Return how long before its expiry at Vobiz an unarchived recording is at risk."""
    return timedelta(days=settings.AT_RISK_DAYS)


def at_risk(
    user: Viewer, now: datetime, *, kept_days: Collection[int], every_account: bool = False
) -> dict[int, Group]:
    """Return unarchived recordings that expire soon, by account; `first_at`: the first expiry."""
    if not kept_days:
        return {}
    rows = Recording.objects.visible_to(user).at_risk(now, soon(), kept_days=kept_days)
    # where all are kept as long, the index has this order already
    rows = rows.order_by("kept_from" if len(set(kept_days)) == 1 else "leaves_at")
    return groups(read_rows(rows.values_list("account_id", "leaves_at"), every_account=every_account))


def at_risk_now(user: Viewer, now: datetime, *, kept_days: Collection[int]) -> Counted:
    """Count the recordings at risk, for the header of every page."""
    rows = Recording.objects.visible_to(user).order_by()
    return counted(rows.at_risk(now, soon(), kept_days=kept_days).values_list("pk"))


def lost(now: datetime, seen: Collection[Any], *, every_account: bool = False) -> dict[int, Group]:
    """Return lost recordings by account, without those marked as reviewed.

    `seen`: what `accounts` gave, whose rows alone are read. `first_at`: since when the first one is lost, as far as
    the portal knows.
    """
    kept = {account.pk: timedelta(days=account.retention_days) for account in seen}
    read = [
        row
        for rows in Recording.objects.order_by().lost_in_parts(now, seen)
        for row in read_rows(
            rows.values_list("account_id", "gone_at_provider_at", "kept_from"), every_account=every_account
        )
    ]
    return groups([(account, min(gone or now, at + kept[account])) for account, gone, at in read])


def lost_before(now: datetime, seen: Iterable[Any]) -> Counted:
    """Return those of them that had expired before the portal could fetch them."""
    return counted(Recording.objects.order_by().lost_before(now, seen).values_list("pk"))


def archiving(now: datetime, seen: Collection[Any]) -> Archiving:
    """Return the archive's progress for the accounts that the user sees; the free space is common to all.

    `seen`: what `accounts` gave.
    """
    copies = Recording.objects.filter(account=OuterRef("pk"), archived_at__isnull=False).order_by(
        "-archived_at"
    )
    accounts = Account.objects.filter(pk__in=[one.pk for one in seen]).order_by()
    last = accounts.annotate(last_at=Subquery(copies.values("archived_at")[:1])).aggregate(at=Max("last_at"))
    sizes = ("duration_ms", "file_format", "channels")
    since = ("kept_from", "ended_at", "call__created_at", "asked_at")
    # where archiving goes by itself, that somebody asks for it makes nothing due that was not
    asked_at = Case(When(account__archive_automatically=False, then="archive_asked_at"))
    rows = Recording.objects.waiting_to_be_archived(seen).annotate(asked_at=asked_at).order_by("kept_from")
    found = list(rows.values_list(*sizes, *since)[: MOST + 1])
    sums = Recording.objects.filter(archived_at__gte=now - RATE_OVER).aggregate(sum=Sum("audio_bytes"))
    room, error = space()
    return Archiving(
        last_at=last["at"],
        due=counted_as(len(found)),
        due_bytes=sum(likely_bytes(*row[:3]) for row in found),
        oldest_due_at=min((max(filter(None, row[3:])) for row in found), default=None),
        a_day=(sums["sum"] or 0) // RATE_OVER.days,
        free=room.free if room else None,
        reserve=room.reserve if room else 0,
        storage_error=error,
    )


def space() -> tuple[Space | None, str]:
    """Return the archive's free space if known, and the error if the storage cannot be asked."""
    try:
        return storage.archive().free_space(), ""
    except (StorageError, OSError) as error:
        return None, str(error)


def database_space() -> Space | None:
    """Return the space of the disk that holds the SQLite database; None for another database, or where unknown."""
    database = settings.DATABASES["default"]
    if database["ENGINE"] != "django.db.backends.sqlite3" or not Path(database["NAME"]).is_absolute():
        return None
    try:
        return space_of(Path(database["NAME"]).parent)
    except OSError:
        return None


def holdings(account: Account) -> Holdings:
    """Return what an account holds, archived or still at Vobiz."""
    whole = Recording.objects.can_be_heard().filter(account=account)
    wav = Q(audio_bytes=None, file_format=FileFormat.WAV)
    sums = whole.aggregate(
        n=Count("pk"),
        known=Sum("audio_bytes"),
        mono=Sum("duration_ms", filter=wav & Q(channels=Channels.MONO)),
        stereo=Sum("duration_ms", filter=wav & (Q(channels=None) | ~Q(channels=Channels.MONO))),
        other=Sum("duration_ms", filter=Q(audio_bytes=None) & (Q(file_format=None) | ~Q(file_format=FileFormat.WAV))),
        guessed=Count("pk", filter=Q(audio_bytes=None)),
        unknown=Count("pk", filter=Q(duration_ms=None)),
    )  # fmt: skip
    likely = WAV_A_SECOND * ((sums["mono"] or 0) + 2 * (sums["stereo"] or 0)) + MP3_A_SECOND * (
        sums["other"] or 0
    )
    return Holdings(
        recordings=sums["n"],
        bytes=(sums["known"] or 0) + likely // 1_000,
        guessed=sums["guessed"],
        without_length=sums["unknown"],
    )
