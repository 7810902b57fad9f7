"""The live calls: seconds fresh, of the reader's accounts, and the last known ones where Vobiz is away."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from recordings.admin.calls.live import live_row
from recordings.models import Account, Call, Recording
from tests.admin.conftest import Person
from tests.admin.rows import a_live_call, a_recording, a_running
from tests.conftest import MAIN, OTHER
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.once

LIVE = "/admin/recordings/call/live/"
NOT_RECORDED = '<span class="q">Not recorded</span>'
NO_CALLS = "A call appears here within 5 seconds of being answered."


def asked(world: SandboxState) -> int:
    return len(
        [entry for entry in world.ledger.of("request") if entry.detail["operation"].startswith("call.")]
    )


def test_every_live_call_of_ones_accounts_is_shown(
    account: Account, stranger: Account, world: SandboxState, staff: Person
) -> None:
    world.place_call(MAIN, from_number="+918071387423", to_number="919624705678", answered_ago=252)
    world.place_call(OTHER, from_number="+912261234567")
    client = staff("view_live_calls", accounts=[account])

    page = client.get(LIVE)

    text = page.content.decode()
    assert [row.call.account for row in page.context["rows"]] == [account]
    assert "+91 80 7138 7423" in text
    assert "+91 96247 05678" in text
    assert '<i class="in" role="img" aria-label="inbound" title="inbound">' in text
    assert page.context["rows"][0].elapsed.startswith("4:1")
    assert NOT_RECORDED in text
    assert "<b>1</b> live call" in text


def test_a_call_whose_recordings_ended_says_how_many_were_started_here(
    account: Account, world: SandboxState, boss: Client, staff: Person
) -> None:
    world.place_call(MAIN)
    boss.get(LIVE)
    call = Call.objects.get()
    a_recording(account, call=call)  # a call flow's
    assert NOT_RECORDED in boss.get(LIVE).content.decode()
    a_running(account, call=call, status="failed")
    assert "1 start here, which failed" in boss.get(LIVE).content.decode()
    for _each in range(2):
        a_running(account, call=call, status="completed")

    text = boss.get(LIVE).content.decode()

    said = "2 recorded here, none running now"
    assert f'<a href="/admin/recordings/call/{call.pk}/change/">{said}</a>' in text
    assert NOT_RECORDED not in text
    plain = staff("view_live_calls", accounts=[account]).get(LIVE).content.decode()
    assert f'<span class="q">{said}</span>' in plain


def test_two_looks_within_seconds_cost_one_refresh(
    account: Account, world: SandboxState, boss: Client
) -> None:
    world.place_call(MAIN)

    boss.get(LIVE)
    once = asked(world)
    boss.get(LIVE)

    assert asked(world) == once == 2


def test_a_call_that_is_over_is_gone_from_the_page(
    account: Account, world: SandboxState, boss: Client
) -> None:
    call = world.place_call(MAIN)
    boss.get(LIVE)
    world.hang_up(call.call_uuid)
    Account.objects.update(live_tried_at=timezone.now() - timedelta(minutes=1))

    page = boss.get(LIVE)

    assert page.context["rows"] == []
    assert NO_CALLS in page.content.decode()


def test_where_vobiz_is_away_the_last_known_calls_are_shown_with_their_age(
    account: Account, world: SandboxState, boss: Client
) -> None:
    world.place_call(MAIN)
    boss.get(LIVE)
    Account.objects.update(
        live_tried_at=timezone.now() - timedelta(minutes=5),
        live_refreshed_at=timezone.now() - timedelta(minutes=5),
    )
    world.faults.plan(Fault(on="call.list", drop="before", times=None))

    text = boss.get(LIVE).content.decode()

    assert "Vobiz could not be reached" in text
    assert "These are its calls as of" in text
    assert "5 min ago" in text
    assert "Record with options…" in text


def test_an_account_that_vobiz_never_answered_for_says_so(
    account: Account, world: SandboxState, boss: Client
) -> None:
    world.faults.plan(Fault(on="call.list", drop="before", times=None))

    text = boss.get(LIVE).content.decode()

    assert "Its calls have never been read." in text
    assert NO_CALLS not in text


def test_a_notice_about_an_account_names_it_once(account: Account, staff: Person) -> None:
    Account.objects.update(name="Lotus", encrypted_token=None)

    page = staff("view_live_calls", accounts=[account]).get(LIVE)

    assert page.context["silent"][0]["account"] == "Lotus"
    assert MAIN not in page.context["silent"][0]["error"]


def test_an_account_that_is_switched_off_is_not_asked_about(
    account: Account, world: SandboxState, boss: Client
) -> None:
    a_live_call(account)
    Account.objects.update(is_active=False)

    page = boss.get(LIVE)

    assert asked(world) == 0
    assert page.context["rows"] == []
    assert "No account is active" in page.content.decode()


def test_running_recordings_show_their_time_left_and_a_stop_of_their_own(
    account: Account, world: SandboxState, staff: Person
) -> None:
    call = world.place_call(MAIN)
    client = staff("view_live_calls", "stop_recording", accounts=[account])
    client.get(LIVE)
    row = Call.objects.get(call_uuid=call.call_uuid)
    first, second = a_running(account, call=row), a_running(account, call=row, time_limit=600)

    page = client.get(LIVE)

    text = page.content.decode()
    lines = page.context["rows"][0].running
    assert [line.recording for line in lines] == [first, second]
    assert lines[0].words.startswith(("59:", "1 h left"))
    assert (lines[0].state, lines[0].used < 60) == ("running", True)
    assert '<progress max="3600" value="' in text
    assert f'action="/admin/recordings/recording/{first.pk}/stop/"' in text
    assert f'action="/admin/recordings/recording/{second.pk}/stop/"' in text
    assert "Stop all 2…" in text
    assert "Record with options…" not in text


def test_a_recording_without_its_url_has_no_stop_of_its_own_and_says_why(
    account: Account, world: SandboxState, boss: Client
) -> None:
    call = world.place_call(MAIN)
    boss.get(LIVE)
    recording = a_running(account, call=Call.objects.get(call_uuid=call.call_uuid), recording_url=None)

    text = boss.get(LIVE).content.decode()

    assert f"/recording/{recording.pk}/stop/" not in text
    assert "Vobiz has not sent its URL" in text
    assert "Stop all…" in text


def test_where_a_call_flow_records_too_the_row_says_so(
    account: Account, world: SandboxState, boss: Client
) -> None:
    Account.objects.update(recorded_by_flow=True)
    world.place_call(MAIN)

    assert "call flow may also record" in boss.get(LIVE).content.decode()


def test_a_reader_without_further_rights_sees_no_button_that_would_be_refused(
    account: Account, world: SandboxState, staff: Person
) -> None:
    world.place_call(MAIN)
    client = staff("view_live_calls", accounts=[account])
    client.get(LIVE)
    a_running(account, call=Call.objects.get())

    text = client.get(LIVE).content.decode()

    assert "Record with options…" not in text
    assert "portal-stop" not in text
    assert "/stop" not in text
    assert "/admin/recordings/recording/" not in text


def record_form(page: str) -> dict[str, str]:
    """The fields of the form that records with one press."""
    form = page.partition('class="portal-record-now"')[2].partition("</form>")[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


def test_one_press_records_with_the_accounts_defaults_and_a_second_press_starts_nothing_more(
    account: Account, world: SandboxState, boss: Client
) -> None:
    Account.objects.update(default_time_limit=900, default_file_format="wav", default_channels="mono")
    world.place_call(MAIN)
    fields = record_form(boss.get(LIVE).content.decode())
    url = reverse("admin:recordings_call_record", args=[Call.objects.get().pk])

    for _press in range(2):
        assert boss.post(url, fields).status_code == 302

    recording = Recording.objects.get()
    assert (recording.time_limit, recording.file_format, recording.channels) == (900, "wav", "mono")


def test_one_press_asks_first_where_another_operator_was_faster(
    account: Account, world: SandboxState, boss: Client
) -> None:
    world.place_call(MAIN)
    fields = record_form(boss.get(LIVE).content.decode())
    call = Call.objects.get()
    a_running(account, call=call)

    answer = boss.post(reverse("admin:recordings_call_record", args=[call.pk]), fields)

    assert answer.status_code == 409
    assert Recording.objects.count() == 1


def test_where_a_call_flow_records_too_there_is_only_the_form_that_asks(
    account: Account, world: SandboxState, boss: Client
) -> None:
    Account.objects.update(recorded_by_flow=True)
    world.place_call(MAIN)

    page = boss.get(LIVE).content.decode()

    assert record_form(page) == {}
    assert "Record with options…" in page


@pytest.mark.parametrize(
    ("columns", "state", "words"),
    [
        ({"status": "requested", "start_answer": None}, "starting", "Starting"),
        ({"status": "requested", "needs_attention": "may_be_recording"}, "unconfirmed", "Not confirmed"),
        ({"stop_requested_at": timedelta(seconds=-3)}, "stopping", "Stopping"),
        ({"requested_at": timedelta(hours=-2)}, "ending", "Ending"),
        ({"time_limit": 14_400, "requested_at": timedelta(minutes=-12)}, "running", "3 h 47 min left"),
        ({"time_limit": 900, "requested_at": timedelta(minutes=-2)}, "running", "12:59 left"),
    ],
)
def test_a_recording_has_one_state(
    account: Account, now: datetime, columns: dict[str, Any], state: str, words: str
) -> None:
    moments = {name: now + value for name, value in columns.items() if isinstance(value, timedelta)}
    recording = a_running(account, **{"requested_at": now, **columns, **moments})

    (line,) = live_row(recording.call, now + timedelta(seconds=1), running=[recording]).running

    assert (line.state, line.words) == (state, words)
    assert bool(line.used) == (state in {"running", "ending"})
