"""The overview: what needs a person comes first, in words, and only to those who may know."""

from __future__ import annotations

import os
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings

from recordings import tasks
from recordings.admin import formatting
from recordings.admin.dashboard import _days, _scale
from recordings.models import Account, Recording, Worker
from recordings.models.recording.queryset import WAS_CUT_SHORT
from recordings.overview import Day, day_bounds
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_recording, a_run, a_running, a_transcript, an_event
from tests.admin.test_overview_lists import SEE, a_busy_account
from tests.ledger import asked
from vobiz_portal.sandbox.server import Sandbox

MOST_QUERIES = 32
REACHED_NOT = "Vobiz does not reach this portal at http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def worker(db: None) -> Worker:
    """One that was heard of a moment ago."""
    now = timezone.now()
    made: Worker = Worker.objects.create(name="here", started_at=now, heard_at=now)
    return made


def text_of(client: Client) -> str:
    response = client.get("/admin/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def lines_of(client: Client) -> list[str]:
    """What needs attention, in order, as words."""
    context = client.get("/admin/").context["overview"]
    return [line.about for line in [*context["lines"], *context["more_lines"]]]


def an_ended_start(account: Account, *, minutes: int, heard: bool = False) -> None:
    at = timezone.now() - timedelta(minutes=minutes)
    row = a_running(account, call=a_call(account), status="completed", ended_at=at, happened_at=at)
    if heard:
        an_event(account, row)


def test_a_quiet_portal_says_that_nothing_needs_attention(account: Account, boss: Client) -> None:
    a_run(account)
    Account.objects.update(live_refreshed_at=timezone.now())

    page = text_of(boss)

    assert "Nothing needs attention." in page
    assert "0</strong> Live calls" in page
    assert "✓ Up to date" in page


def test_the_live_calls_say_how_old_the_oldest_look_is_and_who_was_never_looked_at(
    account: Account, subaccount: Account, stranger: Account, staff: Person
) -> None:
    client = staff(*SEE, accounts=[account, subaccount])
    now = timezone.now()

    def clock(*, minutes: int) -> str:
        return formatting.clock(now - timedelta(minutes=minutes), ZoneInfo("Asia/Kolkata"), now=now)

    switched_off = {"is_active": False, "live_refreshed_at": now - timedelta(days=9)}
    Account.objects.filter(pk=stranger.pk).update(live_refreshed_at=now - timedelta(days=3))

    never = text_of(client)
    Account.objects.filter(pk=account.pk).update(live_refreshed_at=now - timedelta(minutes=5))
    one = text_of(client)
    Account.objects.filter(pk=subaccount.pk).update(live_refreshed_at=now - timedelta(hours=2))
    both = text_of(client)
    Account.objects.filter(pk=subaccount.pk).update(**switched_off)
    alone = text_of(client)
    Account.objects.filter(pk=account.pk).update(live_refreshed_at=now - timedelta(seconds=50))
    fresh = text_of(client)

    assert "not loaded yet" in never
    assert "</strong> Live calls</a>" not in never
    assert f"Live calls as of {clock(minutes=5)}. Not loaded yet: <bdi>{subaccount.name}</bdi>." in one
    assert "<strong>0</strong> Live calls</a>" in one
    assert f"Live calls as of {clock(minutes=120)}." in both
    assert f"Live calls as of {clock(minutes=5)}." in alone
    assert "Live calls as of" not in fresh


def test_it_costs_few_queries_and_the_same_for_one_row_or_hundreds(
    account: Account, subaccount: Account, stranger: Account, staff: Person
) -> None:
    client = staff(*SEE, "sync_now", accounts=[account, subaccount])
    a_busy_account(account)
    Account.objects.update(live_tried_at=timezone.now())  # else the first asks a worker for the live calls
    client.get("/admin/")
    with CaptureQueriesContext(connection) as first:
        client.get("/admin/")

    for _each in range(8):
        a_busy_account(account)
        a_busy_account(subaccount)
    with CaptureQueriesContext(connection) as second:
        client.get("/admin/")

    assert len(second) == len(first) <= MOST_QUERIES


def test_it_asks_vobiz_for_nothing(account: Account, sandbox: Sandbox, boss: Client) -> None:
    a_busy_account(account)
    before = len(sandbox.state.ledger)

    boss.get("/admin/")

    assert len(sandbox.state.ledger) == before


def test_it_has_a_worker_read_the_live_calls_and_an_account_no_more_often_than_the_interval(
    account: Account, stranger: Account, sandbox: Sandbox, boss: Client
) -> None:
    Account.objects.filter(pk=stranger.pk).update(api_down_since=timezone.now())
    sandbox.state.place_call(account.auth_id)
    tasks._woken.clear()

    def lists() -> int:
        return len(asked(sandbox.state, "call.list"))

    def queued() -> list[Any]:
        rows = DBTaskResult.objects.filter(task_path="recordings.tasks.refresh_live_calls")
        return [row.args_kwargs["args"] for row in rows]

    boss.get("/admin/")
    boss.get("/admin/")
    assert (queued(), lists()) == ([[[account.pk]]], 0)

    for _each in range(2):
        tasks.refresh_live_calls.func([account.pk, stranger.pk])
    assert lists() == 1
    assert "<strong>1</strong> Live call" in text_of(boss)

    tasks._woken.clear()
    boss.get("/admin/")
    assert len(queued()) == 1
    Account.objects.update(live_tried_at=timezone.now() - tasks.LIVE_INTERVAL)
    boss.get("/admin/")
    tasks.refresh_live_calls.func([account.pk, stranger.pk])
    assert (len(queued()), lists()) == (2, 2)


def test_many_failed_syncs_are_one_line_with_their_beginning_and_the_last_words(
    account: Account, boss: Client
) -> None:
    account.time_zone = "Asia/Kolkata"
    account.save()
    now = timezone.now()
    a_run(account, at=now - timedelta(days=2), state="failed", complete=False, error="an older cause")
    a_run(account, at=now - timedelta(hours=30))
    for hours in range(12):
        a_run(
            account, at=now - timedelta(hours=hours), state="failed", complete=False, error=f"401, {hours} h"
        )

    page = text_of(boss)
    [line] = boss.get("/admin/").context["overview"]["lines"]

    assert (line.count, line.said) == ("12 syncs", "401, 0 h")
    assert "did not complete since" in line.words
    assert "IST" in line.words
    assert f'action="/admin/recordings/account/{account.pk}/sync/"' in page
    assert re.search(r"complete on \d+ \w+ \d{4}", page)


def test_a_sync_of_one_recording_neither_makes_the_mirror_whole_nor_breaks_it(
    account: Account, boss: Client
) -> None:
    now = timezone.now()
    a_run(account, at=now - timedelta(hours=3))
    a_run(account, scope={"recording": "r1234"}, state="failed", complete=False, error="no such recording")
    assert lines_of(boss) == []

    account.syncrun_set.all().delete()
    a_run(account, scope={"call": "c1234"})
    assert lines_of(boss) == ["No complete sync yet"]


def test_a_line_about_the_only_account_is_a_sentence_without_its_name(account: Account, boss: Client) -> None:
    a_run(account, at=timezone.now() - timedelta(days=3))
    [said] = lines_of(boss)
    assert re.fullmatch(r"Last complete sync on \d+ \w+ \d{4}", said)

    Account.objects.update(encrypted_token=None)
    assert lines_of(boss)[0].startswith("No auth token")


def test_a_missing_worker_needs_attention_while_an_account_is_switched_on(
    account: Account, worker: Worker, boss: Client, staff: Person
) -> None:
    a_run(account)
    assert lines_of(boss) == []

    Worker.objects.update(heard_at=timezone.now() - timedelta(minutes=5))

    [line] = boss.get("/admin/").context["overview"]["lines"]
    assert (line.role, line.about) == (
        "bad",
        "No worker is running: no recording is synced, checked or archived",
    )
    assert line.button.url == "#worker"
    assert '<li id="worker">' in text_of(boss)
    assert lines_of(staff("view_recording", accounts=[account])) == []
    Account.objects.update(is_active=False)
    assert lines_of(boss) == []


def test_the_worst_and_soonest_to_be_lost_come_first_and_the_rest_is_folded(
    account: Account, stranger: Account, boss: Client
) -> None:
    for one in (account, stranger):
        a_busy_account(one)
    for minutes in (9, 8, 7):
        an_ended_start(account, minutes=minutes)

    context = boss.get("/admin/").context["overview"]

    assert len(context["lines"]) == 10
    assert context["more_lines"]
    assert "Check that Vobiz can reach" in str(context["lines"][0].words)
    assert [line.rank for line in context["lines"]] == sorted(line.rank for line in context["lines"])
    assert context["lines"][1].about == "Main 1 recording may be recording: Vobiz's answer was lost"
    assert "2 recordings with a second transcript" in " ".join(lines_of(boss))


def test_lines_of_equal_weight_and_age_stand_in_one_order(account: Account, boss: Client) -> None:
    at = timezone.now() - timedelta(days=1)
    for reason in ("transcript_revised", "length_differs", "id_conflict", "cut_by_vobiz"):
        a_recording(account, needs_attention=reason, happened_at=at)

    words = [str(line.words) for line in boss.get("/admin/").context["overview"]["lines"] if line.at == at]

    assert len(words) == 4
    assert words == sorted(words)


def test_the_verbs_are_those_that_the_reader_may_use(account: Account, staff: Person) -> None:
    a_busy_account(account)
    viewer = staff(*SEE, accounts=[account])
    operator = staff(*SEE, "sync_now", "process_callbackevent", accounts=[account])

    assert "<form" not in text_of(viewer).split('id="content"')[1]
    page = text_of(operator).split('id="content"')[1]
    assert f'action="/admin/recordings/account/{account.pk}/sync/"' in page
    assert "/process/" in page


def test_process_again_on_the_overview_does_what_it_says(account: Account, staff: Person) -> None:
    event = an_event(account, outcome="failed", error="It names no recording.", payload={})
    client = staff(*SEE, "process_callbackevent", accounts=[account])
    [line] = [line for line in client.get("/admin/").context["overview"]["lines"] if "applied" in line.about]

    assert line.button.posts
    assert client.post(line.button.url).status_code == 302
    event.refresh_from_db()
    assert event.processed_at is not None or event.outcome == "failed"


@pytest.mark.parametrize(
    ("permission", "seen", "unseen"),
    [
        ("view_recording", "ecording running", ("ive calls</a>", "callback<", "callbacks<", "syncs")),
        ("view_syncrun", "Sync", ("ecording running", "callback<", "callbacks<", "At risk")),
        ("view_callbackevent", "Callbacks", ("ecording running", "At risk", "3 h ago")),
        ("view_live_calls", "Open live calls", ("ecording running", "At risk", "failed</a>")),
    ],
)
def test_what_the_reader_may_not_view_is_not_counted(
    account: Account, staff: Person, permission: str, seen: str, unseen: tuple[str, ...]
) -> None:
    a_busy_account(account)

    content = text_of(staff(permission, accounts=[account])).split('id="content"')[1]

    assert seen in content
    assert [words for words in unseen if words in content] == []


def test_nothing_of_another_account_is_counted_or_named(
    account: Account, stranger: Account, staff: Person
) -> None:
    a_run(account)
    a_busy_account(stranger)
    a_transcript(a_recording(stranger))

    client = staff(*SEE, accounts=[account])

    assert lines_of(client) == []
    assert "Other" not in text_of(client)
    assert sum(day.total for day in client.get("/admin/").context["overview"]["days"]) == 0


def test_days_are_those_of_the_readers_zone(account: Account, boss: Client) -> None:
    account.time_zone = "Pacific/Kiritimati"  # 14 hours before UTC: its midnight is another day's morning
    account.save()
    zone = account.zone
    today = timezone.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    a_recording(account, happened_at=today)
    a_recording(account, happened_at=today - timedelta(seconds=1))
    a_recording(account, happened_at=today - timedelta(days=13))
    a_recording(account, happened_at=today - timedelta(days=13, seconds=1))

    context = boss.get("/admin/").context["overview"]

    assert [day.total for day in context["days"]] == [1, *[0] * 11, 1, 1]
    assert "Pacific/Kiritimati" in text_of(boss)


def test_a_day_of_23_hours_ends_at_midnight() -> None:
    begins, ends = day_bounds(date(2026, 3, 29), ZoneInfo("Europe/Berlin"))

    assert ends.timestamp() - begins.timestamp() == 23 * 3_600


def test_what_was_stopped_at_its_limit_or_has_no_length_was_not_cut(account: Account, boss: Client) -> None:
    limit: dict[str, Any] = {"time_limit": 60}
    a_recording(account, **limit, duration_ms=59_000)
    a_recording(account, **limit, duration_ms=58_999)
    a_recording(account, **limit, duration_ms=60_000, stop_requested_at=timezone.now())
    a_recording(account, **limit, duration_ms=None)
    a_recording(account, duration_ms=None)

    for row in Recording.objects.all():
        assert Recording.objects.filter(WAS_CUT_SHORT, pk=row.pk).exists() == row.was_cut_short
        assert Recording.objects.filter(~WAS_CUT_SHORT, pk=row.pk).exists() != row.was_cut_short
    assert Recording.objects.filter(WAS_CUT_SHORT).count() == 1


def test_unsigned_callbacks_are_told_of_only_where_signed_ones_came_before_or_are_required(
    account: Account, boss: Client
) -> None:
    now = timezone.now()
    an_event(account, trust="unsigned", received_at=now - timedelta(days=2))
    assert "unsigned in 7 days" not in text_of(boss)

    an_event(account, received_at=now - timedelta(days=1))
    assert "unsigned in 7 days" not in text_of(boss)  # it came before the first signed one

    an_event(account, trust="unsigned", received_at=now)
    assert "<strong>1</strong> unsigned in 7 days" in text_of(boss)

    Account.objects.update(require_signed=True)
    assert "<strong>2</strong> unsigned in 7 days" in text_of(boss)


def test_text_from_outside_stays_text(account: Account, stranger: Account, boss: Client) -> None:
    hostile = "<script>alert(1)</script>\u202e" + "x" * 150
    Account.objects.filter(pk=account.pk).update(name=hostile)
    a_run(account, at=timezone.now(), state="failed", complete=False, error=hostile)
    an_event(account, outcome="failed", error=hostile)

    page = boss.get("/admin/").content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;[U+202E]" in page
    assert " style=" not in page
    assert "<style" not in page


def test_a_portal_of_which_vobiz_is_told_another_address_names_it(
    account: Account, boss: Client, settings: Settings
) -> None:
    settings.PORTAL_URL = "https://portal.example.com"
    an_ended_start(account, minutes=6)

    assert "Vobiz does not reach this portal at https://portal.example.com" in text_of(boss)


def test_days_are_written_as_everywhere_else(account: Account, boss: Client) -> None:
    at = timezone.now() - timedelta(days=3)
    a_recording(account, happened_at=at)
    day = at.astimezone(ZoneInfo("Asia/Kolkata")).date()
    words = f"{day:%-d %b %Y}"

    overview = boss.get("/admin/").content.decode()
    chosen = boss.get(f"/admin/recordings/recording/?day={day.isoformat()}").content.decode()

    assert f">{words}</td>" in overview
    assert "Recordings a day, from " in overview
    assert f"{day:%b}. " not in overview
    assert words in chosen
    assert f"{day:%b}. " not in chosen


@pytest.mark.parametrize(
    ("most", "scale"),
    [(0, (2, 1, 0)), (2, (2, 1, 0)), (3, (4, 2, 0)), (11, (20, 10, 0)), (1_001, (2_000, 1_000, 0))],
)
def test_the_bars_have_a_scale_of_round_numbers_that_no_day_exceeds(
    account: Account, boss: Client, most: int, scale: tuple[int, int, int]
) -> None:
    day = Day(timezone.now().date(), most, 0, 0)

    assert _scale([day]) == scale
    assert all(bar.y >= 0 for shown in _days([day]) for bar in shown.bars)


def test_health_is_four_lines(account: Account, boss: Client) -> None:
    page = text_of(boss).partition('class="vp-lines vp-health"')[2].partition("</section>")[0]

    assert re.findall(r"<summary><b>(\w+)</b>", page) == ["Callbacks", "Sync", "Archive", "Worker"]
    assert "0 of 1 account" in page


@pytest.mark.parametrize(("megabytes", "said"), [(1, "is full"), (100, "almost full"), (1_000, None)])
def test_a_full_disk_under_the_embedded_database_is_said_with_what_it_refuses(
    account: Account,
    boss: Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    megabytes: int,
    said: str | None,
) -> None:
    real = os.statvfs

    def little(path: Any) -> Any:
        found = list(real(path))
        found[1] = 1  # the size of a fragment
        found[4] = megabytes * 1024**2
        return os.statvfs_result(found) if Path(path) == tmp_path else real(path)

    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "portal.sqlite3")}
    databases = {**django_settings.DATABASES, "default": {**django_settings.DATABASES["default"], **sqlite}}
    monkeypatch.setattr(django_settings, "DATABASES", databases)
    monkeypatch.setattr(os, "statvfs", little)
    page = boss.get("/admin/").content.decode()
    assert ("callbacks, starts and syncs are refused" in page) == (said is not None)
    assert said is None or said in page


def test_sync_and_archive_follow_the_worst_of_the_accounts(
    account: Account, stranger: Account, boss: Client
) -> None:
    for one in (account, stranger):
        a_run(one, at=timezone.now())
    Account.objects.filter(pk=stranger.pk).update(encrypted_token=None)

    overview = boss.get("/admin/").context["overview"]

    assert (overview["archive"]["role"], overview["sync_state"]["role"]) == ("bad", "bad")
    assert overview["archive"]["words"] == "stopped for 1 of 2 accounts"
    assert overview["sync_state"]["words"] == "1 of 2 accounts up to date"


def test_a_sync_that_a_fast_clock_dated_in_the_future_hides_no_failure_since(
    account: Account, boss: Client
) -> None:
    now = timezone.now()
    a_run(account, at=now - timedelta(hours=2))
    a_run(account, at=now + timedelta(days=2))
    a_run(account, at=now - timedelta(hours=1), state="failed", complete=False, error="401")

    [line] = boss.get("/admin/").context["overview"]["lines"]

    assert line.said == "401"
    assert "complete 2 h ago" in text_of(boss)
