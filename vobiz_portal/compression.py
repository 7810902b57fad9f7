"""Compressing pages on their way to a browser."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class PageCompressionMiddleware(GZipMiddleware):
    """Compress HTML, and nothing else: audio and archives are compressed already, and have lengths and ranges to keep.

    A page holds what somebody typed beside a token, so its size must not tell whether they are alike (BREACH): Django
    masks the token anew in each page, and adds up to a hundred random bytes.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress the response where it is a whole page, or a part of one."""
        if response.streaming or not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
