"""Invitations and new passwords by e-mail, and what the access log has of people."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import Group, Permission, User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from recordings import shared_cache
from recordings.mail import password_link
from recordings.models import AccessEvent, Account
from tests.signin.people import PASSWORD, a_person, give_password

pytestmark = [pytest.mark.django_db, pytest.mark.once]
COMMITS = pytest.mark.django_db(transaction=True)  # a link is queued at the commit
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


@COMMITS
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


@COMMITS
def test_nobody_learns_who_is_known_and_nobody_is_flooded(priya: User, mailing: None) -> None:
    unknown = Client().post(FORGOTTEN, {"email": "nobody@example.com"}).content
    assert re.sub(rb"value=\"\w+\"", b"", unknown) == re.sub(
        rb"value=\"\w+\"", b"", Client().post(FORGOTTEN, {"email": "priya@example.com"}).content
    )
    statuses = [Client().post(FORGOTTEN, {"email": "priya@example.com"}).status_code for _ in range(20)]
    assert statuses == [200] * 18 + [429] * 2
    assert len(mail.outbox) == 5


@COMMITS
@pytest.mark.parametrize("times", [1, 6], ids=["the first time", "beyond the budget"])
def test_the_answer_takes_the_same_statements_whoever_is_known(
    priya: User, settings: Settings, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """What takes as long tells nobody who is known, on a fast network either."""
    settings.EMAIL_URL = "smtp://mail.example.com"
    monkeypatch.setattr(shared_cache, "SWEEP", 10**12)  # else one write in a hundred sweeps the cache too

    def statements(address: str, client: Client) -> list[str]:
        for _each in range(times):
            with CaptureQueriesContext(connection) as asked:
                client.post(FORGOTTEN, {"email": address})
        words = [one["sql"].split() for one in asked.captured_queries]
        # A savepoint's name is a number.
        return [" ".join(one[: 1 if "SAVEPOINT" in one else 4]) for one in words]

    known = statements("priya@example.com", Client(REMOTE_ADDR="192.0.2.1"))
    assert known == statements("nobody@example.com", Client(REMOTE_ADDR="192.0.2.2"))
    assert len(known) > 3


@COMMITS
def test_who_asked_for_a_new_password_is_in_the_access_log(priya: User, mailing: None) -> None:
    Client(REMOTE_ADDR="192.0.2.7").post(FORGOTTEN, {"email": "priya@example.com"})
    Client(REMOTE_ADDR="192.0.2.7").post(FORGOTTEN, {"email": "nobody@example.com"})

    event = AccessEvent.objects.get()
    assert (event.user_pk, event.action, event.detail) == (priya.pk, "factor", "asked for a new password")
    assert event.address == "192.0.2.7"


@COMMITS
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
    role = Group.objects.get(name="Viewer")
    account = Account.objects.create(
        pk=role.pk + 1_000, auth_id="MA_MINE", name="Mine"
    )  # no role has its number
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


# The link to set a password

NEW = {"new_password1": "another-long-password", "new_password2": "another-long-password"}
OTHER = dict.fromkeys(NEW, "a-third-long-password")


def form_behind(link: str, client: Client) -> str:
    """Open a link, and return the address of the form that it leads to."""
    return str(client.get(link.removeprefix("http://127.0.0.1:8000"), follow=True).redirect_chain[-1][0])


def test_a_password_set_by_a_link_is_in_the_access_log_and_ends_every_session(priya: User) -> None:
    give_password(elsewhere := Client())
    priya.refresh_from_db()
    client = Client()
    client.post(form_behind(password_link(priya), client), NEW)

    assert elsewhere.get("/admin/").status_code == 302
    assert not UserSession.objects.exists()
    event = AccessEvent.objects.latest("pk")
    assert (event.username, event.action, event.detail) == ("priya", "factor", "set a password by a link")


def test_a_link_is_nothing_once_its_person_is_inactive(priya: User) -> None:
    client, link = Client(), password_link(priya)
    form = form_behind(link, client)
    User.objects.update(is_active=False)

    assert "no longer works" in client.post(form, NEW).content.decode()
    assert "no longer works" in Client().get(link.removeprefix("http://127.0.0.1:8000")).content.decode()
    assert User.objects.get().check_password(PASSWORD)
    assert "device" not in client.cookies


class WhileHashing(MD5PasswordHasher):
    """A hasher that takes as long as `meanwhile` does, once."""

    meanwhile: ClassVar[list[Any]] = []

    def encode(self, password: str, salt: str) -> str:
        """Do what waits, then hash."""
        if self.meanwhile:
            self.meanwhile.pop()()
        return super().encode(password, salt)


def test_of_two_who_use_one_link_at_the_same_moment_one_sets_the_password(
    priya: User, settings: Settings
) -> None:
    link, one, two = password_link(priya), Client(), Client()
    of_one, of_two = form_behind(link, one), form_behind(link, two)
    settings.PASSWORD_HASHERS = ["tests.signin.test_mail.WhileHashing"]
    WhileHashing.meanwhile.append(lambda: two.post(of_two, OTHER))

    assert "no longer works" in one.post(of_one, NEW).content.decode()
    assert User.objects.get().check_password(OTHER["new_password1"])


def test_sessions_of_a_person_made_inactive_do_not_come_back(priya: User) -> None:
    asha, boss, theirs = a_person("asha"), Client(), Client()
    give_password(boss)
    give_password(theirs, "asha")
    form = {"username": "asha", "is_staff": "on", "is_superuser": "on"}
    for active in ({}, {"is_active": "on"}):
        boss.post(f"/admin/auth/user/{asha.pk}/change/", {**form, **active})
    assert User.objects.get(pk=asha.pk).is_active
    assert theirs.get("/admin/").status_code == 302


def test_what_a_role_may_do_and_who_is_deleted_is_in_the_access_log(priya: User) -> None:
    viewer, boss = Group.objects.get(name="Viewer"), Client()
    asha = User.objects.create_user("asha", is_staff=True)
    asha.groups.add(viewer)
    hear = Permission.objects.get(codename="hear_recording")
    give_password(boss)
    seen = AccessEvent.objects.count()
    held = list(viewer.permissions.values_list("pk", flat=True))

    boss.post(f"/admin/auth/group/{viewer.pk}/change/", {"name": "Viewers", "permissions": [*held, hear.pk]})
    boss.post("/admin/auth/group/add/", {"name": "New", "permissions": [hear.pk]})
    boss.post(f"/admin/auth/group/{viewer.pk}/delete/", {"post": "yes"})
    boss.post(f"/admin/auth/user/{asha.pk}/delete/", {"post": "yes"})

    events = AccessEvent.objects.filter(username="priya", action="person").order_by("pk")
    assert list(events.values_list("detail", flat=True))[seen - 1 :] == [
        "role Viewers: was Viewer", "role Viewers: added hear_recording", "role New: made",
        "role New: added hear_recording", f"role Viewers: deleted, of users {asha.pk}", f"user {asha.pk}: deleted",
    ]  # fmt: skip
