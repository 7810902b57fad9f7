"""What must never reach a log: callback keys and query strings, whoever logs them.

Django's own request logger writes the path of every refused request, and a callback's path holds its key.
"""

from __future__ import annotations

import logging
import re

CALLBACK_KEY = re.compile(r"(/callbacks/[a-z]+/)[^/\s?\"']+")
QUERY = re.compile(r"(/[^\s?\"']*)\?[^\s\"']*")


def redact(text: str) -> str:
    """`text` with callback keys as `…` and query strings gone."""
    return QUERY.sub(r"\1", CALLBACK_KEY.sub(r"\1…", text))


class RedactSecrets(logging.Filter):
    """Rewrites each record before a handler sees it; never drops one."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage())
        record.args = None
        return True


class RedactingFormatter(logging.Formatter):
    """Redacts tracebacks too: an exception's text may hold a URL."""

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name is logging's
        return redact(super().formatException(ei))  # type: ignore[arg-type]
