"""Callback keys, query strings and phone numbers never reach a log line, whoever writes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils.log import configure_logging
from hypothesis import given
from hypothesis import strategies as st

from vobiz_portal.redaction import RedactingFormatter, redact

KEY = "kC7pZ3vQ9xR1tY5uB8nM2wE6aD4sF0gH"


@pytest.mark.parametrize(
    ("line", "written"),
    [
        (f"Not Found: /callbacks/recording/{KEY}/", "Not Found: /callbacks/recording/…"),
        (f'"POST /callbacks/account/{KEY}/?x=1 HTTP/1.1" 403', '"POST /callbacks/account/… HTTP/1.1" 403'),
        (f"Not Found: /callbacks/{KEY}/", "Not Found: /callbacks/…"),
        (f"Not Found: /Callbacks/Recording/{KEY}", "Not Found: /Callbacks/Recording/…"),
        (f"Not Found: /callbacks//recording//{KEY}/", "Not Found: /callbacks//recording//…"),
        (f"Not Found: /callbacks/recording/{KEY}/more/{KEY}", "Not Found: /callbacks/recording/…"),
        (f"https://a.example/callbacks%2Frecording%2F{KEY}", "https://a.example/callbacks%2Frecording%2F…"),
        ("GET /Account/MA_X/Recording/?limit=20&offset=0 took 3 s", "GET /Account/MA_X/Recording/ took 3 s"),
        ("https://media.vobiz.ai/x.mp3?X-Amz-Signature=abc expired", "https://media.vobiz.ai/x.mp3 expired"),
        ("no call from +918071387423 to +14155550132.", "no call from +… to +…."),
        ("2026-11-29T22:30:22+05:30 and +0530", "2026-11-29T22:30:22+05:30 and +0530"),
        ("is it there? yes", "is it there? yes"),
        ("the callbacks of MA_X", "the callbacks of MA_X"),
    ],
)  # fmt: skip
def test_a_line_is_written_without_keys_and_queries(line: str, written: str) -> None:
    assert redact(line) == written


@given(before=st.text(max_size=20), after=st.text(max_size=20))
def test_whatever_stands_around_it_the_key_is_gone(before: str, after: str) -> None:
    assert KEY not in redact(f"{before}/callbacks/recording/{KEY}/{after}")


def test_a_traceback_and_its_arguments_are_redacted_too() -> None:
    out = StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(RedactingFormatter("%(message)s"))
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "at %s", (f"/callbacks/account/{KEY}/",), None)
    error = ValueError(f"https://portal.example.com/callbacks/recording/{KEY}/?token=secret")
    record.exc_info = (ValueError, error, None)
    handler.emit(record)
    assert KEY not in out.getvalue()
    assert "secret" not in out.getvalue()
    assert "/callbacks/account/…" in out.getvalue()


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the portal's own handlers write from now on."""
    configure_logging("logging.config.dictConfig", settings.LOGGING)
    out = StringIO()
    handlers = {
        id(handler): handler
        for name in (None, "django", "django.server")
        for handler in logging.getLogger(name).handlers
        if type(handler) is logging.StreamHandler
    }
    before = {key: handler.setStream(out) for key, handler in handlers.items()}
    yield out
    for key, handler in handlers.items():
        handler.setStream(before[key])


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["recording", "transcription", "account", "nothing"])
def test_djangos_own_log_of_a_refused_request_holds_no_key(
    client: Client, written: StringIO, path: str
) -> None:
    for method in (client.get, client.post, client.delete):
        method(f"/callbacks/{path}/{KEY}/?transcription=hello")
    assert "/callbacks/" in written.getvalue()
    assert KEY not in written.getvalue()
    assert "hello" not in written.getvalue()


def test_a_host_that_is_not_ours_takes_one_line(client: Client, written: StringIO) -> None:
    assert client.get("/admin/", headers={"host": "evil.example"}).status_code == 400
    lines = written.getvalue().splitlines()
    assert len(lines) == 1
    assert "Invalid HTTP_HOST header: 'evil.example'" in lines[0]


@pytest.mark.django_db
def test_a_refused_page_takes_one_line(client: Client, written: StringIO) -> None:
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get("/admin/recordings/recording/").status_code == 403
    (line,) = written.getvalue().splitlines()
    assert "/admin/recordings/recording/" in line


def in_utf_16(_client: Client) -> HttpResponse:
    """Post a form in a charset that Django does not read, as a browser that has been here before."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies["csrftoken"] = "a" * 32
    form = "application/x-www-form-urlencoded; charset=utf-16"
    return client.post("/admin/login/", b"a=b", content_type=form)  # type: ignore[return-value]


@pytest.mark.parametrize(
    "request_of",
    [
        lambda client: client.get("/admin/login/?q=%00"),
        lambda client: client.post("/admin/login/", b"x", content_type="multipart/form-data; boundary=\xff"),
        in_utf_16,
        lambda client: client.post("/admin/login/", {str(at): "" for at in range(1_001)}),
        lambda client: client.get("/admin/", headers={"host": "a b"}),
    ],
    ids=["a NUL", "a boundary", "a charset", "fields", "a host"],
)
@pytest.mark.django_db
def test_a_request_that_cannot_be_read_takes_one_line(
    client: Client, written: StringIO, request_of: Callable[[Client], HttpResponse]
) -> None:
    assert request_of(client).status_code == 400
    assert len(written.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    "name", ["", "django", "django.request", "django.server", "waitress", "urllib3", "recordings"]
)
def test_every_logger_ends_in_a_handler_that_redacts(written: StringIO, name: str) -> None:
    logging.getLogger(name).error("at /callbacks/recording/%s/", KEY)
    assert written.getvalue().endswith("at /callbacks/recording/…\n")
    assert KEY not in written.getvalue()
