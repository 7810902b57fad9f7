"""The overview, as a tag of the admin's first page."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest
from django.utils import timezone

from recordings.admin.dashboard import dashboard_context

register = template.Library()


@register.simple_tag(takes_context=True)
def overview_context(context: dict[str, Any]) -> dict[str, Any] | None:
    """Return what it shows; None for somebody who sees no account, or has no role to see anything of one."""
    request = context["request"]
    if hasattr(request, "overview_context"):
        return request.overview_context  # type: ignore[no-any-return]
    request.overview_context = _found(request)
    return request.overview_context  # type: ignore[no-any-return]


def _found(request: HttpRequest) -> dict[str, Any] | None:
    if not any(name.startswith("recordings.view_") for name in request.user.get_all_permissions()):
        return None
    found = dashboard_context(request, timezone.now())
    return found if found["look"].accounts else None
