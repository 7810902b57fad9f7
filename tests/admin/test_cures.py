"""What a button says for an account that cannot be asked: what was not done, why, and the link to the cure."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from recordings.models import Account, Recording, SyncRun
from tests.admin.conftest import Person
from tests.admin.rows import a_live_call, a_recording, a_running, an_event

NO_TOKEN: dict[str, Any] = {"encrypted_token": None}
INACTIVE: dict[str, Any] = {"is_active": False}
STOPPED: dict[str, Any] = {"archive_pause": "Vobiz refused the token."}
LISTED = reverse("admin:recordings_recording_changelist")


def make(account: Account, **columns: Any) -> None:
    Account.objects.filter(pk=account.pk).update(**columns)
    account.refresh_from_db()


def said(client: Client, page: str, form: dict[str, Any] | None = None) -> list[str]:
    return [str(one) for one in client.post(page, form or {}, follow=True).context["messages"]]


def page_of(account: Account) -> str:
    return reverse("admin:recordings_account_change", args=[account.pk])


def cure_for(account: Account) -> str:
    verb, anchor = ("Enter the token", "#id_token") if account.is_active and not account.encrypted_token else (
        "Open the account", ""
    )  # fmt: skip
    return f'<a href="{page_of(account)}{anchor}">{verb}</a>'


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (NO_TOKEN, "Not archived: no token is stored for {name}. 1 recording waits."),
        (INACTIVE, "Not archived: {name} is inactive. 1 recording waits."),
        (
            STOPPED,
            "Not archived yet: archiving of {name} is stopped. 1 recording waits. Vobiz refused the token.",
        ),
    ],
)
@pytest.mark.parametrize("where", ["list", "page"])
def test_archive_now_names_what_stops_the_account_and_its_cure(
    account: Account, boss: Client, where: str, state: dict[str, Any], words: str
) -> None:
    row = a_recording(account)
    make(account, **state)
    page, form = reverse("admin:recordings_recording_archive", args=[row.pk]), {}
    if where == "list":
        page, form = LISTED, {"action": "archive_selected", "index": "0", "_selected_action": [row.pk]}

    (message,) = said(boss, page, form)

    assert message == f"{words.format(name=account)} {cure_for(account)}"
    assert Recording.objects.get(pk=row.pk).archive_asked_at is not None  # it is archived once it can be


def test_a_mixture_is_told_apart_by_account(account: Account, stranger: Account, boss: Client) -> None:
    rows = [a_recording(account), a_recording(stranger), a_recording(stranger)]
    make(stranger, **NO_TOKEN)
    form = {"action": "archive_selected", "index": "0", "_selected_action": [row.pk for row in rows]}

    fine, waits = said(boss, LISTED, form)

    assert fine == "1 recording is archived next."
    assert waits.startswith(f"Not archived: no token is stored for {stranger}. 2 recordings wait.")


def test_who_may_not_open_the_account_reads_the_reason_without_a_link(
    account: Account, staff: Person
) -> None:
    row = a_recording(account)
    make(account, **NO_TOKEN)
    client = staff("view_recording", "archive_recording", accounts=[account])

    (message,) = said(client, reverse("admin:recordings_recording_archive", args=[row.pk]))

    assert message == f"Not archived: no token is stored for {account}. 1 recording waits."


@pytest.mark.parametrize(
    ("button", "words"),
    [
        ("sync", "Sync not started: no token is stored for {name}."),
        ("reconcile", "Not checked: no token is stored."),
    ],
)
def test_asking_vobiz_without_a_token_says_what_was_not_done(
    account: Account, boss: Client, button: str, words: str
) -> None:
    make(account, **NO_TOKEN)

    (message,) = said(boss, reverse(f"admin:recordings_account_{button}", args=[account.pk]))

    assert message == f"{words.format(name=account)} {cure_for(account)}"
    assert not SyncRun.objects.exists()


@pytest.mark.usefixtures("world")
def test_unfinished_recordings_are_counted_where_vobiz_was_asked(account: Account, boss: Client) -> None:
    (message,) = said(boss, reverse("admin:recordings_account_reconcile", args=[account.pk]))

    assert message == "Unfinished recordings checked: 0 finished, 0 still open."


def test_an_inactive_account_is_not_checked(account: Account, boss: Client) -> None:
    make(account, **INACTIVE)

    (message,) = said(boss, reverse("admin:recordings_account_reconcile", args=[account.pk]))

    assert message == f"Not checked: the account is inactive. {cure_for(account)}"


@pytest.mark.parametrize("where", ["page", "list", "account"])
def test_processing_again_without_a_token_links_to_the_cure(
    account: Account, boss: Client, where: str
) -> None:
    event = an_event(account, outcome="refused", trust="refused")
    make(account, **NO_TOKEN)
    page, form = reverse("admin:recordings_callbackevent_process", args=[event.pk]), {}
    if where == "list":
        page = reverse("admin:recordings_callbackevent_changelist")
        form = {"action": "process_selected", "index": "0", "_selected_action": [event.pk]}
    if where == "account":
        page = reverse("admin:recordings_account_process_refused", args=[account.pk])

    message = said(boss, page, form)[-1]

    assert message.endswith(cure_for(account))
    assert "token is stored" in message


@pytest.mark.parametrize("state", [NO_TOKEN, INACTIVE])
@pytest.mark.parametrize("button", ["recording_stop", "call_stop_all"])
def test_a_stop_that_cannot_be_sent_links_to_the_cure(
    account: Account, boss: Client, button: str, state: dict[str, Any]
) -> None:
    row = a_running(account, call=a_live_call(account))
    make(account, **state)
    pk = row.pk if button == "recording_stop" else row.call_id

    (message,) = said(boss, reverse(f"admin:recordings_{button}", args=[pk]), {"expected": str(row.pk)})

    assert message.endswith(cure_for(account))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (NO_TOKEN, "Not archived, so it cannot be played: no token is stored for {name}."),
        (INACTIVE, "Not archived, so it cannot be played: {name} is inactive."),
    ],
)
def test_a_player_says_why_vobiz_cannot_be_asked_for_the_audio(
    account: Account, boss: Client, state: dict[str, Any], words: str
) -> None:
    row = a_recording(account, duration_ms=93_000)
    play, page = (reverse(f"admin:recordings_recording_{name}", args=[row.pk]) for name in ("play", "change"))
    before = boss.get(play).json()
    make(account, **state)

    given = boss.get(play).json()

    assert (before["why"], before["cure"], before["seconds"]) == ("", None, 93)
    assert (given["why"], given["seconds"]) == (words.format(name=account), 93)
    assert '<a href="{url}">{verb}</a>'.format(**given["cure"]) == cure_for(account)
    said = boss.get(page).content.decode()
    assert f"{words.format(name=account)} {cure_for(account)}" in said
    assert '<audio id="audio"' not in said
