"""The workers' state, and recordings found after a gap in the callbacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min

from recordings.choices import EventOutcome, RecordingStatus, TranscriptionStatus
from recordings.models import CallbackEvent, Recording, Worker
from recordings.models.worker import ALIVE
from recordings.overview.counting import MOST, Viewer

OVERDUE = timedelta(minutes=5)  # what has been due for so long, no worker can keep up with, or Vobiz is away


@dataclass(frozen=True, slots=True)
class Background:
    """Number of live workers, their last heartbeat, and their last sweep of what is due.

    `oldest_due_at`: since when what is due has been so; None where nothing is.
    """

    workers: int
    heard_at: datetime | None
    swept_at: datetime | None
    oldest_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Recordings of one account that ended without a callback, not yet marked as reviewed.

    `found`: those that Vobiz was asked about instead. `transcripts`: those whose text cannot be fetched any more.
    `first_at`: when the first of them was noticed. `more`: there are more than were counted.
    """

    ended: int
    found: int
    transcripts: int
    first_at: datetime
    more: bool


def background(user: Viewer, now: datetime) -> Background:
    """Return the workers' state. Three queries, each by an index."""
    newest = Worker.objects.annotate(is_alive=ALIVE).order_by("-heard_at")[:100]
    workers = list(newest.values_list("heard_at", "swept_at", "is_alive"))
    # by their index, as in `for_a_person`
    due_rows = Recording.objects.filter(read_back_due_at__lte=now).order_by()
    rows = Recording.objects.visible_to(user).filter(pk__in=due_rows.values("pk"), account__is_active=True)
    events = CallbackEvent.objects.visible_to(user).filter(
        outcome=EventOutcome.RECEIVED, processed_at=None, account__is_active=True
    )
    events = events.exclude(outcome=EventOutcome.APPLIED)  # which is what the index leaves out
    due = [
        rows.order_by().aggregate(at=Min("read_back_due_at"))["at"],
        events.order_by().aggregate(at=Min("received_at"))["at"],
    ]
    return Background(
        workers=sum(is_alive for _heard, _swept, is_alive in workers),
        heard_at=workers[0][0] if workers else None,
        swept_at=max((swept for _heard, swept, _alive in workers if swept is not None), default=None),
        oldest_due_at=min(filter(None, due), default=None),
    )


def gaps(user: Viewer, accounts: Iterable[Any]) -> dict[int, Gap]:
    """Return the gaps by account, without those marked as reviewed."""
    rows = (
        Recording.objects.visible_to(user).without_callback().filter(account__in=[one.pk for one in accounts])
    )
    found: dict[int, list[tuple[datetime, str, str | None]]] = defaultdict(list)
    newest_first = rows.order_by("-no_callback_at").values_list(
        "account_id", "no_callback_at", "status", "transcription__status"
    )
    read = list(newest_first[: MOST + 1])
    for account, at, status, transcript in read:
        found[account].append((at, status, transcript))
    return {
        account: Gap(
            ended=len(those),
            found=sum(status == RecordingStatus.COMPLETED for _at, status, _text in those),
            transcripts=sum(text == TranscriptionStatus.MISSING for _at, _status, text in those),
            first_at=min(at for at, _status, _text in those),
            more=len(read) > MOST,
        )
        for account, those in found.items()
    }
