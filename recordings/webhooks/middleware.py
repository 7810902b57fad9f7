"""The Host header of callbacks."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

CALLBACK_PREFIX = "/callbacks/"


class CallbackHostMiddleware:
    """Let the host of PORTAL_URL stand for the Host header under /callbacks/.

    A proxy that does not pass the outer Host on would have every callback answered with 400 by ALLOWED_HOSTS. Nothing
    under /callbacks/ is built from the Host, so PORTAL_URL alone decides there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(CALLBACK_PREFIX):
            request.get_host = lambda: urlsplit(settings.PORTAL_URL).netloc  # type: ignore[method-assign]
        return self.get_response(request)
