"""Log lines as JSON, and the id of the request that they belong to."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from recordings.monitoring.view_names import view_of
from vobiz_portal.redaction import RedactingFormatter, redact

logger = logging.getLogger(__name__)

# As proxies make them; and longer than any phone number.
SANE_ID = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class JSONFormatter(RedactingFormatter):
    """One object a line: time, level, logger, message, and where they apply the request's id and a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON, redacted."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            "request_id": request_id.get(),
            "traceback": redact(self.formatException(record.exc_info)) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in line.items() if value}, ensure_ascii=False)


class RequestIdMiddleware:
    """Give each request an id, its own if that is sane; return it in `X-Request-ID`, and log the request under it.

    The line names the view and never the path, in which a callback's key may stand. With LOG_FORMAT=line there is none.
    Lines of refused requests are bounded by `vobiz_portal/log_budget.py`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        token = request_id.set(given if SANE_ID.fullmatch(given) else uuid.uuid4().hex)
        began = time.perf_counter()
        try:
            response = self.get_response(request)
            took = (time.perf_counter() - began) * 1_000
            view, status = view_of(request), response.status_code
            subject = {"budget": f"refused requests to {view}"} if 400 <= status < 500 else None
            logger.info("%s %s %d %.0f ms", request.method, view, status, took, extra=subject)
            response.headers["X-Request-ID"] = str(request_id.get())
            return response
        finally:
            request_id.reset(token)
