"""Reading one recording back from the API, which has the last word."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta

from recordings.models import Recording, upsert_recordings
from recordings.provider import client_for
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import NotFound

SOON = timedelta(seconds=60)
LATER = timedelta(hours=1)
DAILY = timedelta(days=1)


def read_back(recording: Recording, *, now: datetime, client: VobizClient | None = None) -> bool:
    """Ask the API for one recording, with `client` if there is one already.

    False: Vobiz has no such file yet, or says of it what cannot be taken, which the row then shows. It is asked
    again later, ever more rarely; not at all once it is gone there. Raises VobizError where Vobiz could not say.
    """
    if recording.recording_id is None:
        return False
    with nullcontext(client) if client is not None else client_for(recording.account) as asking:
        try:
            seen = asking.retrieve_recording(recording.recording_id)
        except NotFound as error:
            if error.route_missing:
                raise
            is_gone = recording.gone_at_provider_at is not None or now >= recording.leaves_vobiz_at
            recording.reschedule_read_back(
                now, until=None if is_gone else now + _wait(recording, now, first=SOON)
            )
            return False
    report = upsert_recordings(recording.account, [seen], now=now)
    if report.failed:  # the next answer will hardly differ, and others are to have their turn
        until, reason = now + _wait(recording, now, first=LATER), report.failed[0].reason
        recording.reschedule_read_back(now, until=until, error=reason)
        return False
    recording.refresh_from_db(fields=["status"])
    if recording.is_open:  # it should have ended, and Vobiz says that it runs on
        recording.reschedule_read_back(now, until=now + SOON)
    return True


def _wait(recording: Recording, now: datetime, *, first: timedelta) -> timedelta:
    """How long it is left alone before it is asked for again: the older, the longer."""
    age = now - (recording.must_have_ended_at or recording.happened_at)
    return first if age < LATER else LATER if age < DAILY else DAILY
