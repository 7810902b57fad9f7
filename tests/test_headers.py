"""Headers of every response, and HEAD as a WSGI server gets it: the length of a GET, and no body."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client, RequestFactory
from pytest_django import Settings

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PATHS = (
    "/", "/admin/", "/admin/login/", "/admin/recordings/recording/", "/admin/jsi18n/", "/admin/help/", "/nowhere/",
    "/static/recordings/components.css", "/callbacks/recording/unknown/", "/admin/recordings/recording/at-risk/",
)  # fmt: skip


@pytest.fixture
def boss(client: Client) -> Client:
    """A superuser, signed in."""
    client.force_login(User.objects.create_superuser("boss"))
    return client


def over_wsgi(client: Client, method: str, path: str) -> tuple[dict[str, str], bytes]:
    """The headers and the body that a WSGI server gets; Django's test client removes that of a HEAD itself."""
    cookies = "; ".join(f"{name}={one.value}" for name, one in client.cookies.items())
    environ = RequestFactory().generic(method, path, headers={"cookie": cookies}).environ
    headers: dict[str, str] = {}

    def start_response(_status: str, given: list[tuple[str, str]], *_more: Any) -> Any:
        headers.update(given)

    response: Any = WSGIHandler()({**environ, "wsgi.file_wrapper": FileWrapper}, start_response)
    body = b"".join(response)
    response.close()
    return headers, body


class FileWrapper:
    """As a server's own: it reads the file past Django."""

    def __init__(self, file: Any, size: int = 8192) -> None:
        self.file, self.size = file, size

    def __iter__(self) -> Any:
        return iter(lambda: self.file.read(self.size), b"")

    def close(self) -> None:
        self.file.close()


@pytest.mark.parametrize("path", PATHS)
def test_head_has_no_body_and_the_length_of_a_get(boss: Client, path: str) -> None:
    headers, body = over_wsgi(boss, "HEAD", path)
    got, page = over_wsgi(boss, "GET", path)
    assert body == b""
    assert abs(int(headers["Content-Length"]) - len(page)) < 100  # a token is not as long as the next
    assert headers["Content-Type"] == got["Content-Type"]


@pytest.mark.parametrize("path", PATHS)
def test_every_response_says_what_browsers_may_do_with_it(boss: Client, path: str) -> None:
    headers, _body = over_wsgi(boss, "GET", path)
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "microphone=()" in headers["Permissions-Policy"]
    assert "Clear-Site-Data" not in headers


def test_signing_out_clears_what_the_browser_keeps(boss: Client) -> None:
    assert "Clear-Site-Data" not in boss.get("/admin/logout/").headers
    assert boss.post("/admin/logout/").headers["Clear-Site-Data"] == '"cache", "storage"'


def test_a_redirect_to_https_has_them_too(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    response = client.get("/admin/")
    assert response.status_code == 301
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_pages_are_compressed_for_who_asks_and_nothing_else_is(boss: Client) -> None:
    asks = {"accept-encoding": "gzip, br"}

    page = boss.get("/admin/recordings/recording/", headers=asks)
    assert page["Content-Encoding"] == "gzip"
    assert int(page["Content-Length"]) * 2 < len(boss.get("/admin/recordings/recording/").content)

    export = boss.post("/admin/recordings/recording/export-csv/", headers=asks)
    assert export.status_code == 200
    assert "Content-Encoding" not in export
    assert "Content-Encoding" not in boss.get("/admin/jsi18n/", headers=asks)
