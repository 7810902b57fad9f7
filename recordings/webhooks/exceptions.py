"""How errors become answers to Vobiz."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.response import Response
from rest_framework.views import exception_handler

from recordings.callbacks.body import UnreadableBodyError, UnsupportedBodyError
from recordings.callbacks.deliveries import BudgetSpentError

logger = logging.getLogger(__name__)


class TooManyUnsignedError(APIException):
    """As many unsigned deliveries are stored as will be; this one is counted."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_many"


class NotStoredError(APIException):
    """The database could not commit the delivery."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "not_stored"


def callback_exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer 503 where the database failed, so that Vobiz tries again; 400 or 415 for a body without fields."""
    if isinstance(exc, DatabaseError | InterfaceError):
        # The error's text may quote the row, and with it the transcript.
        logger.error("a callback could not be stored: %s", type(exc).__name__)
        exc = NotStoredError(_("Try again."))
    elif isinstance(exc, BudgetSpentError):
        exc = TooManyUnsignedError(_("Too many unsigned callbacks are stored."))
    elif isinstance(exc, UnsupportedBodyError):
        exc = UnsupportedMediaType(context["request"].content_type, detail=str(exc))
    elif isinstance(exc, UnreadableBodyError):
        exc = ParseError(str(exc))
    return exception_handler(exc, context)
