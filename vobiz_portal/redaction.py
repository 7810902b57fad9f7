"""Redaction of callback keys, query strings and phone numbers from every log line, whoever logs it.

Django's own request logger writes the path of every refused request, and a callback's path holds its key.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.http.multipartparser import MultiPartParserError

# Everything after the name of an endpoint, and after any other word: a mistyped path may hold a key too.
CALLBACK = re.compile(
    r"(/callbacks(?:/|%2f)+(?:(?:recording|transcription|account)(?:/|%2f)+)?)[^\s\"'<>?]+", re.IGNORECASE
)
QUERY = re.compile(r"(/[^\s?\"'<>]*)\?[^\s\"'<>]+")
PHONE_NUMBER = re.compile(r"\+[0-9]{7,15}\b")  # as the portal writes one
# The database is away, locked by another, out of disk, or took too long
DATABASE_AWAY = (OperationalError, InterfaceError)
NEWLINE = "\n"
NO_FAULTS = (BadRequest, MultiPartParserError, SuspiciousOperation, PermissionDenied, Http404)


def redact(text: str) -> str:
    """Replace callback keys and phone numbers in `text` by `…` and remove query strings."""
    return PHONE_NUMBER.sub("+…", QUERY.sub(r"\1", CALLBACK.sub(r"\1…", text)))


class RedactingFormatter(logging.Formatter):
    """Redacts the whole line: message, traceback and stack alike, for an exception's text may hold a URL too.

    What a stranger got wrong (a host name, say) and a page that is refused take one line: anybody could fill the log
    with their tracebacks, which tell of no fault.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the formatted record, redacted."""
        return redact(super().format(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name in logging
        """Return the traceback, or nothing for what is no bug of ours: a suspicious request, a refused page."""
        if isinstance(ei[1], DATABASE_AWAY):  # each page that is opened meanwhile fails in the same way
            return f"{type(ei[1]).__name__}: {str(ei[1]).partition(NEWLINE)[0]}"
        return "" if isinstance(ei[1], NO_FAULTS) else super().formatException(ei)
