"""The filters of the recordings' list: each finds what it names and nothing else, and the panel has them in groups."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from recordings.models import Account, Recording
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_recording, a_running, a_transcript

LIST = "/admin/recordings/recording/"
TUESDAY_EVENING = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)  # 19:00 in India


def found(client: Client, **query: str) -> set[Recording]:
    return set(client.get(LIST, query).context["cl"].result_list)


@pytest.fixture
def plain(account: Account) -> Recording:
    """A recording that none of the filters below asks for."""
    call = a_call(account, from_number="+14155550132", to_number="+14155550133", direction="outbound")
    return a_recording(
        account, call=call, duration_ms=300_000, happened_at=datetime(2026, 11, 28, 4, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ({"length": "10s"}, {"duration_ms": 9_999}),
        ({"length": "2m"}, {"duration_ms": 119_999}),
        ({"min_length": "2 min", "max_length": "180 s"}, {"duration_ms": 150_000}),
        ({"max_length": "90 s"}, {"duration_ms": 90_000}),
        ({"min_length": "1 h"}, {"duration_ms": 3_600_000}),
        ({"min_length": "60"}, {"duration_ms": 3_600_000}),  # minutes
        ({"ended": "cut_at_60"}, {"duration_ms": 60_499}),
        ({"kind": "Conference"}, {"kind": "conference"}),
        ({"codec": "pcm_mulaw"}, {"audio_codec": "pcm_mulaw"}),
        ({"true_format": "ogg"}, {"container": "ogg"}),
        ({"talk": "caller"}, {"talk_left_ms": 80, "talk_right_ms": 20}),
        ({"talk": "callee"}, {"talk_left_ms": 10, "talk_right_ms": 90}),
        ({"talk": "balanced"}, {"talk_left_ms": 45, "talk_right_ms": 55}),
        ({"weekday": "3"}, {"happened_at": TUESDAY_EVENING}),
        ({"min_cost": "0.004", "max_cost": "0.005"}, {"monthly_storage_amount": Decimal("0.005")}),
        ({"format": "wav"}, {"file_format": "wav"}),
        ({"origin__exact": "callback"}, {"origin": "callback"}),
        ({"status__exact": "failed"}, {"status": "failed"}),
        ({"ended": "failed"}, {"status": "failed"}),
        ({"ended": "cut"}, {"time_limit": 60, "duration_ms": 60_000}),
        ({"hours": "evening"}, {"happened_at": TUESDAY_EVENING}),
        ({"hours": "night"}, {"happened_at": TUESDAY_EVENING + timedelta(hours=10)}),
        ({"time_from": "18:00", "time_to": "22:00"}, {"happened_at": TUESDAY_EVENING}),
        ({"time_from": "18:00", "time_to": "02:00"}, {"happened_at": TUESDAY_EVENING}),
    ],
)
def test_a_filter_finds_what_it_names(
    account: Account, boss: Client, plain: Recording, query: dict[str, str], columns: dict[str, Any]
) -> None:
    Account.objects.update(time_zone="Asia/Kolkata")
    wanted = a_recording(account, **columns)
    Recording.objects.exclude(pk__in=[wanted.pk, plain.pk]).delete()

    assert found(boss, **query) == {wanted}


@pytest.mark.parametrize(
    "query",
    [{"min_length": "5x"}, {"caller_area": "Atlantis"}, {"callee_area": "+"}, {"min_cost": "nan"}, {"max_cost": "1e99"},
     {"time_from": "25:00"}, {"hours": "x"}, {"area": "Atlantis"}, {"number": "abc"}, {"caller": "12"},
     {"starter": "x"}, {"starter": "99999999999999999999"}],
)  # fmt: skip
def test_what_cannot_be_read_finds_nothing(boss: Client, plain: Recording, query: dict[str, str]) -> None:
    assert found(boss, **query) == set()


def test_a_number_is_asked_for_on_either_side_or_one(
    account: Account, boss: Client, plain: Recording
) -> None:
    wanted = a_recording(
        account, call=a_call(account, from_number="+918071387423", to_number="+919624705678")
    )

    assert found(boss, number="080 7138 7423") == {wanted}
    assert found(boss, caller="387423") == {wanted}
    assert found(boss, callee="387423") == set()
    assert found(boss, caller="387423", callee="5678") == {wanted}


@pytest.mark.parametrize(
    ("caller", "query"),
    [
        ("+918045123400", {"caller_area": "Bengaluru"}),
        ("+918045123400", {"caller_area": "bangalore"}),
        ("+918045123400", {"caller_area": "080"}),
        ("+442071838750", {"caller_area": "+44 20"}),
        ("+912226123456", {"caller_area": "Mumbai"}),
    ],
)
def test_an_area_is_asked_for_by_its_name_or_prefix(
    account: Account, boss: Client, plain: Recording, caller: str, query: dict[str, str]
) -> None:
    wanted = a_recording(account, call=a_call(account, from_number=caller, to_number="+919624705678"))
    back = a_recording(account, call=a_call(account, from_number="+919624705678", to_number=caller))

    assert found(boss, **query) == {wanted}
    assert found(boss, callee_area=query["caller_area"]) == {back}
    assert found(boss, area=query["caller_area"]) == {wanted, back}
    if not query["caller_area"].startswith("+"):
        assert found(boss, number=query["caller_area"]) == {wanted, back}
        assert found(boss, caller=query["caller_area"]) == {wanted}


def test_a_mobile_number_is_of_no_area(account: Account, boss: Client, plain: Recording) -> None:
    a_recording(account, call=a_call(account, from_number="+918005123456"))  # begins with Bengaluru's prefix

    assert found(boss, caller_area="Bengaluru") == set()


def test_a_transcript_s_charge_is_asked_for_by_those_who_may_see_transcripts(
    account: Account, boss: Client, staff: Person, plain: Recording
) -> None:
    wanted = a_recording(account)
    a_transcript(wanted, charge=Decimal("0.5"))
    member = staff("view_recording", accounts=[account])

    assert found(boss, min_charge="0.4") == {wanted}
    assert found(member, min_charge="0.4") == set()


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Europe/Berlin", "UTC"])
def test_hours_and_weekdays_are_the_reader_s(account: Account, boss: Client, zone: str) -> None:
    Account.objects.update(time_zone=zone)
    local = datetime(2026, 7, 5, 23, 30, tzinfo=ZoneInfo(zone))  # a Sunday, in summer time where there is one
    wanted = a_recording(account, happened_at=local)
    a_recording(account, happened_at=local + timedelta(hours=1))  # Monday
    a_recording(account, happened_at=local - timedelta(hours=1))

    assert found(boss, weekday="1", time_from="23:00") == {wanted}
    assert found(boss, weekday="1", time_from="23:00", time_to="00:15") == {wanted}


def test_transcripts_that_failed_or_never_came(account: Account, boss: Client, plain: Recording) -> None:
    failed, missing = a_recording(account), a_recording(account)
    a_transcript(failed, status="failed", text=None, error="x")
    a_transcript(missing, status="missing", text=None)

    assert found(boss, transcript="failed") == {failed}
    assert found(boss, transcript="missing") == {missing}


def test_who_started_it(account: Account, boss: Client, plain: Recording) -> None:
    priya = User.objects.create_user("priya", is_staff=True)
    account.members.add(priya)
    by_priya, by_command = a_running(account, requested_by=priya), a_running(account)

    assert found(boss, starter="flow") == {plain}
    assert found(boss, starter="portal") == {by_priya, by_command}
    assert found(boss, starter="command") == {by_command}
    assert found(boss, starter=str(priya.pk)) == {by_priya}


def test_a_reader_is_offered_people_of_their_accounts_alone(
    account: Account, stranger: Account, staff: Person
) -> None:
    stranger.members.add(User.objects.create_user("outsider", is_staff=True))
    client = staff("view_recording", accounts=[account], name="insider")

    panel = client.get(LIST).content.decode().partition('id="filter-starter"')[2].partition("</select>")[0]

    assert "insider" in panel
    assert "outsider" not in panel


def test_days_left_begin_with_the_first_to_go(account: Account, boss: Client) -> None:
    now = timezone.now()
    days = account.retention_days
    a_recording(account, happened_at=now - timedelta(days=days - 20), status="completed")
    later = a_recording(
        account, happened_at=now - timedelta(days=days) + timedelta(hours=60), status="completed"
    )
    first = a_recording(
        account, happened_at=now - timedelta(days=days) + timedelta(hours=6), status="completed"
    )

    assert boss.get(LIST, {"left": "3"}).context["cl"].result_list == [first, later]
    assert found(boss, left="1") == {first}


def test_short_noise_is_hidden_by_one_chip_with_its_number(account: Account, boss: Client) -> None:
    unknown = a_recording(account, duration_ms=None)
    heard = a_recording(account, duration_ms=5_000)
    for _each in range(3):
        a_recording(account, duration_ms=4_999)

    page = boss.get(LIST, {"noise": "5"})

    assert set(page.context["cl"].result_list) == {heard, unknown}
    assert re.search(r'class="vp-chip">3 under 5 s hidden<', page.content.decode())


@pytest.mark.parametrize("others", [{"q": "+919876543230"}, {"o": "left"}])
def test_short_ones_that_a_search_or_an_order_leaves_out_are_not_counted(
    account: Account, boss: Client, others: dict[str, str]
) -> None:
    a_recording(account, duration_ms=4_999)
    page = boss.get(LIST, {"noise": "5", **others}).content.decode()
    assert re.search(r'class="vp-chip">Under 5 s hidden<', page)


def test_the_panel_has_the_common_filters_first_and_the_rest_under_more(
    account: Account, boss: Client
) -> None:
    page = boss.get(LIST, {"talk": "caller"}).content.decode()
    panel = page[page.index('id="changelist-filter"') :]
    first, _summary, more = panel.partition("More filters")

    common = dict.fromkeys(re.findall(r'<(?:select|input) [^>]*?name="([a-z_]+)"', first))
    assert [name for name in common if name not in {"q", "talk"}] == [
        "caller", "callee", "call__direction__exact", "date", "date_from", "date_to", "hours", "time_from", "time_to",
        "length", "kept", "transcript", "format", "ended", "starter",
    ]  # fmt: skip
    assert panel.count('id="areas"') == 1
    assert panel.count("<legend>") == 7  # four groups, and three fields whose choices all show
    assert '<details class="vp-more" open>' in panel
    assert 'id="filter-talk"' in more


def test_a_chip_says_what_was_typed_and_takes_it_off(
    account: Account, boss: Client, plain: Recording
) -> None:
    page = boss.get(LIST, {"time_from": "18:00", "time_to": "22:00", "length": "10m"}).content.decode()

    chip = re.search(r'class="vp-chip">Time from: 18:00, Time to: 22:00<a href="([^"]*)"', page)
    assert chip is not None
    assert chip[1] == "?length=10m"
    for name, words in (
        ("caller", "Caller: Bengaluru"), ("callee", "Callee: Bengaluru"), ("number", "Caller or callee: Bengaluru"),
        ("caller_area", "Caller’s area: Bengaluru"),
    ):  # fmt: skip
        assert f'class="vp-chip">{words}<' in boss.get(LIST, {name: "Bengaluru"}).content.decode()
    page = boss.get(LIST, {"hours": "evening"}).content.decode()
    assert 'class="vp-chip">Evening, 17:00 to 22:00<' in page


@pytest.mark.parametrize("path", [LIST, "/admin/recordings/call/", "/admin/recordings/transcription/",
                                  "/admin/recordings/callbackevent/", "/admin/recordings/syncrun/",
                                  "/admin/recordings/accessevent/", "/admin/auth/user/"])  # fmt: skip
def test_more_than_one_chip_has_clear_all_which_keeps_the_search(
    account: Account, boss: Client, path: str
) -> None:
    one = {"is_active__exact": "1"} if path.endswith("user/") else {"date": "30"}
    other = {"is_superuser__exact": "0"} if path.endswith("user/") else {"account": str(account.pk)}

    assert "Clear all</a>" not in boss.get(path, one).content.decode()
    page = boss.get(path, one | other | {"q": "387423"}).content.decode()

    assert '<a class="vp-clear" href="?q=387423">Clear all</a>' in page


def test_clear_all_takes_the_order_off_too(account: Account, boss: Client) -> None:
    page = boss.get(LIST, {"o": "length", "noise": "5"}).content.decode()

    assert '<a class="vp-clear" href="?">Clear all</a>' in page


def test_where_nothing_matches_each_filter_can_be_taken_away(account: Account, boss: Client) -> None:
    def offered(**query: str) -> list[tuple[str, str]]:
        page = boss.get(LIST, query).content.decode()
        empty = page[page.index('class="vp-empty"') :]
        return re.findall(r'<a class="button" href="([^"]*)">Without “([^<]*)”</a>', empty)

    assert offered(hours="evening", caller="Bengaluru", o="length") == [
        ("?caller=Bengaluru&amp;o=length", "Evening, 17:00 to 22:00"),
        ("?hours=evening&amp;o=length", "Caller: Bengaluru"),
    ]
    assert offered(hours="evening", q="387423") == [("?q=387423", "Evening, 17:00 to 22:00")]
    assert offered(hours="evening") == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"transcript": "there"}, "Transcript: yes"),
        ({"kept": "due"}, "Audio: waiting for archive"),
        ({"true_format": "wav"}, "File type: WAV"),
        ({"talk": "caller"}, "Who talked: caller 80% or more"),
        ({"origin__exact": "sync"}, "Source: "),
        ({"sound": "silent"}, "Sound problem: no sound"),
    ],
)
def test_a_chip_names_its_filter_in_plain_words(
    account: Account, boss: Client, query: dict[str, str], words: str
) -> None:
    assert f'class="vp-chip">{words}' in boss.get(LIST, query).content.decode()
