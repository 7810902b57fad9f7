"""The addresses for monitors, answered before everything else, and the measuring of all other requests."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseNotFound, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from recordings.database_waits import MONITOR_WAIT, answers_in_time
from recordings.monitoring import metrics, readiness
from recordings.monitoring.view_names import view_of

METHODS = ("GET", "HEAD")


class MonitoringMiddleware:
    """Answer `/healthz`, `/readyz` and `/metrics`, and count every other request.

    A probe comes by the machine's own address, without TLS, and must need neither a session nor, for `/healthz`, the
    database: so it is answered before the Host, redirects and sessions are looked at.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._probes = {"/healthz": _health, "/readyz": _ready, "/metrics": _metrics}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = self._probes.get(request.path_info)
        if probe is not None:
            response = probe(request) if request.method in METHODS else HttpResponseNotAllowed(METHODS)
            response.headers["Cache-Control"] = "no-store"
            return response
        began = time.perf_counter()
        response = self.get_response(request)
        view = view_of(request)
        metrics.request_seconds.labels(view).observe(time.perf_counter() - began)
        method = request.method if request.method in {"GET", "HEAD", "POST"} else "other"
        metrics.request_count.labels(view, method, response.status_code).inc()
        return response


def _health(_request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "alive"})


def _ready(_request: HttpRequest) -> HttpResponse:
    failed = readiness.failed()
    return JsonResponse(
        {"status": "unavailable" if failed else "ready", "failed": failed}, status=503 if failed else 200
    )


def _metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics to whoever has the token; say nothing of them where there is none."""
    if not settings.METRICS_TOKEN:
        return HttpResponseNotFound()
    scheme, _blank, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), settings.METRICS_TOKEN.encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    try:
        with answers_in_time(MONITOR_WAIT):
            return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)
    except (DatabaseError, InterfaceError):
        return HttpResponse(status=503)
