"""Recordings that run, or may run: whether they do, how they ended, and which of Vobiz's they are.

Vobiz lists a recording when it has ended, and answers 404 for it until then: so a start whose answer was lost is
looked for in the list of its call, again and again, and what must have ended is read back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.utils.translation import gettext as _

from recordings import live
from recordings.choices import CallState, TranscriptionStatus
from recordings.models import Call, Recording, Transcription, claim_recording_id
from recordings.reconcile.errand import AT_ONCE, Errand
from recordings.sync import LATER, SOON, read_back, read_call
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import VobizError

GRACE = timedelta(minutes=10)  # after it must have ended, until a recording without a trace is given up
STOP_TAKES = timedelta(seconds=10)
FIRST_LOOKS = (timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=60))
BEFORE = timedelta(hours=1)  # a recording is listed after it was asked for, whatever the clocks


@dataclass(slots=True)
class Unfinished:
    """Settling the open recordings of one account."""

    errand: Errand
    client: VobizClient
    _unknown: list[Recording] = field(default_factory=list)
    """Those that Vobiz has just answered 404 for."""

    def settle(self) -> None:
        """Calls first, then what is due of the recordings."""
        self._look_at_calls()
        self._make_due()
        self._read_back()
        self._look_for_starts()

    def _open(self) -> Iterable[Recording]:
        rows = Recording.objects.open().filter(account=self.errand.account).select_related("call", "account")
        return rows.order_by("requested_at", "pk")[: 5 * AT_ONCE]

    def _look_at_calls(self) -> None:
        """Whether the calls of open recordings are still live; one that never was and is not listed, is over."""
        account = self.errand.account
        if not any(row.call.state != CallState.ENDED for row in self._open()):
            return
        asked = self.errand.now()
        live.refresh(account, now=asked)
        at = account.live_refreshed_at
        if at is None or account.live_error is not None:
            return
        begun = Recording.objects.open().filter(account=account, requested_at__lt=at - FIRST_LOOKS[0])
        for call in Call.objects.filter(state=CallState.UNKNOWN, recordings__in=begun).distinct():
            call.end(at)

    def _make_due(self) -> None:
        """What must have ended, or was asked to, is asked about now."""
        now = self.errand.now()
        for row in self._open():
            ended, stopped = row.must_have_ended_at, row.stop_requested_at
            over = ended is not None and ended <= now
            over = over or (stopped is not None and stopped <= now - STOP_TAKES)
            if over and row.recording_id is not None and row.read_back_due_at is None:
                row.reschedule_read_back(now, until=now)

    def _read_back(self) -> None:
        """What the rows say is due."""
        rows = Recording.objects.due_for_read_back(self.errand.now()).filter(account=self.errand.account)
        for recording in rows.select_related("account", "call")[:AT_ONCE]:
            if not self.errand.may_go_on():
                return
            asked = self.errand.now()
            try:
                answered = read_back(recording, now=asked, client=self.client)
            except VobizError as error:
                self.errand.note(error)
                recording.reschedule_read_back(asked, until=asked + LATER)
                continue
            self.errand.settled += answered
            if not answered and recording.is_open and self._is_overdue(recording):
                self._unknown.append(recording)

    # By the list of their call

    def _look_for_starts(self) -> None:
        """Starts whose id is not known, and recordings that Vobiz knows no more: each call's list is read once."""
        now, by_call = self.errand.now(), defaultdict(list)
        lost = Recording.objects.due_for_lookup(now).filter(account=self.errand.account)
        for row in [*lost.select_related("call", "account")[:AT_ONCE], *self._unknown]:
            if now - (row.requested_at or row.happened_at) >= FIRST_LOOKS[0]:
                by_call[row.call].append(row)
        for call, rows in by_call.items():
            if self.errand.may_go_on():
                self._look_for(call, rows)

    def _look_for(self, call: Call, rows: list[Recording]) -> None:
        asked = self.errand.now()
        since = min(row.requested_at or row.happened_at for row in rows) - BEFORE
        try:
            listed = read_call(
                self.errand.account, call.call_uuid, since=since, client=self.client, now=asked
            )
        except VobizError as error:
            self.errand.note(error)
            for row in rows:
                row.reschedule_read_back(asked, until=asked + LATER)
            return
        if listed.complete:
            _tell_apart(call, now=asked, overdue=all(self._is_overdue(row) for row in rows))
        for row in rows:
            row.refresh_from_db()
            if not row.is_open:
                self.errand.settled += 1
            elif listed.complete and self._is_overdue(row):
                self._give_up(row)
            elif row.recording_id is None:
                row.reschedule_read_back(asked, until=_looked_for_again(row, asked))

    def _is_overdue(self, row: Recording) -> bool:
        """It must have ended so long ago that Vobiz would list it by now."""
        ended = row.must_have_ended_at
        return ended is not None and self.errand.now() > ended + GRACE

    def _give_up(self, row: Recording) -> None:
        """It is nowhere: not by its id, nor in a clean list of its call."""
        if row.fail(_("Vobiz has no trace of it.")):
            Transcription.objects.filter(recording=row, status=TranscriptionStatus.EXPECTED).update(
                status=TranscriptionStatus.MISSING
            )
            self.errand.settled += 1


def _looked_for_again(row: Recording, now: datetime) -> datetime:
    """5, 15 and 60 seconds after it was asked for, then every minute."""
    begun = row.requested_at or row.happened_at
    return min((begun + wait for wait in FIRST_LOOKS if begun + wait > now), default=now + SOON)


def _tell_apart(call: Call, *, now: datetime, overdue: bool) -> None:
    """Several starts of one call whose answers were lost: which of the listed recordings each of them is.

    As many as were listed: in the order of their beginning. Else callbacks are waited for, and in the end each takes
    the one that began nearest to it. (One alone has taken its own when the list was read.)
    """
    family = call.account.family()
    of_call = Recording.objects.filter(account__in=family, call__call_uuid=call.call_uuid)
    waiting = list(of_call.without_recording_id().order_by("requested_at", "pk"))
    free = list(of_call.filter(requested_at=None, recording_id__isnull=False).order_by("happened_at", "pk"))
    as_many = len(waiting) == len(free)
    if not as_many and not overdue:
        return
    for row in waiting:
        asked = row.requested_at or row.happened_at
        later = [one for one in free if asked < (one.ended_at or one.added_at or now)]
        if not later:
            continue
        found = later[0] if as_many else min(later, key=partial(_distance, asked))
        free.remove(found)
        if claim_recording_id(row, str(found.recording_id)) and not row.is_open:
            row.reschedule_read_back(now, until=None)


def _distance(asked: datetime, one: Recording) -> timedelta:
    return abs(one.happened_at - asked)
