"""What people read when a page is not there, not theirs, or broken: the portal's own words, and no detail."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.views.defaults import bad_request, permission_denied, server_error

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def test_an_unknown_page_says_so_and_leads_back(client: Client) -> None:
    answer = client.get("/no/such/page/")
    assert answer.status_code == 404
    assert b"account that you cannot see" in answer.content
    assert b"/admin/" in answer.content
    assert b"no/such/page" not in answer.content


def test_the_pages_bear_the_portals_name(client: Client, rf: RequestFactory) -> None:
    pages: list[Any] = [client.get("/no/such/page/"), permission_denied(rf.get("/admin/"), Exception())]
    pages.append(Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a"}))
    assert [page.status_code for page in pages] == [404, 403, 403]
    for page in pages:
        assert b"Vobiz Portal</a>" in page.content
        assert b"Django administration" not in page.content


def test_a_bad_request_changed_nothing_and_says_so(rf: RequestFactory) -> None:
    answer = bad_request(rf.get("/admin/?strange=1"), Exception("secret reason"))
    assert answer.status_code == 400
    assert b"Nothing was changed" in answer.content
    assert b"secret reason" not in answer.content


def test_a_forbidden_page_says_whom_to_ask(rf: RequestFactory) -> None:
    answer = permission_denied(rf.get("/admin/"), Exception("secret reason"))
    assert answer.status_code == 403
    assert b"administrator" in answer.content
    assert b"secret reason" not in answer.content


def test_an_expired_form_did_nothing_and_says_so() -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a", "password": "b"})
    assert answer.status_code == 403
    assert b"Nothing was done" in answer.content


def test_a_broken_page_tells_no_detail_and_what_to_do(rf: RequestFactory) -> None:
    answer = server_error(rf.get("/admin/recordings/"))
    assert answer.status_code == 500
    assert b"check its page before you try again" in answer.content


def test_a_broken_page_belongs_to_the_same_house(rf: RequestFactory) -> None:
    page = server_error(rf.get("/admin/")).content.decode()

    assert ">Vobiz Portal</a>" in page
    assert "recordings/components.css" in page
    assert "<style" not in page


def test_the_login_says_what_this_is_and_whom_to_ask(client: Client, django_user_model: Any) -> None:
    page = client.get("/admin/login/").content.decode()
    assert "Record" in page
    assert "administrator" in page

    client.force_login(django_user_model.objects.create_user("outsider"))
    page = client.get("/admin/login/?next=/admin/").content.decode()
    assert "not enabled" in page


def test_logging_out_says_that_recordings_go_on(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_superuser("boss"))

    page = client.post("/admin/logout/").content.decode()

    assert "continue until their time limit" in page
    assert "quality time" not in page


def test_a_changed_password_says_what_that_means_elsewhere(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_superuser("boss", password="an-old-password-1"))
    new = "a-new-password-2"

    answer = client.post(
        "/admin/password_change/",
        {"old_password": "an-old-password-1", "new_password1": new, "new_password2": new},
        follow=True,
    )

    assert b"Your other sessions ended" in answer.content


def test_a_nul_in_a_query_is_a_bad_request(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_superuser("boss"))

    assert client.get("/admin/recordings/recording/?q=%00").status_code == 400
