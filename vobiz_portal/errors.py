"""The answer to a request that ended in an error nobody caught."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.template import loader
from django.views import defaults

from vobiz_portal.redaction import DATABASE_AWAY

RETRY_AFTER = "10"  # seconds


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the 400 page. Django's own reads the form for a CSRF token, and the form may be what cannot be read."""
    return HttpResponseBadRequest(loader.get_template("400.html").render())


def server_error(request: HttpRequest) -> HttpResponse:
    """Return a plain 503 page where the database failed, and the 500 page for anything else."""
    if not isinstance(sys.exc_info()[1], DATABASE_AWAY):
        return defaults.server_error(request)
    page = loader.get_template("503.html").render()  # without a request: its context would ask the database
    return HttpResponse(page, status=503, headers={"Retry-After": RETRY_AFTER})
