"""Every page, empty, full and hostile: no script runs, none scrolls sideways, and axe finds nothing serious."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver, path
from playwright.sync_api import Browser
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.admin.every_kind import HOSTILE, hostile, hundreds
from tests.browser.every_page import Place, Tour, visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


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
        somebody = visitor(chromium, portal.url, user)
        try:
            for place in tour.places(kind):
                somebody.visit(place)
        finally:
            somebody.context.close()
        wrong += [f"{kind}: {line}" for line in somebody.wrong]
    return wrong


def test_every_page_of_an_empty_portal(chromium: Browser, portal: LiveServer) -> None:
    wrong = faults(chromium, portal, Tour(queries=["q=nothing-is-like-this"]))
    assert not wrong, "\n".join(wrong)


def test_every_page_with_five_hundred_rows_of_each_kind(chromium: Browser, portal: LiveServer) -> None:
    wrong = faults(chromium, portal, Tour(hundreds(500)[:1], queries=["p=2"]))
    assert not wrong, "\n".join(wrong)


def test_every_page_with_hostile_text_in_every_field(chromium: Browser, portal: LiveServer) -> None:
    tour = Tour(hostile(6), queries=[urlencode({"q": HOSTILE[0].replace("\x00", "")})], sends=True)
    wrong = faults(chromium, portal, tour)
    assert not wrong, "\n".join(wrong)


def broken(request: HttpRequest) -> HttpResponse:
    """A page whose author made a mistake."""
    raise RuntimeError("<script>alert('ran')</script>")


def test_the_page_that_says_something_went_wrong(
    chromium: Browser, portal: LiveServer, settings: Settings
) -> None:
    settings.ROOT_URLCONF = (path("broken/", broken), *get_resolver().url_patterns)
    somebody = visitor(chromium, portal.url, User.objects.create_superuser("admin"))
    try:
        somebody.visit(Place("/broken/", 500))
    finally:
        somebody.context.close()
    assert not somebody.wrong, "\n".join(somebody.wrong)
