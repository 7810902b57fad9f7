"""What each role finds on the pages: words for listeners only, and no way from one's own accounts to more."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from recordings.models import AccessEvent, Account
from recordings.numbers import format_number
from tests.admin.rows import FROM, a_recording, an_event
from tests.admin.scene import STAFF_KINDS, Scene, a_scene
from tests.admin.test_account_tokens import FORM

pytestmark = pytest.mark.once

SPOKEN = "Good morning, Lotus Parcels."


@pytest.fixture
def scene(db: None) -> Scene:
    """Everybody, and rows of two accounts."""
    return a_scene()


def page(client: Client, name: str, row: Any) -> str:
    return client.get(reverse(f"admin:recordings_{name}", args=[row.pk])).content.decode()


# Words


@pytest.mark.parametrize("kind", STAFF_KINDS)
def test_transcripts_are_read_by_listeners_and_superusers_alone_and_by_a_click(
    kind: str, scene: Scene
) -> None:
    client, held = scene.people[kind], scene.mine["recordings.transcription"]
    event = an_event(scene.mine["recordings.account"], held.recording, payload={"transcription": SPOKEN})
    endpoints = {
        "transcription_read": held, "recording_transcript": held.recording, "callbackevent_words": event,
    }  # fmt: skip
    pages = {"transcription_change": held, "recording_change": held.recording, "callbackevent_change": event}

    shown = [page(client, name, row) for name, row in pages.items()]
    opened = [
        client.post(reverse(f"admin:recordings_{name}", args=[row.pk])).content.decode()
        for name, row in endpoints.items()
    ]

    reads = kind in ("Listener", "Supervisor", "superuser")
    assert not any(SPOKEN in text for text in shown)
    assert [SPOKEN in text for text in opened] == [reads, reads, kind == "superuser"]
    results = AccessEvent.objects.filter(action="transcript").order_by("pk").values_list("result", flat=True)
    noted = ["ok" if SPOKEN in text else "refused" for text in opened]
    assert list(results)[-3:] == noted


@pytest.mark.parametrize("kind", STAFF_KINDS)
def test_buttons_are_offered_to_those_who_may_press_them(kind: str, scene: Scene) -> None:
    client, running = scene.people[kind], scene.mine["running"]
    call, recording = page(client, "call_change", running.call), page(client, "recording_change", running)
    account = page(client, "account_change", running.account)
    operates = kind in ("Operator", "Supervisor", "superuser")
    administers = kind in ("Account admin", "superuser")

    assert ("/record/" in call) == ("/stop-all/" in call) == ("/stop/" in recording) == operates
    assert (
        ("/test/" in account)
        == (running.account.callback_key in account)
        == ('name="token"' in account)
        == administers
    )
    assert ("Save" in account) == administers


# Account admins


def test_an_account_admin_changes_their_account_and_gives_it_to_others_on_the_staff(scene: Scene) -> None:
    account, another = scene.mine["recordings.account"], scene.mine["auth.user"]
    me = scene.users["Account admin"]

    answer = scene.people["Account admin"].post(
        f"/admin/recordings/account/{account.pk}/change/",
        {**FORM, "name": "Front desk", "members": [me.pk, another.pk]},
    )

    account.refresh_from_db()
    assert answer.status_code == 302
    assert account.name == "Front desk"
    assert set(account.members.all()) == {me, another}


def test_an_account_admin_gives_nobody_a_role_and_makes_nobody_a_superuser(scene: Scene) -> None:
    client, me = scene.people["Account admin"], scene.users["Account admin"]
    account = scene.mine["recordings.account"]
    promotion = {
        "is_superuser": "on",
        "is_staff": "on",
        "username": me.username,
        "groups": [1],
        "user_permissions": [1],
    }

    assert client.get(f"/admin/auth/user/{me.pk}/change/").status_code == 403
    assert client.post(f"/admin/auth/user/{me.pk}/change/", promotion).status_code == 403
    assert client.post("/admin/auth/user/add/", promotion).status_code == 403
    client.post(f"/admin/recordings/account/{account.pk}/change/", {**FORM, **promotion, "members": [me.pk]})

    me.refresh_from_db()
    assert not me.is_superuser
    assert [group.name for group in me.groups.all()] == ["Account admin"]
    assert not me.user_permissions.exists()


def test_an_account_admin_reaches_no_account_they_do_not_belong_to(scene: Scene) -> None:
    client, me = scene.people["Account admin"], scene.users["Account admin"]
    account, foreign = scene.mine["recordings.account"], scene.foreign["recordings.account"]
    address = f"/admin/recordings/account/{foreign.pk}/change/"

    assert client.post(address, {**FORM, "members": [me.pk]}).status_code == 404
    assert client.get("/admin/recordings/account/add/").status_code == 403
    adopted = client.post(f"/admin/recordings/account/{account.pk}/change/", {**FORM, "parent": foreign.pk})

    assert "parent" in adopted.context["adminform"].form.errors
    account.refresh_from_db()
    assert account.parent is None
    assert not foreign.members.exists()


def test_somebody_who_is_not_on_the_staff_is_not_on_offer_as_a_member(scene: Scene) -> None:
    account, outsider = scene.mine["recordings.account"], User.objects.create_user("customer")

    answer = scene.people["Account admin"].post(
        f"/admin/recordings/account/{account.pk}/change/", {**FORM, "members": [outsider.pk]}
    )

    assert "members" in answer.context["adminform"].form.errors
    assert outsider not in account.members.all()


# Families: a main account and its sub-account have members of their own


@pytest.fixture
def sub(scene: Scene) -> Account:
    """A sub-account of the account that everybody belongs to; nobody belongs to it."""
    main: Account = scene.mine["recordings.account"]
    return Account.objects.create(auth_id="SA_SUB", name="Sub", parent=main)


def test_a_callback_about_a_sub_accounts_recording_does_not_tell_which(scene: Scene, sub: Account) -> None:
    recording = a_recording(sub)
    event = an_event(scene.mine["recordings.account"], recording)
    client, number = scene.people["Account admin"], format_number(FROM)
    scene.mine["recordings.callbackevent"].delete()

    listed = client.get("/admin/recordings/callbackevent/").content.decode()
    found = client.get("/admin/recordings/callbackevent/", {"q": str(recording.recording_id)})
    one = page(client, "callbackevent_change", event)

    assert number not in listed
    assert "not yours to see" in listed
    assert list(found.context["cl"].result_list) == []
    assert str(recording.recording_id) not in one
    assert f"/recording/{recording.pk}/" not in one
    assert number in scene.people["superuser"].get("/admin/recordings/callbackevent/").content.decode()


def test_a_recording_shows_the_callbacks_of_accounts_one_belongs_to(scene: Scene, sub: Account) -> None:
    recording, client = a_recording(sub), scene.people["Account admin"]
    theirs, ours = an_event(scene.mine["recordings.account"], recording), an_event(sub, recording)
    sub.members.add(scene.users["Account admin"])
    scene.mine["recordings.account"].members.clear()

    address = reverse("admin:recordings_recording_change", args=[recording.pk])
    shown = client.get(f"{address}?tab=timeline").content.decode()

    assert f"/callbackevent/{ours.pk}/" in shown
    assert f"/callbackevent/{theirs.pk}/" not in shown


def test_a_sub_account_does_not_name_a_main_account_that_one_does_not_see(scene: Scene, sub: Account) -> None:
    main, client = scene.mine["recordings.account"], scene.people["Account admin"]
    sub.members.add(scene.users["Account admin"])
    main.members.clear()

    listed = client.get("/admin/recordings/account/").content.decode()
    one = page(client, "account_change", sub)

    for text in (listed, one):
        assert "not yours to see" in text
        assert main.auth_id not in text
    assert main.auth_id in page(scene.people["superuser"], "account_change", sub)


def test_what_somebody_did_in_an_account_they_have_left_is_not_on_their_first_page(scene: Scene) -> None:
    event, client = scene.mine["recordings.callbackevent"], scene.people["Account admin"]
    client.post(f"/admin/recordings/callbackevent/{event.pk}/process/")
    scene.mine["recordings.account"].members.clear()

    assert f"/callbackevent/{event.pk}/" not in client.get("/admin/").content.decode()


# Superusers


def test_a_superuser_gives_roles_by_the_names_people_read(scene: Scene) -> None:
    client, another = scene.people["superuser"], scene.mine["auth.user"]
    viewer = Group.objects.get(name="Viewer")
    address = f"/admin/auth/user/{another.pk}/change/"

    offered = dict(client.get(address).context["adminform"].form.fields["groups"].choices)
    answer = client.post(address, {
        "username": "another", "is_active": "on", "is_staff": "on", "groups": [viewer.pk],
        "date_joined_0": "2025-11-07", "date_joined_1": "09:00:00",
    })  # fmt: skip

    preset = {"Viewer", "Listener", "Operator", "Supervisor", "Auditor", "Account admin"}
    assert set(offered.values()) == {*preset, "Another"}
    assert answer.status_code == 302
    assert list(another.groups.all()) == [viewer]
    listed = client.get(f"/admin/auth/user/?groups__id__exact={viewer.pk}").context["cl"].result_list
    assert set(listed) == {another, scene.users["Viewer"]}
