"""Names of requests for logs and metrics. Imports nothing that needs the apps: the log is set up before them."""

from __future__ import annotations

from django.http import HttpRequest


def view_of(request: HttpRequest) -> str:
    """Return the name of the view that answered: one of few, and never a part of the path."""
    match = request.resolver_match
    return (match.view_name or "unnamed") if match is not None else "none"
