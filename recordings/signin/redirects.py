"""Where a `next` parameter may lead: to a page of the portal that exists."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme


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
    # the admin's last pattern, without a name, matches everything
    return bool(match.url_name) or match.route == ""


def way_back(request: HttpRequest) -> str:
    """Return the address that leads back to what is shown: its own, or after a POST that of the page that sent it."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    return next_page(request, referring_page(request))


def referring_page(request: HttpRequest) -> str:
    """Return path and query of the page that the request came from by its Referer; empty if it cannot be read."""
    try:
        sender = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # anyone may send anything
        return ""
    return urlunsplit(("", "", sender.path, sender.query, ""))


def next_page(request: HttpRequest, to: str) -> str:
    """Return `to` if it is a page of the portal, else the overview."""
    return to if is_page(request, to) else reverse("admin:index")


def view_on_site(request: HttpRequest, **_kwargs: object) -> HttpResponse:
    """Answer 404: no object of the portal has a page outside the admin. Django's own fails at an id of another type."""
    raise Http404
