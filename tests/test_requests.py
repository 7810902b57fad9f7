"""What anybody may send as Content-Type: no request fails before the portal can answer it."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from encodings import __path__ as codecs_of_python
from typing import Any

import pytest
from django.core.handlers.base import BaseHandler
from django.test import RequestFactory
from pytest_django import Settings

from tests.callbacks.test_views import UNSORTED
from vobiz_portal.asgi import application as asgi
from vobiz_portal.wsgi import application as wsgi

CHARSETS = [one.name for one in pkgutil.iter_modules(codecs_of_python) if one.name != "aliases"]
FORM = "application/x-www-form-urlencoded"
ODD_BYTES = "%ff%C3%A9%5C%5Cu%20="
UNREADABLE = (
    "{}; charset*=nowhere'x'%ff", "{}; boundary*=nowhere''x", "; charset*=nowhere''x", "{}; charset*=utf-8''a%00b",
    "{}; charset*=undefined''x", "{}; charset*=utf-8''x; charset*0=y", "{}; a*=utf-8''x; a*0=y",
)  # fmt: skip


def content_types() -> Iterator[str]:
    """Every charset that Python knows, in both spellings, and those that it does not."""
    for name in [*CHARSETS, "nowhere", "mbcs"]:
        yield f"{FORM}; charset={name}"
        yield f"{FORM}; charset*={name}''%ff%c3%a9"
    yield from (one.format(FORM) for one in UNREADABLE)


def status(
    method: str, content_type: str, query: str = f"next={ODD_BYTES}", body: str | bytes = f"email={ODD_BYTES}"
) -> str:
    """What the WSGI application answers, with odd bytes in the query and in the form."""
    factory, path = RequestFactory(), f"/admin/login/?{query}"
    environ = factory.generic(method, path, body, content_type=FORM).environ
    answers: list[str] = []

    def start_response(line: str, *_others: Any) -> Any:
        answers.append(line)

    cookie = f"csrftoken={'a' * 32}"  # without one no form is read
    wsgi({**environ, "CONTENT_TYPE": content_type, "HTTP_COOKIE": cookie}, start_response).close()
    return answers[0].partition(" ")[0]


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_content_type_makes_a_page_fail(method: str) -> None:
    expected = {"GET": {"200"}, "POST": {"400", "403"}}[
        method
    ]  # a form in another charset; one without a token
    assert {kind: got for kind in content_types() if (got := status(method, kind)) not in expected} == {}


@pytest.mark.django_db
def test_a_part_whose_headers_cannot_be_read_is_a_broken_form() -> None:
    assert status("POST", "multipart/form-data; boundary=b", body=UNSORTED) == "400"


@pytest.mark.django_db
def test_a_query_of_too_many_fields_is_refused_whatever_the_content_type(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
    assert status("GET", f"{FORM}; charset=utf-8", query="a=1&a=2&a=3&a=4") == "400"


@pytest.mark.parametrize("handler", [wsgi, asgi], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("content_type", [one.format("text/X") for one in UNREADABLE])
def test_what_cannot_be_read_of_a_content_type_is_a_charset_that_nobody_knows(
    handler: BaseHandler, content_type: str
) -> None:
    made = handler.request_class.__new__(handler.request_class)  # type: ignore[attr-defined]
    made._set_content_type_params({"CONTENT_TYPE": content_type})
    assert made.content_type == content_type.partition(";")[0].lower()
    assert made.content_params == {"charset": "unreadable"}


def test_a_form_in_utf_8_is_read_as_such() -> None:
    made = RequestFactory().post("/?a=%C3%A9", "b=%C3%A9", content_type=f"{FORM}; charset=utf-8")
    request = wsgi.request_class(made.environ)
    assert (request.GET["a"], request.POST["b"]) == ("é", "é")
