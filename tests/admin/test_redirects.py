"""A `next` leads to a page that exists, wherever it is taken from; and Django's own shortcut to an object's page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.once]

OVERVIEW = "/admin/"
GOOD = (
    "/admin/recordings/recording/?status=active",
    "/admin/help/",
    "/admin/",
    "/admin/recordings/call/1/change/",
)
BAD = (
    "foo", "/foo", "/admin/foo/", "/admin/recordings/nothing/", "//evil.example/", "https://evil.example/admin/",
    "/admin/help/../../x", "\\\\evil.example", "javascript:alert(1)", "?x=1", "/admin/help", "http://[::1/",
)  # fmt: skip


@pytest.fixture
def boss(client: Client) -> Client:
    """A superuser, signed in."""
    user = User.objects.create_superuser("boss", password="a long password of boss")
    client.force_login(user)
    return client


def led_to(client: Client, path: str, to: str) -> str:
    """Where a form with this `next` leads."""
    fields = {"/admin/account/": {"account": ""}, "/admin/zone/": {"time_zone": "UTC"}}.get(path)
    if fields is None:
        client.logout()
        fields = {"username": "boss", "password": "a long password of boss"}
    response = client.post(path, {**fields, "next": to})
    assert response.status_code == 302
    return response.headers["Location"]


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/account/", "/admin/zone/"])
@pytest.mark.parametrize("to", BAD)
def test_a_next_that_is_no_page_leads_to_the_overview(boss: Client, path: str, to: str) -> None:
    assert led_to(boss, path, to) == OVERVIEW


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/account/", "/admin/zone/"])
@pytest.mark.parametrize("to", GOOD)
def test_a_next_that_is_a_page_leads_there(boss: Client, path: str, to: str) -> None:
    assert led_to(boss, path, to) == to


def test_a_next_in_the_logins_address_counts_too(client: Client) -> None:
    User.objects.create_superuser("boss", password="a long password of boss")
    fields = {"username": "boss", "password": "a long password of boss"}
    assert client.post("/admin/login/?next=foo", fields).headers["Location"] == OVERVIEW


@pytest.mark.parametrize("key", ["x", "1", "0", "-1", "4f484ebf-2647-427a-b025-f7158bc22bda", "9" * 40])
def test_no_object_has_a_page_outside_the_admin_whatever_its_type(boss: Client, key: str) -> None:
    for pk in [*ContentType.objects.values_list("pk", flat=True), 0, "x"]:
        assert boss.get(f"/admin/r/{pk}/{key}/").status_code == 404
