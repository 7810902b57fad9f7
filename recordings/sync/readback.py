"""Read-back of one recording from the API, which has the last word."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta

from recordings.mirror import FetchStatus, fetch_recording
from recordings.models import Recording
from recordings.provider import client_for
from recordings.vobiz.client import VobizClient

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
        result = fetch_recording(
            recording.account, recording.recording_id, client=asking, now=now, known=recording
        )
    if result.status != FetchStatus.FOUND:
        # Whatever the mirror makes of the 404: as long as Vobiz keeps audio, the recording may still be listed.
        is_over = recording.gone_at_provider_at is not None or now >= recording.retention_ends_at
        recording.reschedule_read_back(
            now, until=None if is_over else now + _wait(recording, now, first=SOON)
        )
        return False
    if result.failure is not None:  # the next answer will hardly differ, and others are to have their turn
        until = now + _wait(recording, now, first=LATER)
        recording.reschedule_read_back(now, until=until, error=result.failure)
        return False
    recording.refresh_from_db(fields=["status"])
    if recording.is_open:  # it should have ended, and Vobiz says that it runs on
        recording.reschedule_read_back(now, until=now + SOON)
    return True


def _wait(recording: Recording, now: datetime, *, first: timedelta) -> timedelta:
    """Return the wait before the next read-back: the older the recording, the longer."""
    age = now - (recording.must_have_ended_at or recording.happened_at)
    return first if age < LATER else LATER if age < DAILY else DAILY
