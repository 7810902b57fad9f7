"""Reading stored events again after an upgrade: what an older version did not understand may now have its effect.

One that cannot be read is logged and stays as it is, with its outcome, for a person; it is not due a second time, so
that it keeps no later one from its turn.
"""

from __future__ import annotations

from django.utils import timezone

from recordings.callbacks import processing
from recordings.callbacks.failures import reading_again
from recordings.models import CallbackEvent
from recordings.models.callback_event import READER_VERSION


def reread_events(*, limit: int) -> int:
    """Read again the oldest events that are due; return how many. Resumable: each row says what has read it.

    Raises OperationalError and InterfaceError where the database is away, and leaves the event due.
    """
    due = list(CallbackEvent.objects.due_to_reread()[:limit])
    for event in due:
        with reading_again(event):
            processing.reread(event, now=timezone.now())
        CallbackEvent.objects.filter(pk=event.pk).update(reader_version=READER_VERSION)
    return len(due)
