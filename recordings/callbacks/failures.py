"""What a stored event that cannot be read or applied leaves: a line of the log and words, nothing of what it holds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, OperationalError

from recordings.models import CallbackEvent
from recordings.vobiz.wire import one_line

logger = logging.getLogger(__name__)

ERROR_LENGTH = 500


def log_failure(event: CallbackEvent, error: BaseException) -> None:
    """Log that an event could not be applied."""
    logger.error("callback event %s could not be applied: %s", event.pk, type(error).__name__)


@contextmanager
def reading_again(event: CallbackEvent) -> Iterator[None]:
    """Read a stored event again; log whatever it raises and go on, so that the events after it have their turn.

    Raises OperationalError or InterfaceError where the database is away or locked, which is no fault of the event.
    """
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever the row holds
        logger.error("callback event %s could not be read again: %s", event.pk, type(error).__name__)  # noqa: TRY400


def words_for(error: BaseException) -> str:
    """Return what went wrong, without what was in the row: PostgreSQL's detail lines quote it, transcript and all."""
    first_line = str(error).partition("\n")[0] if isinstance(error, DatabaseError) else str(error)
    return one_line(f"{type(error).__name__}: {first_line}")[:ERROR_LENGTH]
