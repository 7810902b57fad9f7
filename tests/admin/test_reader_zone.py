"""In whose time the pages speak: chosen once by each person, kept, named, and heeded everywhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from recordings.admin import formatting
from recordings.models import Account, Preference
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_live_call, a_recording, a_run, a_running, a_transcript, an_event

pytestmark = pytest.mark.once

AT = datetime(2025, 11, 6, 13, 48, 59, tzinfo=UTC)
ZONE = "/admin/zone/"
RECORDINGS = "/admin/recordings/recording/"


def named_on(client: Client, url: str = RECORDINGS) -> str:
    """The zone that a page names; it is named once."""
    page = unescape(client.get(url).content.decode())
    _before, after = page.split("Time zone: ")
    return after.partition("<")[0]


def test_without_a_choice_times_are_in_the_zone_that_all_accounts_of_the_reader_share(
    account: Account, stranger: Account, staff: Person
) -> None:
    Account.objects.filter(pk=stranger.pk).update(time_zone="Europe/Berlin")
    one, both = (
        staff("view_recording", accounts=[account]),
        staff("view_recording", accounts=[account, stranger]),
    )

    assert named_on(one) == "Asia/Kolkata (IST)"
    assert named_on(both) == "UTC"
    Account.objects.update(time_zone="America/Sao_Paulo")
    assert named_on(both) == "America/Sao_Paulo (UTC-03)"


def test_someone_without_an_account_reads_utc(staff: Person) -> None:
    assert named_on(staff("view_recording")) == "UTC"


def test_a_choice_is_kept_is_the_persons_own_and_leads_back(
    account: Account, boss: Client, staff: Person
) -> None:
    a_recording(account, started_at=AT, happened_at=AT)
    back = RECORDINGS + "?status__exact=completed"

    answer = boss.post(ZONE, {"time_zone": "America/New_York", "next": back})

    assert answer.headers["Location"] == back
    page = boss.get(back).content.decode()
    assert ">08:48</time>" in page
    assert "2025-11-06 13:48:59 UTC" in page
    assert "America/New_York" in page
    other_browser = Client()
    other_browser.force_login(User.objects.get(username="boss"))
    assert named_on(other_browser).startswith("America/New_York (")
    assert named_on(staff("view_recording", accounts=[account])) == "Asia/Kolkata (IST)"


def test_utc_can_be_chosen_although_the_accounts_are_elsewhere(account: Account, boss: Client) -> None:
    a_recording(account, started_at=AT, happened_at=AT)
    boss.post(ZONE, {"time_zone": "UTC"})

    assert named_on(boss, "/admin/recordings/recording/") == "UTC"
    assert ">13:48<" in boss.get(RECORDINGS).content.decode()
    assert named_on(boss, "/admin/") == "UTC"


@pytest.mark.parametrize(
    ("sender", "back"),
    [
        ("http://testserver/admin/recordings/recording/?q=1", "/admin/recordings/recording/?q=1"),
        ("http://testserver/nowhere/", "/admin/"), ("http://[", "/admin/"), ("", "/admin/"),
    ],
)  # fmt: skip
def test_from_what_a_post_answered_the_zone_leads_back_to_the_page_that_sent_it(
    boss: Client, sender: str, back: str
) -> None:
    """What a POST answered may not be had by a GET."""
    answer = boss.post(ZONE, {"time_zone": "Nowhere"}, headers={"Referer": sender} if sender else {})

    assert f'/admin/zone/?next={quote(back, safe="")}"' in answer.content.decode()


@pytest.mark.parametrize("taken_back", ["", "accounts"])
def test_a_choice_can_be_taken_back(account: Account, boss: Client, taken_back: str) -> None:
    boss.post(ZONE, {"time_zone": "Asia/Tokyo"})
    assert named_on(boss) == "Asia/Tokyo (JST)"

    boss.post(ZONE, {"time_zone": taken_back})

    assert named_on(boss) == "Asia/Kolkata (IST)"
    assert not Preference.objects.exists()


def test_the_form_shows_what_is_chosen_and_refuses_what_is_no_zone(
    account: Account, subaccount: Account, boss: Client
) -> None:
    boss.post(ZONE, {"time_zone": "Asia/Tokyo"})

    page = boss.get(ZONE).content.decode()

    assert re.search(
        r'<input type="text" name="time_zone" value="Asia/Tokyo"[^>]* list="time_zone-zones"', page
    )
    assert '<option value="Asia/Kolkata">Asia/Kolkata (UTC+05:30)</option>' in page
    assert "Empty: as your accounts, Asia/Kolkata (IST)." in page
    assert boss.post(ZONE).status_code == 422  # what lacks the field chooses nothing
    for wrong in ("Mars/Olympus", "../../etc/passwd", "Asia"):
        answer = boss.post(ZONE, {"time_zone": wrong})
        assert answer.status_code == 422
        assert "No such time zone." in answer.content.decode()
    assert Preference.objects.get().time_zone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("kolkata", "Asia/Kolkata"), ("asia/kolkata", "Asia/Kolkata"), ("New York", "America/New_York"),
        ("Asia/Kolkata (UTC+05:30)", "Asia/Kolkata"), (" utc ", "UTC"),
    ],
)  # fmt: skip
def test_a_zone_is_typed_by_its_city_or_name(boss: Client, typed: str, zone: str) -> None:
    boss.post(ZONE, {"time_zone": typed})

    assert Preference.objects.get().time_zone == zone


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_the_way_back_stays_within_the_portal(boss: Client, elsewhere: str) -> None:
    answer = boss.post(ZONE, {"time_zone": "UTC", "next": elsewhere})

    assert answer.headers["Location"] == "/admin/"


def test_only_staff_choose_and_nothing_is_changed_by_looking(account: Account, client: Client) -> None:
    assert client.get(ZONE).headers["Location"].startswith("/admin/login/")
    client.force_login(User.objects.create_user("outsider"))
    assert client.post(ZONE, {"time_zone": "UTC"}).status_code == 302
    assert not Preference.objects.exists()


def test_every_page_shows_its_times_in_the_chosen_zone(account: Account, boss: Client) -> None:
    call = a_live_call(account, started_at=AT, seen_live_at=AT, happened_at=AT)
    Account.objects.update(live_refreshed_at=AT)
    running = a_running(account, call=call, requested_at=AT, happened_at=AT)
    done = a_recording(account, started_at=AT, happened_at=AT)
    rows = {
        "call": call, "recording": running, "syncrun": a_run(account, at=AT), "account": account,
        "callbackevent": an_event(account, running, received_at=AT),
        "transcription": a_transcript(done, received_at=AT),
    }  # fmt: skip
    boss.post(ZONE, {"time_zone": "Asia/Tokyo"})

    for name, row in rows.items():
        for url in (f"/admin/recordings/{name}/", reverse(f"admin:recordings_{name}_change", args=[row.pk])):
            page = boss.get(url).content.decode()
            if name != "account" or url.endswith("change/"):
                assert "22:48" in page, url
            assert not re.search(r"(?<![\d:])19:18", page), url  # a duration may end so
            assert page.count("Time zone: ") == 1, url


def test_the_zone_of_one_reader_does_not_reach_the_next(account: Account, boss: Client) -> None:
    boss.post(ZONE, {"time_zone": "Asia/Tokyo"})

    boss.get(RECORDINGS)

    assert str(timezone.get_current_timezone()) == "UTC"


def test_knowing_the_zone_and_the_chosen_account_costs_two_queries_a_page(
    account: Account, stranger: Account, boss: Client
) -> None:
    a_call(account)
    boss.post(ZONE, {"time_zone": "Asia/Tokyo"})
    with CaptureQueriesContext(connection) as captured:
        boss.get("/admin/recordings/call/")

    assert len([query for query in captured if "recordings_preference" in query["sql"]]) == 2


def test_a_zone_this_machine_does_not_know_is_read_as_utc(boss: Client) -> None:
    Preference.objects.create(user=User.objects.get(username="boss"), time_zone="Asia/Atlantis")

    assert named_on(boss) == "UTC"


def test_a_zone_is_one_that_exists_and_each_person_has_one(boss: Client) -> None:
    user = User.objects.get(username="boss")
    with pytest.raises(ValidationError):
        Preference(user=user, time_zone="Asia/Atlantis").full_clean()
    Preference.objects.create(user=user, time_zone="UTC")
    with pytest.raises(IntegrityError):
        Preference.objects.create(user=user, time_zone="Asia/Tokyo")


def test_a_time_names_its_zone_only_in_the_hour_that_comes_twice() -> None:
    new_york = ZoneInfo("America/New_York")
    first, second = datetime(2025, 11, 2, 5, 30, tzinfo=UTC), datetime(2025, 11, 2, 6, 30, tzinfo=UTC)

    assert "2 Nov 2025, 01:30:00 EDT<" in formatting.moment(first, new_york)
    assert "2 Nov 2025, 01:30:00 EST<" in formatting.moment(second, new_york)
    assert "2 Nov 2025, 02:30:00<" in formatting.moment(datetime(2025, 11, 2, 7, 30, tzinfo=UTC), new_york)


def test_a_recording_that_vobiz_has_not_named_yet_is_called_by_the_readers_clock(
    account: Account, boss: Client
) -> None:
    row = a_running(account, recording_id=None, requested_at=AT)
    name = "recording asked for at 6 Nov 2025, 19:18 IST"

    history = boss.get(reverse("admin:recordings_recording_history", args=[row.pk])).content.decode()
    export = boss.post(RECORDINGS, {"action": "export_zip", "_selected_action": [row.pk]}).content.decode()

    assert f"History of {name}" in history
    assert name in export
