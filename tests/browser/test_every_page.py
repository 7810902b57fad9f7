"""Every page, empty, full and hostile: no script runs, none scrolls sideways, and axe finds nothing serious."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver, path
from playwright.sync_api import Browser
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.admin.every_kind import HOSTILE, hostile, hundreds
from tests.browser.every_page import Place, Tour, visitor
from vobiz_portal.errors import server_error

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]


def people() -> dict[str, User | None]:
    """Somebody who may do everything, somebody without a role, somebody not on the staff, and a stranger."""
    return {
        "superuser": User.objects.create_superuser("admin"),
        "staff": User.objects.create_user("helper", is_staff=True),
        "outsider": User.objects.create_user("outsider"),
        "anonymous": None,
    }


def faults(chromium: Browser, portal: LiveServer, tour: Tour) -> list[str]:
    """What is wrong with any page, for anybody."""
    wrong = []
    for kind, user in people().items():
        places = tour.places(kind)
        if tour.sets and kind != "superuser":  # sees no row: what they open is as in the empty portal
            places = [place for place in places if place.data is not None]
        somebody = visitor(chromium, portal.url, user)
        try:
            for place in places:
                somebody.visit(place)
        finally:
            somebody.context.close()
        wrong += [f"{kind}: {line}" for line in somebody.wrong]
    return wrong


def test_every_page_of_an_empty_portal(chromium: Browser, portal: LiveServer) -> None:
    wrong = faults(chromium, portal, Tour(queries=["q=nothing-is-like-this"]))
    assert not wrong, "\n".join(wrong)


def test_every_page_with_five_hundred_rows_of_each_kind(chromium: Browser, portal: LiveServer) -> None:
    wrong = faults(chromium, portal, Tour(hundreds(500)[:1], queries=["p=2"], examines_rows=False))
    assert not wrong, "\n".join(wrong)


def test_every_page_with_hostile_text_in_every_field(chromium: Browser, portal: LiveServer) -> None:
    tour = Tour(hostile(6), queries=[urlencode({"q": HOSTILE[0].replace("\x00", "")})], sends=True)
    wrong = faults(chromium, portal, tour)
    assert not wrong, "\n".join(wrong)


def broken(request: HttpRequest) -> HttpResponse:
    """A page whose author made a mistake."""
    raise RuntimeError("<script>alert('ran')</script>")


def away(request: HttpRequest) -> HttpResponse:
    """A page that cannot reach the database."""
    raise OperationalError("<script>alert('ran')</script>")


@pytest.mark.parametrize(("view", "status"), [(broken, 500), (away, 503)])
def test_the_page_that_says_something_went_wrong(
    chromium: Browser, portal: LiveServer, settings: Settings, view: Callable[..., HttpResponse], status: int
) -> None:
    urls: Any = ModuleType("urls")
    urls.urlpatterns, urls.handler500 = [path("broken/", view), *get_resolver().url_patterns], server_error
    settings.ROOT_URLCONF = urls
    somebody = visitor(chromium, portal.url, User.objects.create_superuser("admin"))
    try:
        somebody.visit(Place("/broken/", status))
    finally:
        somebody.context.close()
    assert not somebody.wrong, "\n".join(somebody.wrong)
