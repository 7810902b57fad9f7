"""Redaction of callback keys and query strings from every log line, whoever logs it.

Django's own request logger writes the path of every refused request, and a callback's path holds its key.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from django.core.exceptions import SuspiciousOperation

# Everything after the name of an endpoint, and after any other word: a mistyped path may hold a key too.
CALLBACK = re.compile(
    r"(/callbacks(?:/|%2f)+(?:(?:recording|transcription|account)(?:/|%2f)+)?)[^\s\"'<>?]+", re.IGNORECASE
)
QUERY = re.compile(r"(/[^\s?\"'<>]*)\?[^\s\"'<>]+")


def redact(text: str) -> str:
    """Replace callback keys in `text` by `…` and remove query strings."""
    return QUERY.sub(r"\1", CALLBACK.sub(r"\1…", text))


class RedactingFormatter(logging.Formatter):
    """Redacts the whole line: message, traceback and stack alike, for an exception's text may hold a URL too.

    What a stranger got wrong (a host name, say) takes one line: its traceback is of Django's own code, and anybody
    could fill the log with it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the formatted record, redacted."""
        return redact(super().format(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name in logging
        """Return the traceback, or nothing for a suspicious request, which is no bug of ours."""
        return "" if isinstance(ei[1], SuspiciousOperation) else super().formatException(ei)
