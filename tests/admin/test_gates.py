"""Every custom page of the admin, existing and future: who is let in, to which rows, by which method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from recordings.admin.base import Page, PortalAdmin
from recordings.models import AccessEvent, Account, Call, CallbackEvent, Recording, SyncRun, Transcription
from tests.admin.conftest import Person
from tests.admin.rows import a_live_call, a_recording, a_run, a_running, a_transcript, an_access, an_event

pytestmark = pytest.mark.once

MAKERS: dict[type[Any], Callable[[Account], Any]] = {
    Account: lambda account: account,
    Call: a_live_call,
    Recording: a_running,
    Transcription: lambda account: a_transcript(a_recording(account)),
    CallbackEvent: an_event,
    SyncRun: a_run,
    AccessEvent: an_access,
}


def is_of_object(found: Page) -> bool:
    """Whether the page's route names one row."""
    return "<path:object_id>" in found.route


PORTAL = [found for found in admin.site._registry.values() if isinstance(found, PortalAdmin)]
PAGES = [(owner, found) for owner in PORTAL for found, _method in owner.pages()]
OF_OBJECTS = [(owner, found) for owner, found in PAGES if is_of_object(found)]
READ_PAGES = ("changelist", "change", "history")


def name_of(value: Any) -> str:
    if isinstance(value, PortalAdmin):
        return value.opts.model_name or ""
    return value.name if isinstance(value, Page) else str(value)


def address(owner: PortalAdmin, name: str, obj: Any = None) -> str:
    return reverse(f"admin:{owner.url_name(name)}", args=[obj.pk] if obj is not None else [])


def codenames(found: Page) -> list[str]:
    return [permission.removeprefix("recordings.") for permission in found.permissions]


def ask(client: Client, found: Page, url: str) -> Any:
    """By the method that changes something, where the page has one."""
    return client.post(url) if "POST" in found.methods else client.get(url)


def test_every_model_of_the_app_is_behind_the_gate() -> None:
    registered = {owner.model for owner in PORTAL}

    assert registered == set(MAKERS)
    assert {model._meta.app_label for model in registered} == {"recordings"}


def test_the_custom_pages_and_their_permissions_are_these() -> None:
    table = {
        (name_of(owner), found.name): ("+".join(codenames(found)), "/".join(found.methods))
        for owner, found in PAGES
    }

    assert table == {
        ("account", "test"): ("test_account", "POST"),
        ("account", "sync"): ("sync_now", "POST"),
        ("account", "process_refused"): ("process_callbackevent", "POST"),
        ("call", "live"): ("view_live_calls", "GET/HEAD"),
        ("call", "record"): ("start_recording", "GET/HEAD/POST"),
        ("call", "record_selected"): ("start_recording", "GET/HEAD/POST"),
        ("call", "stop_all"): ("stop_recording", "GET/HEAD/POST"),
        ("recording", "stop"): ("stop_recording", "POST"),
        ("recording", "archive"): ("archive_recording", "POST"),
        ("recording", "views"): ("view_recording", "GET/HEAD/POST"),
        ("account", "gap_seen"): ("mark_seen", "POST"),
        ("account", "reconcile"): ("reconcile_recording", "POST"),
        ("account", "test_storage"): ("test_storage", "POST"),
        ("account", "webhooks"): ("change_account", "GET/HEAD/POST"),
        ("call", "export_csv"): ("export_recording", "POST"),
        ("recording", "export_csv"): ("export_recording", "POST"),
        ("transcription", "export_csv"): ("export_recording", "POST"),
        ("callbackevent", "export_csv"): ("export_recording", "POST"),
        ("syncrun", "export_csv"): ("export_recording", "POST"),
        ("accessevent", "export_csv"): ("export_recording", "POST"),
        ("recording", "export_zip_file"): ("export_recording+view_recording", "POST"),
        ("recording", "audio"): ("hear_recording", "GET/HEAD"),
        ("recording", "play"): ("hear_recording", "GET/HEAD"),
        ("recording", "download"): ("export_recording+hear_recording", "GET/HEAD"),
        ("recording", "transcript"): ("read_transcription+view_recording", "POST"),
        ("recording", "at_risk"): ("view_recording", "GET/HEAD"),
        ("recording", "archive_at_risk"): ("archive_recording", "POST"),
        ("recording", "seen_lost"): ("mark_seen", "POST"),
        ("recording", "seen"): ("mark_seen", "POST"),
        ("transcription", "read"): ("read_transcription+view_transcription", "POST"),
        ("callbackevent", "words"): ("read_transcription+view_callbackevent", "POST"),
        ("callbackevent", "process"): ("process_callbackevent", "POST"),
        ("callbackevent", "seen"): ("process_callbackevent", "POST"),
        ("syncrun", "sync"): ("sync_now", "POST"),
        ("syncrun", "stop"): ("sync_now", "POST"),
    }


@pytest.mark.parametrize(("owner", "found"), PAGES, ids=name_of)
def test_a_stranger_to_the_portal_is_led_to_the_login(
    account: Account, owner: PortalAdmin, found: Page
) -> None:
    obj = MAKERS[owner.model](account) if is_of_object(found) else None

    answer = ask(Client(), found, address(owner, found.name, obj))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(("owner", "found"), PAGES, ids=name_of)
def test_staff_without_its_permission_are_refused(
    account: Account, staff: Person, owner: PortalAdmin, found: Page
) -> None:
    obj = MAKERS[owner.model](account) if is_of_object(found) else None
    every_other = [
        name
        for name in ("view_account", "change_account", "view_recording", "view_call")
        if name != codenames(found)[0]
    ]
    client = staff(*every_other, accounts=[account])

    assert ask(client, found, address(owner, found.name, obj)).status_code == 403


@pytest.mark.parametrize(("owner", "found"), OF_OBJECTS, ids=name_of)
def test_what_belongs_to_a_foreign_account_is_as_absent_as_what_is_not_there(
    account: Account, stranger: Account, staff: Person, owner: PortalAdmin, found: Page
) -> None:
    foreign = MAKERS[owner.model](stranger)
    client = staff(*codenames(found), accounts=[account])
    absent = address(owner, found.name, foreign).replace(f"/{foreign.pk}/", "/987654321/")

    for url in (address(owner, found.name, foreign), absent, absent.replace("987654321", "9" * 40), absent.replace(
        "987654321", "%00"
    )):  # fmt: skip
        assert ask(client, found, url).status_code == 404


@pytest.mark.parametrize(
    ("owner", "found"), [pair for pair in PAGES if pair[1].methods == ("POST",)], ids=name_of
)
def test_what_changes_something_is_not_done_by_looking(
    account: Account, staff: Person, owner: PortalAdmin, found: Page
) -> None:
    obj = MAKERS[owner.model](account) if is_of_object(found) else None
    client = staff(*codenames(found), accounts=[account])

    assert client.get(address(owner, found.name, obj)).status_code == 405


@pytest.mark.parametrize("name", READ_PAGES)
@pytest.mark.parametrize("owner", PORTAL, ids=name_of)
def test_rows_are_seen_by_members_alone(
    account: Account, stranger: Account, staff: Person, owner: PortalAdmin, name: str
) -> None:
    mine, foreign = MAKERS[owner.model](account), MAKERS[owner.model](stranger)
    member = staff(f"view_{owner.opts.model_name}", accounts=[account])
    without = staff(accounts=[account])
    urls = [address(owner, name, None if name == "changelist" else obj) for obj in (mine, foreign)]

    assert member.get(urls[0]).status_code == 200
    assert without.get(urls[0]).status_code == 403
    assert Client().get(urls[0]).status_code == 302
    if name == "changelist":
        shown = list(member.get(urls[0]).context["cl"].result_list)
        assert mine in shown
        assert foreign not in shown
    else:
        assert member.get(urls[1]).status_code == 404
        assert member.get(urls[0].replace(f"/{mine.pk}/", "/987654321/")).status_code == 404


@pytest.mark.parametrize("owner", PORTAL, ids=name_of)
def test_nothing_is_deleted_in_the_admin(account: Account, boss: Client, owner: PortalAdmin) -> None:
    obj = MAKERS[owner.model](account)

    assert boss.get(address(owner, "delete", obj)).status_code == 403
    assert boss.post(address(owner, "delete", obj), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [obj.pk], "post": "yes"}
    boss.post(address(owner, "changelist"), chosen)
    assert owner.model.objects.filter(pk=obj.pk).exists()


@pytest.mark.parametrize("owner", [owner for owner in PORTAL if owner.model is not Account], ids=name_of)
def test_what_vobiz_says_is_not_typed_in(account: Account, boss: Client, owner: PortalAdmin) -> None:
    obj = MAKERS[owner.model](account)

    assert boss.get(address(owner, "add")).status_code == 403
    assert boss.post(address(owner, "add"), {}).status_code == 403
    assert boss.post(address(owner, "change", obj), {"status": "failed"}).status_code == 405


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (Account, "callback_key__startswith=a"),
        (Account, "encrypted_token__startswith=g"),
        (Account, "members__password__startswith=p"),
        (Recording, "callback_key__startswith=a"),
        (Recording, "account__callback_key__startswith=a"),
        (Recording, "call__from_number__regex=(a+)+"),
        (Transcription, "text__contains=secret"),
        (CallbackEvent, "payload__contains=secret"),
        (CallbackEvent, "outcome__regex=(a+)+"),
        (AccessEvent, "play_id__startswith=a"),
    ],
)
def test_a_list_cannot_be_asked_for_what_its_filters_do_not_offer(
    account: Account, boss: Client, model: type[Any], lookup: str
) -> None:
    MAKERS[model](account)
    owner = next(found for found in PORTAL if found.model is model)

    assert boss.get(f"{address(owner, 'changelist')}?{lookup}").status_code == 400


def test_the_filter_by_account_offers_and_finds_only_visible_ones(
    account: Account, subaccount: Account, stranger: Account, staff: Person
) -> None:
    mine, foreign = a_recording(account), a_recording(stranger)
    client = staff("view_recording", accounts=[account, subaccount])
    url = reverse("admin:recordings_recording_changelist")

    page = client.get(url)
    assert "Sub" in page.content.decode()
    assert "Other" not in page.content.decode()
    assert list(client.get(f"{url}?account={account.pk}").context["cl"].result_list) == [mine]
    assert foreign not in client.get(f"{url}?account={stranger.pk}").context["cl"].result_list
    assert client.get(f"{url}?account=x").status_code == 200
