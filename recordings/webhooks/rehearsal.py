"""The answer to a rehearsal of a callback, whatever its path became on the way."""

from __future__ import annotations

import hashlib

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.deprecation import MiddlewareMixin

from recordings.callbacks import rehearsal
from recordings.database_waits import MONITOR_WAIT, answers_in_time
from recordings.webhooks.parsers import BODY_LIMIT


class RehearsalMiddleware(MiddlewareMixin):
    """Answer a rehearsal with what arrived; let every other request pass.

    It stands before anything that looks at host or path: what a proxy made of them is what is asked for.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """Answer where the key in the header is of a rehearsal that goes on."""
        key = request.headers.get(rehearsal.HEADER, "")
        if not key:
            return None
        with answers_in_time(MONITOR_WAIT):  # anybody may send this header, and the cache is in the database
            found = rehearsal.find(key)
        if found is None:
            return None
        arrived = {
            **rehearsal.report(found, request.path, request.headers),
            "method": request.method,
            "host": request.META.get("HTTP_HOST", ""),
            "is_secure": request.is_secure(),
            "address": request.META.get("REMOTE_ADDR", ""),
            "is_forwarded": "HTTP_X_FORWARDED_FOR" in request.META,
            "body_digest": hashlib.sha256(request.read(BODY_LIMIT)).hexdigest(),
        }
        return JsonResponse(arrived, headers={"Cache-Control": "no-store"})
