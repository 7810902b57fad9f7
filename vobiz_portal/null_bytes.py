"""Queries with a NUL, which no page has a use for."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse


class NullByteMiddleware:
    """Refuse a page's query with a NUL with 400: PostgreSQL fails on it, and SQLite finds nothing.

    Forms refuse it by themselves, field by field. A callback's query may hold one, which is then left out.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if ("%00" in query or "\x00" in query) and request.path_info.startswith("/admin/"):
            raise BadRequest("a NUL in the query")
        return self.get_response(request)
