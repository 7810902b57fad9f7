"""Queries with a NUL, which no page has a use for."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin


class NullByteMiddleware(MiddlewareMixin):
    """Refuse a page's query with a NUL with 400: PostgreSQL fails on it, and SQLite finds nothing.

    Forms refuse it by themselves, field by field. A callback's query may hold one, which is then left out.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Raise BadRequest for such a query of a page."""
        query = request.META.get("QUERY_STRING", "")
        if ("%00" in query or "\x00" in query) and request.path_info.startswith("/admin/"):
            raise BadRequest("a NUL in the query")
