"""Invitations and new passwords by e-mail, and what the access log has of people."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.test import Client
from pytest_django import Settings

from recordings.models import AccessEvent, Account
from tests.signin.people import PASSWORD, a_person, give_password

pytestmark = [pytest.mark.django_db, pytest.mark.once]
FORGOTTEN = "/admin/login/forgotten/"


@pytest.fixture
def priya() -> User:
    return a_person()


@pytest.fixture
def mailing(settings: Settings) -> None:
    """A mail server, and tasks that are done at once."""
    settings.EMAIL_URL = "smtp://mail.example.com"
    settings.TASKS = {
        "default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend", "QUEUES": settings.QUEUES}
    }


def link_in(message: Any) -> str:
    found = re.search(r"http://127.0.0.1:8000(/admin/\S+)", message.body)
    assert found is not None
    return found[1]


def test_a_forgotten_password_is_set_anew_by_a_link_that_works_once(priya: User, mailing: None) -> None:
    client = Client(headers={"host": "localhost"})
    assert "is on its way" in client.post(FORGOTTEN, {"email": "PRIYA@example.com"}).content.decode()

    (message,) = mail.outbox
    assert message.to == ["priya@example.com"]
    form = client.get(link_in(message), follow=True).redirect_chain[-1][0]
    new = {"new_password1": "another-long-password", "new_password2": "another-long-password"}
    client.post(form, new)
    assert give_password(Client(), password="another-long-password").status_code == 302
    assert "no longer works" in Client().get(link_in(message), follow=True).content.decode()


def test_nobody_learns_who_is_known_and_nobody_is_flooded(priya: User, mailing: None) -> None:
    unknown = Client().post(FORGOTTEN, {"email": "nobody@example.com"}).content
    assert re.sub(rb"value=\"\w+\"", b"", unknown) == re.sub(
        rb"value=\"\w+\"", b"", Client().post(FORGOTTEN, {"email": "priya@example.com"}).content
    )
    statuses = [Client().post(FORGOTTEN, {"email": "priya@example.com"}).status_code for _ in range(20)]
    assert statuses == [200] * 18 + [429] * 2
    assert len(mail.outbox) == 5


def test_an_invitation_is_sent_from_the_users_page(priya: User, mailing: None) -> None:
    asha = User.objects.create_user("asha", "asha@example.com", is_staff=True)
    client = Client()
    give_password(client)
    assert client.post(f"/admin/auth/user/{asha.pk}/set-up-link/", {"send": "1"}).status_code == 302
    assert "user name is asha" in mail.outbox[0].body


def test_without_a_mail_server_the_page_says_whom_to_ask(priya: User) -> None:
    assert "administrator" in Client().get(FORGOTTEN).content.decode()
    assert Client().post(FORGOTTEN, {"email": "priya@example.com"}).status_code == 404


def test_changes_of_people_are_in_the_access_log(priya: User) -> None:
    role, account = Group.objects.get(name="Viewer"), Account.objects.create(auth_id="MA_MINE", name="Mine")
    client = Client()
    give_password(client)
    form = {
        "username": "asha",
        "is_active": "on",
        "is_staff": "on",
        "groups": [role.pk],
        "accounts": [account.pk],
    }
    client.post("/admin/auth/user/add/", form)
    asha = User.objects.get(username="asha")
    client.post(
        f"/admin/auth/user/{asha.pk}/change/", {"username": "asha", "is_active": "on", "is_superuser": "on"}
    )

    events = AccessEvent.objects.filter(action="person", username="priya")
    details = set(events.values_list("detail", "account_auth_id"))
    assert {
        (f"user {asha.pk}: added role Viewer", None), (f"user {asha.pk}: removed role Viewer", None),
        (f"user {asha.pk}: added account MA_MINE", "MA_MINE"), (f"user {asha.pk}: removed account MA_MINE", "MA_MINE"),
        (f"user {asha.pk}: changed is_staff=False, is_superuser=True", None),
    } <= details  # fmt: skip
    assert PASSWORD not in str(details)
