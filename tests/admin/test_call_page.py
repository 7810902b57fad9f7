"""A call's page: what of it is recorded, what is not, what cannot be known yet, and every attempt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from recordings.coverage import Doubt, coverage
from recordings.models import Account, Call, Recording
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_live_call, a_recording, a_run, a_running, an_event

pytestmark = pytest.mark.once

BEGAN = datetime(2025, 11, 6, 12, tzinfo=UTC)
HOSTILE = '<script>alert(1)</script>\u202e"&'


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def an_ended_call(
    account: Account, *, seconds: float = 600, seen_over: float | None = None, **columns: Any
) -> Call:
    over = at(seconds if seen_over is None else seen_over)
    return a_call(account, started_at=BEGAN, seen_live_at=at(seconds), ended_at=over, **columns)


def recorded(call: Call, begins: float, ends: float, **columns: Any) -> Recording:
    duration = round((ends - begins) * 1_000)
    times = {
        "started_at": at(begins),
        "ended_at": at(ends),
        "happened_at": at(begins),
        "duration_ms": duration,
    }
    return a_recording(call.account, call=call, **{**times, **columns})


def gaps(call: Call, *, now: float = 100_000) -> tuple[Doubt, list[tuple[float, float]]]:
    found = coverage(call, list(call.recordings.order_by("happened_at")), now=at(now))
    return found.doubt, [
        ((gap.begins - BEGAN).total_seconds(), (gap.ends - BEGAN).total_seconds()) for gap in found.gaps
    ]


def page_of(client: Client, call: Call) -> str:
    return unescape(client.get(reverse("admin:recordings_call_change", args=[call.pk])).content.decode())


# When a gap is one


def test_a_gap_is_not_recorded_only_once_a_complete_sync_began_after_the_end(account: Account) -> None:
    call = an_ended_call(account)
    recorded(call, 12, 300)
    a_run(account, at=at(599))
    a_run(account, at=at(700), complete=False, state="partial")
    assert gaps(call) == (Doubt.NOT_SYNCED, [(0, 12), (300, 600)])

    a_run(account, at=at(800))

    assert gaps(call) == (Doubt.NONE, [(0, 12), (300, 600)])


@pytest.mark.parametrize(
    ("scope", "takes_it_in"),
    [
        ({}, True),
        ({"full": True}, True),
        ({"since": "2025-11-06T11:00:00+00:00"}, True),
        ({"since": "2025-11-06T12:30:00+00:00"}, False),
        ({"since": "some day"}, False),
        ({"call": "this"}, True),
        ({"call": "another-call"}, False),
        ({"call": "this", "type": "call"}, False),
        ({"type": "conference"}, False),
        ({"limit": 5}, False),
        ({"recording": "r1234"}, False),
    ],
)
def test_only_a_sync_that_took_in_the_call_counts(
    account: Account, scope: dict[str, Any], takes_it_in: bool
) -> None:
    call = an_ended_call(account)
    a_run(
        account,
        at=at(700),
        scope={**scope, **({"call": call.call_uuid} if scope.get("call") == "this" else {})},
    )

    assert gaps(call)[0] is (Doubt.NONE if takes_it_in else Doubt.NOT_SYNCED)


def test_a_sync_of_another_account_says_nothing(account: Account, stranger: Account) -> None:
    call = an_ended_call(account)
    a_run(stranger, at=at(700))

    assert gaps(call)[0] is Doubt.NOT_SYNCED


def test_while_a_call_goes_on_no_gap_is_certain(account: Account) -> None:
    call = a_live_call(account, started_at=BEGAN)
    recorded(call, 10, 20)
    a_run(account, at=at(50))

    assert gaps(call, now=60) == (Doubt.LIVE, [(0, 10), (20, 60)])


def test_a_running_recording_covers_up_to_now_and_no_further_than_its_limit(account: Account) -> None:
    call = a_live_call(account, started_at=BEGAN)
    a_running(account, call=call, requested_at=at(10), happened_at=at(10), time_limit=60)

    assert gaps(call, now=30) == (Doubt.LIVE, [(0, 10)])
    assert gaps(call, now=90) == (Doubt.LIVE, [(0, 10), (70, 90)])


def test_overlapping_recordings_are_covered_once(account: Account) -> None:
    call = an_ended_call(account)
    recorded(call, 0, 300)
    recorded(call, 100, 200)
    recorded(call, 299.5, 599.5)

    assert gaps(call) == (Doubt.NONE, [])


def test_of_the_time_in_which_nobody_looked_nothing_is_claimed(account: Account, boss: Client) -> None:
    call = an_ended_call(account, seconds=600, seen_over=9_000)
    recorded(call, 0, 640)
    a_run(account, at=at(9_100))

    assert gaps(call) == (Doubt.NONE, [])
    assert "The call was over when the portal looked again, 2:19:20 later" in page_of(boss, call)


def test_a_lost_answer_leaves_the_gaps_unknown(account: Account) -> None:
    call = an_ended_call(account)
    a_running(
        account, call=call, status="requested", start_answer="unknown", requested_at=at(5), happened_at=at(5)
    )
    a_run(account, at=at(700))

    assert gaps(call) == (Doubt.MAY_BE_RECORDING, [(0, 600)])


def test_a_failed_attempt_covers_nothing(account: Account) -> None:
    call = an_ended_call(account)
    a_running(account, call=call, status="failed", requested_at=at(5), happened_at=at(5))
    a_run(account, at=at(700))

    assert gaps(call) == (Doubt.NONE, [(0, 600)])


def test_a_recording_without_its_times_leaves_the_gaps_unknown(account: Account) -> None:
    call = an_ended_call(account)
    a_recording(account, call=call, duration_ms=None)
    a_run(account, at=at(700))

    assert gaps(call)[0] is Doubt.TIMES


def test_a_call_never_seen_live_waits_until_no_recording_can_be_that_long(account: Account) -> None:
    call = a_call(account, state="unknown")
    recorded(call, 0, 10)
    recorded(call, 20, 30)
    a_run(account, at=at(3_600))
    assert gaps(call) == (Doubt.END, [(10, 20)])

    a_run(account, at=at(30 + 28_801))

    assert gaps(call) == (Doubt.NONE, [(10, 20)])


# What the page says


def test_the_page_draws_the_call_a_lane_for_each_recording_and_the_gaps(
    account: Account, boss: Client
) -> None:
    call = an_ended_call(account)
    recorded(call, 60, 300)
    recorded(call, 360, 600, file_format="wav")
    page = page_of(boss, call)

    assert "at least 80%" in page
    assert "8:00 of 10:00" in page
    assert page.count('<svg class="lane"') == 4
    assert '<svg x="10%" width="40%" height="24"><rect class="one"' in page
    assert "<title>Recording 2, completed: 6:00 – 10:00</title>" in page
    assert '<svg x="0%" width="10%" height="24"><rect class="unknown"' in page
    assert "no complete sync has run since the call ended" in page
    assert '<rect class="gap"' not in page

    a_run(account, at=at(700))

    page = page_of(boss, call)
    assert "at least 80%" not in page
    assert '<svg x="0%" width="10%" height="24"><rect class="gap"' in page
    assert "0:00 – 1:00 (1:00)" in page
    assert "style=" not in page


def test_a_running_lane_moves_and_can_be_stopped_alone(account: Account, boss: Client, staff: Person) -> None:
    call = a_live_call(account)
    running = a_running(account, call=call)
    page = page_of(boss, call)

    assert '<rect class="running"' in page
    assert 'data-every="5"' in page
    assert reverse("admin:recordings_recording_stop", args=[running.pk]) in page
    assert reverse("admin:recordings_call_stop_all", args=[call.pk]) in page
    assert reverse("admin:recordings_call_record", args=[call.pk]) in page
    looking = page_of(staff("view_call", accounts=[account]), call)
    assert "/stop" not in looking
    assert "/record/" not in looking


def test_what_cannot_be_stopped_alone_says_why(account: Account, boss: Client) -> None:
    page = page_of(boss, a_running(account, recording_url=None).call)

    assert "/stop/" not in page
    assert "URL" in page


def test_every_attempt_says_who_when_what_vobiz_answered_and_how_far_into_the_call(
    account: Account, boss: Client
) -> None:
    call = an_ended_call(account)
    person = User.objects.create_user("asha")
    asked = {
        "requested_by": person,
        "status": "failed",
        "start_answer": "refused",
        "error": "Vobiz wants payment",
    }
    a_running(account, call=call, requested_at=at(5), happened_at=at(5), **asked)
    a_running(account, call=call, requested_at=at(9), happened_at=at(9), **(asked | {"status": "active"}))
    recorded(call, 12, 20)
    recorded(call, 40, 50, times_approximate=True)
    recorded(call, -1, 3)

    page = page_of(boss, call)

    rows = page.partition("vp-callrec")[2].partition("</table>")[0].split("<tr id=")[1:]
    parts = ["0:00 – 0:04", "nothing was recorded", "about 0:10", "0:13 – 0:21", "about 0:41 – 0:51"]
    assert [words for words, row in zip(parts, rows, strict=True) if words not in row] == []
    assert "Vobiz wants payment" in rows[1]
    assert "6 Nov 2025, 17:30:05" in rows[1]
    assert "asha" in rows[1]
    assert "asha" in rows[2]


def test_the_timeline_says_who_did_what_in_the_order_of_time(account: Account, boss: Client) -> None:
    call = an_ended_call(account)
    asha = User.objects.create_user("asha")
    times = {"requested_at": at(11), "happened_at": at(12), "started_at": at(12), "ended_at": at(20)}
    by = {"requested_by": asha, "stop_requested_at": at(19), "stop_requested_by": asha}
    stopped = a_running(account, call=call, status="completed", duration_ms=8_000, **times, **by)
    a_running(
        account,
        call=call,
        status="failed",
        error="Vobiz wants payment",
        requested_at=at(40),
        happened_at=at(40),
    )
    an_event(account, recording=stopped, received_at=at(25))

    def lines(client: Client) -> list[str]:
        timeline = page_of(client, call).partition('<ol class="vp-timeline">')[2].partition("</ol>")[0]
        return [strip_tags(line) for line in timeline.split("<li>")[1:]]

    said = lines(boss)
    in_order = (
        "Call started", "asha started recording 1", "asha stopped recording 1", "Recording 1 ended",
        "Callback", "tried to start recording 2. Vobiz wants payment", "over",
    )  # fmt: skip
    assert [words for words, line in zip(in_order, said, strict=True) if words not in line] == []
    assert said[0].startswith("17:30:00")


def test_the_timeline_names_each_day_once_above_its_first_line(account: Account, boss: Client) -> None:
    call = an_ended_call(account)
    stopped = recorded(call, 12, 20)
    an_event(account, recording=stopped, received_at=BEGAN + timedelta(days=1))
    an_event(account, recording=stopped, received_at=BEGAN + timedelta(days=1, minutes=1))

    timeline = page_of(boss, call).partition('<ol class="vp-timeline">')[2].partition("</ol>")[0]
    days = [strip_tags(line) for line in timeline.split("<li") if line.startswith(' class="day"')]
    assert [day.rpartition(">")[2] for day in days] == ["6 Nov 2025", "7 Nov 2025"]


def test_the_timeline_names_callbacks_only_to_those_who_may_see_them(
    account: Account, boss: Client, staff: Person
) -> None:
    call = an_ended_call(account)
    an_event(account, recording=recorded(call, 12, 20), received_at=at(25))

    assert "Callback about" in page_of(boss, call)
    assert "Callback about" not in page_of(staff("view_call", accounts=[account]), call)


def test_without_any_recording_it_says_how_one_gets_there(account: Account, boss: Client) -> None:
    assert "A sync finds" in page_of(boss, a_call(account))
    assert reverse("admin:recordings_call_record", args=[(live := a_live_call(account)).pk]) in page_of(
        boss, live
    )


def test_words_from_outside_stay_words(account: Account, boss: Client) -> None:
    call = an_ended_call(account, from_number=HOSTILE, to_number=HOSTILE)
    recorded(call, 1, 2, file_format=HOSTILE[:20])
    a_running(account, call=call, status="failed", error=HOSTILE)

    raw = boss.get(reverse("admin:recordings_call_change", args=[call.pk])).content.decode()

    assert "<script>alert" not in raw
    assert "\u202e" not in raw


def test_a_call_costs_the_same_queries_with_one_attempt_and_with_a_hundred(
    account: Account, boss: Client
) -> None:
    call = an_ended_call(account)
    person = User.objects.get(username="boss")

    def queries() -> int:
        page_of(boss, call)
        with CaptureQueriesContext(connection) as captured:
            page_of(boss, call)
        return len(captured)

    a_running(account, call=call, requested_by=person, stop_requested_by=person, stop_requested_at=at(6))
    one = queries()
    for n in range(104):
        a_running(account, call=call, requested_by=person, requested_at=at(n), happened_at=at(n))

    assert queries() == one <= 10
    assert page_of(boss, call).count('<svg class="lane"') == 102
    assert "Only the newest hundred are shown." in page_of(boss, call)


def test_a_call_of_more_recordings_than_are_read_is_claimed_nothing_of(
    account: Account, boss: Client
) -> None:
    call = an_ended_call(account)
    a_run(account, at=at(800))
    for n in range(100):
        recorded(call, 2 * n, 2 * n + 1)
    first = call.recordings.order_by("happened_at").first()
    assert first is not None
    said = boss.get(f"/admin/recordings/recording/{first.pk}/change/").content.decode()
    assert "1 of 100 recordings of this call" in said
    assert "Not recorded:" in page_of(boss, call)

    recorded(call, 0, 600, happened_at=at(-1))

    said = page_of(boss, call)
    assert "Not known: only the newest hundred recordings of the call are read here" in said
    assert "Not recorded:" not in said
    assert "100 or more" in said
    assert (
        "of 100 recordings"
        not in boss.get(f"/admin/recordings/recording/{first.pk}/change/").content.decode()
    )
