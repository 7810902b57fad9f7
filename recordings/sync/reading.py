"""Reading one recording back from the API, which has the last word."""

from __future__ import annotations

from datetime import datetime, timedelta

from recordings.models import Recording
from recordings.provider import client_for
from recordings.vobiz.errors import NotFound

SOON = timedelta(seconds=60)
LATER = timedelta(hours=1)


def read_back(recording: Recording, *, now: datetime) -> bool:
    """Ask the API for one recording. False: Vobiz has no such file yet, and it is tried again later.

    Raises VobizError where Vobiz could not say.
    """
    if recording.recording_id is None:
        return False
    with client_for(recording.account) as client:
        try:
            seen = client.retrieve_recording(recording.recording_id)
        except NotFound as error:
            if error.route_missing:
                raise
            wait = SOON if now - recording.happened_at < LATER else LATER
            Recording.objects.filter(pk=recording.pk).update(read_back_due_at=now + wait)
            return False
    return bool(Recording.objects.upsert(recording.account, [seen], now=now).seen)
