"""A real browser before the real portal, which talks to the sandbox over HTTP and is called back by it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser.hands import Hands, Keys, Mouse
from tests.chromium import launch
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

# The browser's driver runs an event loop in this thread; the ORM is used here all the same, synchronously.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

expect.set_options(timeout=60_000)  # a loaded machine is no failure

PASSWORD = "a-password-for-the-browser-9"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium for all browser tests."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, portal: LiveServer) -> Iterator[Page]:
    """A page of a new visitor, which fails the test where a script breaks or the CSP is violated."""
    with a_page(chromium, portal) as page:
        yield page


@pytest.fixture(params=["with the mouse", "with the keyboard alone", "without JavaScript"])
def hands(request: pytest.FixtureRequest, chromium: Browser, portal: LiveServer) -> Iterator[Hands]:
    """Somebody before such a page, who does the test's job in one of three ways."""
    scripted = request.param != "without JavaScript"
    with a_page(chromium, portal, scripted=scripted) as page:
        yield Keys(page) if "keyboard" in request.param else Mouse(page, scripted=scripted)


@contextmanager
def a_page(chromium: Browser, portal: LiveServer, *, scripted: bool = True) -> Iterator[Page]:
    """What `page` says; not `scripted`: in a browser that runs no JavaScript."""
    size: ViewportSize = {"width": 1280, "height": 900}
    context = chromium.new_context(base_url=portal.url, viewport=size, java_script_enabled=scripted)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console",
        lambda line: troubles.append(line.text) if "Content Security Policy" in line.text else None,
    )
    page.set_default_timeout(60_000)
    try:
        yield page
    finally:
        context.close()  # also where the test failed: the portal waits for the end of what it left open
    assert troubles == []


@pytest.fixture
def portal(live_server: LiveServer, settings: Settings, collected: Path) -> Iterator[LiveServer]:
    """The portal on a port of its own, which is the address Vobiz is given, with its static files as in production."""
    settings.PORTAL_URL = live_server.url
    settings.STATICFILES_DIRS = [collected]  # from where the test's server takes them
    server = live_server.thread.httpd
    server.daemon_threads = False  # so that it remembers them
    yield live_server
    # What a page asked for last may still be under way, and must not meet the next test. This connection is accepted
    # after all others; it asks for nothing, so the answer is its end.
    with socket.create_connection((live_server.thread.host, live_server.thread.port)) as last:
        last.sendall(b"\r\n")
        last.recv(1)
    for thread in server._threads.pop_all():  # type: ignore[attr-defined]
        thread.join(20)


@pytest.fixture
def lively_world() -> SandboxState:
    """A Vobiz whose time passes."""
    return SandboxState(seed=7, transcript_delay=1.0)


@pytest.fixture
def vobiz(lively_world: SandboxState, settings: Settings) -> Iterator[Sandbox]:
    """The sandbox, delivering its callbacks by itself."""
    with Sandbox(lively_world, retry_base=0.2) as sandbox:
        settings.VOBIZ_API_URL = sandbox.api_url
        settings.VOBIZ_MEDIA_HOSTS = ["127.0.0.1"]
        yield sandbox


@pytest.fixture
def admin_login(transactional_db: None) -> User:
    """A superuser named `admin`."""
    return User.objects.create_superuser("admin", password=PASSWORD)


def sign_in(page: Page, portal: LiveServer) -> None:
    """`admin_login` in this browser, without the form."""
    client = Client()
    assert client.login(username="admin", password=PASSWORD)
    session = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": portal.url}])
