"""The answer to a rehearsal of a callback, whatever its path became on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from recordings.callbacks import rehearsal
from recordings.webhooks.parsers import BODY_LIMIT


class RehearsalMiddleware:
    """Answer a rehearsal with what arrived; let every other request pass.

    It stands before anything that looks at host or path: what a proxy made of them is what is asked for.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.headers.get(rehearsal.HEADER, "")
        found = rehearsal.find(key) if key else None
        if found is None:
            return self.get_response(request)
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
