"""What people read when a page is not there, not theirs, or broken: the portal's own words, and no detail."""

from __future__ import annotations

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
