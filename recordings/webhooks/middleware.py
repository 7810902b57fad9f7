"""The Host header of callbacks."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin

CALLBACK_PREFIX = "/callbacks/"


class CallbackHostMiddleware(MiddlewareMixin):
    """Let the host of PORTAL_URL stand for the Host header under /callbacks/.

    A proxy that does not pass the outer Host on would have every callback answered with 400 by ALLOWED_HOSTS. Nothing
    under /callbacks/ is built from the Host, so PORTAL_URL alone decides there.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Answer the question for the host with that of PORTAL_URL."""
        if request.path_info.startswith(CALLBACK_PREFIX):
            request.get_host = lambda: urlsplit(settings.PORTAL_URL).netloc  # type: ignore[method-assign]
