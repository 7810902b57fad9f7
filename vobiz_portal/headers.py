"""Headers of every response, and the empty body of every answer to HEAD."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

# What the portal's pages never use: nothing they load may ask a person for it either.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone", "midi",
        "payment", "screen-wake-lock", "usb", "xr-spatial-tracking",
    )
)  # fmt: skip
# Without "cookies": that would also sign people out of everything else under the same domain.
CLEAR_SITE_DATA = '"cache", "storage"'


class ResponseHeadersMiddleware:
    """Add the headers that Django has no setting for; remove the body of an answer to HEAD.

    Waitress sends the body that an application gives it, also for HEAD: the next response on the connection would
    begin in the middle of it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if (
            request.method == "POST"
            and request.path == reverse("admin:logout")
            and response.status_code < 400
        ):
            response.headers["Clear-Site-Data"] = CLEAR_SITE_DATA
        if request.method == "HEAD":
            _remove_body(response)
        return response


def _remove_body(response: Any) -> None:
    """Remove the body, and leave the Content-Length that a GET would have."""
    if response.streaming:
        response.streaming_content = []  # what was opened is closed with the response
    else:
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.content = b""
