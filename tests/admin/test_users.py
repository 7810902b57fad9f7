"""People's roles are in their list; who did something here is switched off, not deleted."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from recordings.models import AccessEvent, Account
from tests.admin.rows import a_running

SAID = "People with history are switched off, not deleted"


@pytest.fixture
def asha(db: None) -> User:
    return User.objects.create_user("asha", is_staff=True)


def listen(user: User) -> None:
    AccessEvent.objects.create(
        at=timezone.now(), action="play", result="ok", user_pk=user.pk, username=user.username
    )


def act(user: User) -> None:
    LogEntry.objects.create(user=user, action_flag=CHANGE, object_repr="a recording")


@pytest.mark.parametrize("history", [listen, act])
def test_somebody_with_history_is_not_deleted_and_the_page_says_why(
    boss: Client, asha: User, history: object
) -> None:
    history(asha)  # type: ignore[operator]
    page = f"/admin/auth/user/{asha.pk}/delete/"
    chosen = {"action": "delete_selected", "_selected_action": [asha.pk]}

    assert SAID in boss.get(page).content.decode()
    assert SAID in boss.post("/admin/auth/user/", chosen).content.decode()
    boss.post(page, {"post": "yes"})
    boss.post("/admin/auth/user/", {**chosen, "post": "yes"})

    assert User.objects.filter(pk=asha.pk).exists()


def test_somebody_who_started_a_recording_is_not_deleted(boss: Client, asha: User, account: Account) -> None:
    a_running(account, requested_by=asha)

    boss.post(f"/admin/auth/user/{asha.pk}/delete/", {"post": "yes"})

    assert User.objects.filter(pk=asha.pk).exists()


def test_why_somebody_stays_is_said_instead_of_what_the_reader_may_not_delete(
    boss: Client, asha: User, account: Account
) -> None:
    a_running(account, requested_by=asha)
    act(asha)

    page = boss.get(f"/admin/auth/user/{asha.pk}/delete/").content.decode()

    assert SAID in page
    assert "permission to delete" not in page


def test_the_list_says_what_each_may_do_and_who_may_sign_in(boss: Client, asha: User) -> None:
    asha.groups.add(Group.objects.get(name="Listener"))
    User.objects.create_user("outsider")
    User.objects.create_user("former", is_staff=True, is_active=False)

    page = boss.get("/admin/auth/user/")

    rows = {
        row.username: str(page.context["cl"].model_admin.admitted(row))
        for row in page.context["cl"].result_list
    }
    assert page.context["title"] == "Users"
    assert "Listener" in page.content.decode()
    assert "yes" in rows["asha"]
    assert "not on the staff" in rows["outsider"]
    assert "switched off" in rows["former"]


def test_somebody_who_did_nothing_yet_may_be_deleted(boss: Client, asha: User) -> None:
    assert SAID not in boss.get(f"/admin/auth/user/{asha.pk}/delete/").content.decode()

    boss.post(f"/admin/auth/user/{asha.pk}/delete/", {"post": "yes"})

    assert not User.objects.filter(pk=asha.pk).exists()
