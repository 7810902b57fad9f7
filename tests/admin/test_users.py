"""People's roles are in their list; who has used the portal is made inactive, not deleted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db.models.signals import pre_save
from django.test import Client
from django.utils import timezone

from recordings.models import AccessEvent, Account
from tests.admin.conftest import Person
from tests.admin.rows import a_running

SAID = "The history of a person is kept"


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
    assert page.context["title"] == "Users and roles"
    assert "Listener" in page.content.decode()
    assert "Active" in rows["asha"]
    assert "No access" in rows["outsider"]
    assert "Inactive" in rows["former"]


def test_somebody_who_did_nothing_yet_may_be_deleted(boss: Client, asha: User) -> None:
    assert SAID not in boss.get(f"/admin/auth/user/{asha.pk}/delete/").content.decode()

    boss.post(f"/admin/auth/user/{asha.pk}/delete/", {"post": "yes"})

    assert not User.objects.filter(pk=asha.pk).exists()


ADD = "/admin/auth/user/add/"


def test_a_user_name_that_is_taken_is_refused_in_the_words_of_the_form(boss: Client) -> None:
    page = boss.post(ADD, {"username": "boss"}).content.decode()

    assert "Another person has this user name." in page
    assert "username already exists" not in page


def test_a_superuser_sets_or_removes_a_password_in_plain_words(boss: Client) -> None:
    priya = User.objects.create_user("priya", password="old-lotus-parcels", is_staff=True)
    url = f"/admin/auth/user/{priya.pk}/password/"
    theirs = Client()
    theirs.force_login(priya)

    page = boss.get(url).content.decode()
    assert "authentication" not in page
    assert "<h1>Password of priya</h1>" in page
    assert "Create a login link" in page
    wrong = boss.post(url, {"new_password1": "seven-lotus-parcels", "new_password2": "x"}).content.decode()
    assert "The two passwords differ." in wrong
    passwords = {"new_password1": "seven-lotus-parcels", "new_password2": "seven-lotus-parcels"}
    told = boss.post(url, passwords, follow=True).content.decode()

    assert "Password of priya set. Their other sessions have ended." in told
    assert Client().login(username="priya", password="seven-lotus-parcels")
    assert theirs.get("/admin/").status_code == 302
    assert AccessEvent.objects.filter(action="person", detail=f"user {priya.pk}: password set").count() == 1
    assert "Password of priya removed." in boss.post(url, {"remove": "1"}, follow=True).content.decode()
    priya.refresh_from_db()
    assert not priya.has_usable_password()


def test_nobody_removes_their_own_password(boss: Client) -> None:
    me = User.objects.get(username="boss")
    me.set_password("seven-lotus-parcels")
    me.save()
    boss.force_login(me)
    url = f"/admin/auth/user/{me.pk}/password/"

    assert "Remove password" not in boss.get(url).content.decode()
    boss.post(url, {"remove": "1"})

    me.refresh_from_db()
    assert me.has_usable_password()


def test_a_user_is_made_with_roles_and_accounts_and_sets_a_password_by_a_link(
    boss: Client, account: Account
) -> None:
    role = Group.objects.get(name="Supervisor")
    made = boss.post(
        ADD, {"username": "priya", "email": "priya@example.com", "is_active": "on", "is_staff": "on",
              "groups": [role.pk], "accounts": [account.pk]},
    )  # fmt: skip
    priya = User.objects.get(username="priya")
    assert made.status_code == 302
    assert (priya.is_staff, priya.has_usable_password()) == (True, False)
    assert list(priya.groups.all()) == [role]
    assert list(priya.vobiz_accounts.all()) == [account]

    page = boss.post(f"/admin/auth/user/{priya.pk}/set-up-link/")
    link = page.context["link"]
    assert link in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert LogEntry.objects.filter(object_id=str(priya.pk)).count() == 2

    visitor = Client()
    form = visitor.get(link.replace("http://127.0.0.1:8000", ""), follow=True)
    assert "priya" in form.content.decode()
    assert re.findall(r'name="(\w+)"[^>]* autofocus', form.content.decode()) == ["new_password1"]
    passwords = {"new_password1": "seven-lotus-parcels", "new_password2": "seven-lotus-parcels"}
    visitor.post(form.redirect_chain[-1][0], passwords)
    assert visitor.login(username="priya", password="seven-lotus-parcels")

    again = Client().get(link.replace("http://127.0.0.1:8000", ""), follow=True).content.decode()
    assert "no longer works" in again


def test_the_page_names_what_a_person_lacks(boss: Client, asha: User, account: Account) -> None:
    page = boss.get(f"/admin/auth/user/{asha.pk}/change/")
    assert len(page.context["lacks"]) == 2  # role, account
    assert page.content.decode().count('name="_link"') == 2  # also under *Login*
    asha.groups.add(Group.objects.get(name="Viewer"))
    account.members.add(asha)
    asha.set_password("seven-lotus-parcels")
    asha.save()
    page = boss.get(f"/admin/auth/user/{asha.pk}/change/")
    assert page.context["lacks"] == []
    assert page.content.decode().count('name="_link"') == 1


def ask_for_a_link(boss: Client, user: User, **fields: Any) -> Any:
    """Press the button for a login link on the page of `user`, with `fields` filled in."""
    form = {"username": user.username, "is_active": "on", "is_staff": "on", **fields, "_link": ""}
    return boss.post(f"/admin/auth/user/{user.pk}/change/", form)


def works(link: str) -> bool:
    page = Client().get(link.replace("http://127.0.0.1:8000", ""), follow=True).content.decode()
    return "no longer works" not in page


def test_what_is_chosen_is_saved_before_a_login_link_is_made(
    boss: Client, asha: User, account: Account
) -> None:
    wrong = ask_for_a_link(boss, asha, username="boss")
    assert "Another person has this user name." in wrong.content.decode()
    assert not AccessEvent.objects.filter(detail__contains="sign-in link").exists()

    page = ask_for_a_link(boss, asha, accounts=[account.pk])

    assert works(page.context["link"])
    assert list(asha.vobiz_accounts.all()) == [account]
    assert "no-store" in page["Cache-Control"]


def test_the_page_says_which_login_link_works_and_a_new_one_ends_it(boss: Client, asha: User) -> None:
    url = f"/admin/auth/user/{asha.pk}/change/"
    assert "No password yet." in boss.get(url).content.decode()
    first = ask_for_a_link(boss, asha).context["link"]

    page = boss.get(url).content.decode()
    assert "Login link created" in page
    assert "A new link ends it." in page
    assert "No password yet." not in page

    second = ask_for_a_link(boss, asha).context["link"]
    assert [works(first), works(second)] == [False, True]


@pytest.mark.parametrize("ended_by", ["login", "removal", "time"])
def test_a_login_link_that_ended_is_not_offered(
    boss: Client, asha: User, settings: Any, ended_by: str
) -> None:
    ask_for_a_link(boss, asha)
    if ended_by == "login":
        User.objects.filter(pk=asha.pk).update(last_login=timezone.now())
    elif ended_by == "removal":
        password = f"/admin/auth/user/{asha.pk}/password/"
        boss.post(password, dict.fromkeys(("new_password1", "new_password2"), "seven-lotus-parcels"))
        boss.post(password, {"remove": "1"})
    else:
        settings.PASSWORD_RESET_TIMEOUT = 0

    assert "No password yet." in boss.get(f"/admin/auth/user/{asha.pk}/change/").content.decode()


def test_another_email_address_ends_the_login_link_and_the_page_says_so(boss: Client, asha: User) -> None:
    url = f"/admin/auth/user/{asha.pk}/change/"
    link = ask_for_a_link(boss, asha, email="asha@example.com").context["link"]
    assert "Login link created" in boss.get(url).content.decode()
    form = {"username": asha.username, "is_active": "on", "is_staff": "on"}

    boss.post(url, {**form, "email": "asha@example.com"})
    assert works(link)
    assert "Login link created" in boss.get(url).content.decode()
    boss.post(url, {**form, "email": "asha@example.org"})

    assert not works(link)
    page = boss.get(url).content.decode()
    assert "Login link created" not in page
    assert "The login link no longer works:" in page
    events = AccessEvent.objects.filter(detail=f"user {asha.pk}: changed the e-mail address")
    assert events.count() == 2  # the first one was entered with the link
    ask_for_a_link(boss, asha, email="asha@example.net")  # in one press, the link last
    assert "Login link created" in boss.get(url).content.decode()


def test_what_django_calls_a_group_is_a_role_everywhere(boss: Client) -> None:
    role = Group.objects.earliest("pk")
    panel = boss.get("/admin/auth/user/").context["cl"].filter_specs
    assert [one.title for one in panel if "group" in str(one.expected_parameters())] == ["role"]
    for page in ("", "add/", f"{role.pk}/change/", f"{role.pk}/delete/", f"{role.pk}/history/"):
        said = boss.get(f"/admin/auth/group/{page}").content.decode()
        words = re.sub(r"<[^>]*>|Can \w+ group", " ", said)  # a permission's name is stored
        assert "role" in words
        assert re.findall(r"(?i)[^.\n]*\bgroups?\b[^.\n]*", words) == [], page


def test_users_and_roles_are_tabs_of_one_another_for_whoever_may_open_both(
    boss: Client, staff: Person
) -> None:
    users, roles = "/admin/auth/user/", "/admin/auth/group/"
    for here in (users, roles):
        page = boss.get(here).content.decode()
        tabs = page.partition('<nav class="vp-views"')[2].partition("</nav>")[0]
        assert re.findall(r'href="([^"]+)"', tabs) == [users, roles]
        assert f'<a href="{here}" aria-current="true">' in tabs
        assert re.search(rf'<a href="{users}" aria-current="page"', page), "in the navigation"
    reader = staff(name="reader")
    User.objects.get(username="reader").user_permissions.set(Permission.objects.filter(codename="view_user"))
    assert "vp-views" not in reader.get(users).content.decode()


def test_the_last_superuser_stays_one(boss: Client) -> None:
    only = User.objects.get(username="boss")
    boss.post(
        f"/admin/auth/user/{only.pk}/change/", {"username": "boss", "is_active": "on", "is_staff": "on"}
    )
    assert User.objects.get(pk=only.pk).is_superuser


def test_who_may_change_users_gives_nobody_more_than_roles(boss: Client, asha: User) -> None:
    asha.user_permissions.set(
        Permission.objects.filter(codename__in=["view_user", "change_user", "add_user"])
    )
    manager = Client()
    manager.force_login(asha)
    given = {"username": "new", "is_active": "on", "is_superuser": "on"}
    manager.post(ADD, given)
    assert not User.objects.get(username="new").is_superuser
    superuser = User.objects.get(username="boss")
    answer = manager.post(f"/admin/auth/user/{superuser.pk}/set-up-link/")
    assert answer.status_code == 403
    assert manager.post(f"/admin/auth/user/{superuser.pk}/change/", {"username": "taken"}).status_code == 403


def test_accounts_that_the_reader_does_not_see_are_kept_and_not_named(
    asha: User, staff: Person, account: Account, stranger: Account
) -> None:
    manager = staff(accounts=[account], name="manager")
    allowed = Permission.objects.filter(codename__in=["view_user", "change_user"])
    User.objects.get(username="manager").user_permissions.set(allowed)
    asha.vobiz_accounts.set([account, stranger])
    page = f"/admin/auth/user/{asha.pk}/change/"
    for shown in ("/admin/auth/user/", page):
        assert str(stranger.name) not in manager.get(shown).content.decode()

    manager.post(page, {"username": "asha", "is_active": "on", "accounts": [account.pk]})
    assert set(asha.vobiz_accounts.all()) == {account, stranger}
    manager.post(page, {"username": "asha", "is_active": "on"})
    assert list(asha.vobiz_accounts.all()) == [stranger]


def test_what_was_written_to_a_user_meanwhile_is_kept(boss: Client, asha: User) -> None:
    def sets_a_password(sender: object, instance: User, **_sent: object) -> None:
        User.objects.filter(pk=asha.pk).update(password="set meanwhile")

    pre_save.connect(sets_a_password, sender=User)
    try:
        fields = {"username": "asha", "first_name": "Asha", "is_active": "on", "is_staff": "on"}
        boss.post(f"/admin/auth/user/{asha.pk}/change/", fields)
    finally:
        pre_save.disconnect(sets_a_password, sender=User)

    asha.refresh_from_db()
    assert (asha.first_name, asha.password) == ("Asha", "set meanwhile")


def said(answer: Any) -> list[str]:
    """Return the messages of the page that an answer led to."""
    return [str(message) for message in answer.context["messages"]]


@pytest.mark.parametrize(("n", "words"), [(1, "1 user deleted."), (2, "2 users deleted.")])
def test_those_who_were_deleted_are_counted_in_one_sentence(boss: Client, n: int, words: str) -> None:
    chosen = [User.objects.create_user(f"new{i}").pk for i in range(n)]
    form = {"action": "delete_selected", "_selected_action": chosen}

    asked = boss.post("/admin/auth/user/", form)
    done = boss.post("/admin/auth/user/", {**form, "post": "yes"}, follow=True)

    assert f"Delete {n} user" in asked.content.decode()
    assert said(done) == [words]
    assert User.objects.count() == 1


def test_a_deletion_is_asked_for_by_name_and_said_by_name(boss: Client, asha: User) -> None:
    page = f"/admin/auth/user/{asha.pk}/delete/"

    assert "Delete asha?" in boss.get(page).content.decode()
    assert said(boss.post(page, {"post": "yes"}, follow=True)) == ["User asha deleted."]


def test_a_role_keeps_what_it_holds_besides_the_permissions_on_offer(boss: Client) -> None:
    role = Group.objects.get(name="Viewer")
    besides = Permission.objects.get(codename="view_logentry")
    role.permissions.add(besides)
    page = f"/admin/auth/group/{role.pk}/change/"

    form = boss.get(page).context["adminform"].form
    offered = {str(choice[0]) for choice in form.fields["permissions"].choices}
    before = set(role.permissions.all())
    boss.post(page, {"name": role.name, "permissions": [one.pk for one in before]})

    assert str(besides.pk) in offered
    assert not Permission.objects.filter(codename="add_emailaddress", pk__in=offered).exists()
    assert set(role.permissions.all()) == before
