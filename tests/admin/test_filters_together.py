"""Every filter of the recordings' list, together with another one and in a saved view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from django.test import Client
from django.utils import timezone

from recordings.admin.recordings.admin import RecordingAdmin
from recordings.models import Account, Recording
from recordings.models.account import new_callback_key
from tests.admin.rows import a_call, a_recording, a_transcript
from tests.admin.test_list_page_saved_views import save, tabs
from tests.admin.test_recording_filters import TUESDAY_EVENING, found

OTHER = {"callee": "080 4512 3400"}  # the other filter: the number of the called side
CALLEE, ELSEWHERE = "+918045123400", "+918061234567"
NOW = timezone.now()
DAY = TUESDAY_EVENING.date().isoformat()
EARLIER = datetime(2025, 8, 2, 4, tzinfo=UTC)  # a Saturday morning
ARCHIVED = {
    "archived_at": NOW, "audio": "a.mp3", "audio_sha256": "0" * 64, "audio_bytes": 1, "container": "mp3",
}  # fmt: skip
STARTED = {
    "requested_at": NOW, "callback_key": new_callback_key, "time_limit": 3_600, "callback_base": "http://127.0.0.1",
}  # fmt: skip
# What is asked for, and the columns of a row that meets it: its own, or by their prefix its call's or transcript's.
FILTERS: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"date": "30"}, {"happened_at": NOW}),
    ({"date_from": DAY, "date_to": DAY}, {"happened_at": TUESDAY_EVENING}),
    ({"day": DAY}, {"happened_at": TUESDAY_EVENING}),
    ({"call__direction__exact": "inbound"}, {"call__direction": "inbound"}),
    ({"length": "10s"}, {"duration_ms": 5_000}),
    ({"kept": "archived"}, ARCHIVED),
    ({"kept": "gone"}, {"gone_at_provider_at": NOW}),
    ({"transcript": "there"}, {"transcript__status": "completed"}),
    ({"transcript": "failed"}, {"transcript__status": "failed"}),
    ({"format": "wav"}, {"file_format": "wav"}),
    ({"ended": "cut"}, {"time_limit": 60, "duration_ms": 60_000}),
    ({"starter": "command"}, STARTED),
    ({"number": "98450 12345"}, {"call__from_number": "+919845012345"}),
    ({"time_from": "18:00", "time_to": "22:00"}, {"happened_at": TUESDAY_EVENING}),
    ({"hours": "evening"}, {"happened_at": TUESDAY_EVENING}),
    ({"weekday": "3"}, {"happened_at": TUESDAY_EVENING}),
    ({"min_length": "2 min", "max_length": "3 min"}, {"duration_ms": 150_000}),
    ({"caller": "98450 12345"}, {"call__from_number": "+919845012345"}),
    ({"area": "Mumbai"}, {"call__from_number": "+912226123456"}),
    ({"caller_area": "Mumbai", "callee_area": "Bengaluru"}, {"call__from_number": "+912226123456"}),
    ({"account": "{stranger}"}, {}),
    ({"origin__exact": "callback"}, {"origin": "callback"}),
    ({"status__exact": "failed"}, {"status": "failed"}),
    ({"attention": "yes"}, {"needs_attention": "cut_by_vobiz"}),
    ({"kind": "conference"}, {"kind": "conference"}),
    ({"codec": "pcm_mulaw"}, {"audio_codec": "pcm_mulaw"}),
    ({"true_format": "ogg"}, {"container": "ogg"}),
    ({"sound": "one_sided"}, {"one_side_silent": True}),
    ({"talk": "caller"}, {"talk_left_ms": 80, "talk_right_ms": 20}),
    ({"min_cost": "0.004", "max_cost": "0.005"}, {"monthly_storage_amount": Decimal("0.005")}),
    ({"min_charge": "0.4"}, {"transcript__charge": Decimal("0.5")}),
    ({"left": "1"}, {"happened_at": NOW - timedelta(days=29, hours=12)}),
    ({"callback": "missing"}, STARTED | {"happened_at": NOW - timedelta(hours=2)}),
    ({"gap": "unseen"}, {"no_callback_at": NOW}),
    ({"noise": "5"}, {"duration_ms": 300_001}),
]


def test_every_filter_that_is_declared_is_tried_here() -> None:
    tried = {name for query, _columns in FILTERS for name in query}
    declared: Any
    for declared in RecordingAdmin.list_filter:
        names = getattr(declared, "parameters", None) or (declared.parameter_name,)
        assert tried | OTHER.keys() >= set(names), declared


@pytest.mark.parametrize(("query", "columns"), FILTERS, ids=lambda one: "&".join(one))
def test_a_filter_works_with_another_one_and_in_a_saved_view(
    account: Account, stranger: Account, boss: Client, query: dict[str, str], columns: dict[str, Any]
) -> None:
    Account.objects.update(time_zone="Asia/Kolkata", retention_days=30)
    asked = {name: value.format(stranger=stranger.pk) for name, value in query.items()}
    whose = stranger if "account" in query else account
    wanted, elsewhere = a_row(whose, CALLEE, **columns), a_row(whose, ELSEWHERE, **columns)
    a_row(
        account, CALLEE, **({"duration_ms": 1_000} if "noise" in query else {})
    )  # of the other filter alone
    assert found(boss, **asked) >= {wanted, elsewhere}

    assert found(boss, **asked, **OTHER) == {wanted}

    save(boss, "Both", urlencode(asked | OTHER))
    view = tabs(boss)["Both"]
    assert view.count == "1"
    assert found(boss, **dict(parse_qsl(view.url.removeprefix("?")))) == {wanted}


def a_row(account: Account, callee: str, **columns: Any) -> Recording:
    """A recording of a long call in a summer; columns of its call and its transcript have a prefix."""
    values = {name: value() if callable(value) else value for name, value in columns.items()}
    of_call, of_transcript = (
        {name.removeprefix(prefix): values.pop(name) for name in columns if name.startswith(prefix)}
        for prefix in ("call__", "transcript__")
    )
    numbers = {"from_number": "+14155550132", "to_number": callee, "direction": "outbound"}
    row = a_recording(
        account, call=a_call(account, **(numbers | of_call)),
        **({"duration_ms": 300_000, "happened_at": EARLIER} | values),
    )  # fmt: skip
    if of_transcript:
        a_transcript(row, **of_transcript)
    return row
