"""A page costs the same number of queries whether it shows one row or a hundred, and is small all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from recordings.models import Account, Call
from tests.admin.conftest import Person
from tests.admin.rows import (
    a_call,
    a_live_call,
    a_recording,
    a_run,
    a_running,
    a_transcript,
    an_access,
    an_event,
)
from tests.conftest import MAIN
from vobiz_portal.sandbox.state import SandboxState

NOW = timezone.now()
MOST_QUERIES = 10
MOST_BYTES = 125_000  # uncompressed: what a list of a hundred rows may come to, without its panel of filters
MOST_PANEL_BYTES = 13_100
LISTS: dict[str, Callable[[Account], Any]] = {
    "recording": lambda account: a_transcript(_a_full_recording(account)),
    "call": lambda account: a_recording(account, call=a_call(account, direction="inbound", started_at=NOW)),
    "transcription": lambda account: a_transcript(a_recording(account), received_at=NOW),
    "callbackevent": lambda account: an_event(account, a_recording(account), outcome="received"),
    "accessevent": lambda account: an_access(account, a_recording(account)),
    "syncrun": lambda account: a_run(
        account, requested_by=account.members.first(), seen=1_200, created=3, unchanged=1_190, failed=7
    ),
}


def _a_full_recording(account: Account) -> Any:
    """With something to say in every column, and asking for a person."""
    return a_running(
        account, requested_by=account.members.first(), status="completed", duration_ms=3_600_000, file_format="mp3",
        needs_attention="transcript_revised", call=a_call(account, from_number="sip:anita@pbx.lotus.example"),
    )  # fmt: skip


def queries(client: Client, url: str) -> int:
    client.get(url)  # sessions and content types are known then
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_a_constant_number_of_queries(
    account: Account, subaccount: Account, boss: Client, name: str
) -> None:
    account.members.add(*account.members.model.objects.all())
    url = f"/admin/recordings/{name}/"
    LISTS[name](account)
    one = queries(boss, url)

    for _each in range(99):
        LISTS[name](account)

    assert queries(boss, url) == one <= MOST_QUERIES
    page = boss.get(url)
    assert len(page.context["cl"].result_list) == 100
    before, _form, rest = page.content.partition(b'id="changelist-filter"')
    panel, _end, after = rest.partition(b"</form>")
    assert len(before) + len(after) <= MOST_BYTES
    assert len(panel) <= MOST_PANEL_BYTES


SEARCHES = {
    "digits": "387423", "words": "parcel", "id": "rec-", "digits as id": "387423&as=id", "name": "weekly sales",
}  # fmt: skip
MOST_OF_A_SEARCH = 24  # each reading that is tried costs up to four statements, besides the page's own


@pytest.mark.parametrize("name", ["recording", "call", "transcription"])
@pytest.mark.parametrize("typed", SEARCHES.values(), ids=SEARCHES)
def test_a_search_costs_a_constant_number_of_queries(
    account: Account, stranger: Account, boss: Client, staff: Person, name: str, typed: str
) -> None:
    names = ["view_recording", "view_call", "view_transcription", "read_transcription"]
    member = staff(*names, accounts=[account])
    url = f"/admin/recordings/{name}/?q={typed}"

    def find_one_more(of: Account = account) -> None:
        recording = a_recording(of, recording_id=f"rec-{uuid4()}", conference_name="Weekly sales")
        a_transcript(recording, text="Where is my parcel?")

    find_one_more()
    find_one_more(stranger)
    costs = {client: queries(client, url) for client in (boss, member)}
    for _each in range(29):
        find_one_more()

    for client, one in costs.items():
        assert queries(client, url) == one <= MOST_OF_A_SEARCH
    found = [len(client.get(url).context["cl"].result_list) for client in (boss, member)]
    assert found == ([0, 0] if "as=id" in typed else [31, 30])


def test_a_list_does_not_fetch_what_it_does_not_show(account: Account, boss: Client) -> None:
    a_transcript(a_recording(account, provider_data={"a": "very long text"}))
    boss.get("/admin/recordings/recording/")

    with CaptureQueriesContext(connection) as captured:
        boss.get("/admin/recordings/recording/")

        boss.get("/admin/recordings/transcription/")

    rows = [query["sql"] for query in captured if "recordings_recording" in query["sql"]]
    assert rows
    heavy = ('"provider_data"', '."text"', '."tokens"')
    assert not [sql for sql in rows if any(column in sql for column in heavy)]
    assert not any("DISTINCT" in sql for sql in rows)


def test_the_list_of_accounts_costs_a_constant_number_of_queries(account: Account, boss: Client) -> None:
    one = queries(boss, "/admin/recordings/account/")

    for number in range(99):
        Account.objects.create(
            auth_id=f"SA_MANY{number:04d}", name=f"Lotus Parcels, office {number}", parent=account,
            encrypted_token=account.encrypted_token,
        )  # fmt: skip

    assert queries(boss, "/admin/recordings/account/") == one <= MOST_QUERIES
    page = boss.get("/admin/recordings/account/")
    assert len(page.context["cl"].result_list) == 100
    assert len(page.content) <= MOST_BYTES


def test_the_live_calls_cost_a_constant_number_of_queries(
    account: Account, world: SandboxState, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recordings.live.FRESH_FOR", timedelta(hours=1))  # on a slow machine, too, asked once
    url = "/admin/recordings/call/live/"
    world.place_call(MAIN)
    boss.get(url)
    a_running(account, call=Call.objects.get())
    one = queries(boss, url)

    for _each in range(14):
        call = a_live_call(account)
        a_running(account, call=call)
        a_running(account, call=call)

    assert queries(boss, url) == one
    assert len(boss.get(url).context["rows"]) == 15


@pytest.mark.parametrize("what", ["recordings of a call", "callbacks of a recording"])
def test_a_row_costs_the_same_however_much_belongs_to_it(account: Account, boss: Client, what: str) -> None:
    recording = a_recording(account)
    an_event(account, recording)
    name, obj = ("call", recording.call) if what == "recordings of a call" else ("recording", recording)
    url = reverse(f"admin:recordings_{name}_change", args=[obj.pk])
    one = queries(boss, url)

    for _each in range(29):
        a_recording(account, call=recording.call)
        an_event(account, recording)

    assert queries(boss, url) == one
