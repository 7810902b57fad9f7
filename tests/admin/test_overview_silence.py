"""The overview where callbacks do not come: when that means that Vobiz does not reach the portal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from recordings.models import Account
from tests.admin.rows import a_call, a_live_call, a_run, a_running, an_event
from tests.admin.test_overview import an_ended_start, text_of

REACHED_NOT = "Vobiz does not reach this portal at http://127.0.0.1:8000"


def test_three_recordings_in_a_row_without_a_callback_mean_that_vobiz_does_not_reach_the_portal(
    account: Account, boss: Client
) -> None:
    a_run(account)
    an_ended_start(account, minutes=60, heard=True)
    for minutes in (50, 40):
        an_ended_start(account, minutes=minutes)
    an_ended_start(account, minutes=3)  # its callback may still come
    assert REACHED_NOT not in text_of(boss)
    assert "2</strong> of the last 3 recordings started from the portal had no callback" in text_of(boss)

    an_ended_start(account, minutes=6)

    page = text_of(boss)
    assert REACHED_NOT in page
    assert "No callbacks received for 3 recordings." in page
    assert "Check that Vobiz can reach http://127.0.0.1:8000." in page
    assert "PORTAL_URL must be the public address" in page
    assert 'href="#no-callbacks"' in page
    assert 'id="no-callbacks"' in page


def test_one_recording_without_a_callback_is_enough_where_none_ever_came(
    account: Account, boss: Client
) -> None:
    an_ended_start(account, minutes=6)
    assert REACHED_NOT in text_of(boss)

    an_event(account)  # of a call flow: Vobiz reaches the portal

    assert REACHED_NOT not in text_of(boss)


def test_a_callback_after_silence_ends_the_alarm(account: Account, boss: Client) -> None:
    for minutes in (60, 50, 40, 30):
        an_ended_start(account, minutes=minutes)
    an_ended_start(account, minutes=20, heard=True)

    page = text_of(boss)

    assert REACHED_NOT not in page
    assert "4</strong> of the last 5 recordings started from the portal had no callback" in page


@pytest.mark.parametrize("known_by", ["the end of the call", "the time limit"])
def test_a_recording_whose_end_nobody_reported_counts_as_ended(
    account: Account, boss: Client, known_by: str
) -> None:
    ago = timezone.now() - timedelta(hours=2)
    call = a_live_call(account)
    if known_by == "the end of the call":
        call = a_call(account, ended_at=ago)
    limit = 3_600 if known_by == "the time limit" else 28_800
    a_running(account, call=call, requested_at=ago, happened_at=ago, time_limit=limit)

    assert REACHED_NOT in text_of(boss)


def test_a_recording_that_gave_vobiz_no_address_waits_for_no_callback(account: Account, boss: Client) -> None:
    at = timezone.now() - timedelta(hours=1)
    a_running(account, status="completed", ended_at=at, happened_at=at, callback_base=None)

    assert "started from the portal had no callback" not in text_of(boss)
