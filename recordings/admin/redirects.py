"""Where a `next` parameter may lead: to a page of the portal that exists."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib.admin import site
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache


def is_page(request: HttpRequest, to: str) -> bool:
    """Return whether `to` is the path of one of the portal's pages, with or without a query."""
    if not to.startswith("/") or not url_has_allowed_host_and_scheme(
        to, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return False
    try:
        match = resolve(urlsplit(to).path)
    except (Resolver404, ValueError):
        return False
    return (
        bool(match.url_name) or match.route == ""
    )  # the admin's last pattern, without a name, matches everything


def next_page(request: HttpRequest, to: str) -> str:
    """Return `to` if it is a page of the portal, else the overview."""
    return to if is_page(request, to) else reverse("admin:index")


@never_cache
@login_not_required
def login(request: HttpRequest) -> HttpResponse:
    """Show the admin's login page; a `next` that is no page of the portal is left out."""
    for name in ("GET", "POST"):
        given: Any = getattr(request, name)
        if REDIRECT_FIELD_NAME in given and not is_page(request, given[REDIRECT_FIELD_NAME]):
            kept = given.copy()
            del kept[REDIRECT_FIELD_NAME]
            setattr(request, name, kept)
    return site.login(request)


def view_on_site(request: HttpRequest, **_kwargs: object) -> HttpResponse:
    """Answer 404: no object of the portal has a page outside the admin. Django's own fails at an id of another type."""
    raise Http404
