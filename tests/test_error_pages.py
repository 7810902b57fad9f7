"""What people read when a page is not there, not theirs, or broken: the portal's own words, and no detail."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.views.defaults import permission_denied, server_error

pytestmark = pytest.mark.django_db


def test_an_unknown_page_says_so_and_leads_back(client: Client) -> None:
    answer = client.get("/no/such/page/")
    assert answer.status_code == 404
    assert b"belongs to an account that is not yours" in answer.content
    assert b"/admin/" in answer.content
    assert b"no/such/page" not in answer.content


def test_the_pages_bear_the_portals_name(client: Client, rf: RequestFactory) -> None:
    pages: list[Any] = [client.get("/no/such/page/"), permission_denied(rf.get("/admin/"), Exception())]
    pages.append(Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a"}))
    assert [page.status_code for page in pages] == [404, 403, 403]
    for page in pages:
        assert b"Vobiz Portal</a>" in page.content
        assert b"Django administration" not in page.content


def test_a_forbidden_page_says_whom_to_ask(rf: RequestFactory) -> None:
    answer = permission_denied(rf.get("/admin/"), Exception("secret reason"))
    assert answer.status_code == 403
    assert b"Ask whoever runs this portal" in answer.content
    assert b"secret reason" not in answer.content


def test_an_expired_form_did_nothing_and_says_so() -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a", "password": "b"})
    assert answer.status_code == 403
    assert b"Nothing was done" in answer.content


def test_a_broken_page_tells_no_detail_and_what_to_do(rf: RequestFactory) -> None:
    answer = server_error(rf.get("/admin/recordings/"))
    assert answer.status_code == 500
    assert b"look at the page it concerns before you try again" in answer.content
