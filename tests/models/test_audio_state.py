"""Where a recording's audio is: the rule in Python and the rule in SQL agree on every row."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordings.choices import AudioState, RecordingStatus
from recordings.models import Account, Recording
from tests.admin.rows import a_recording

AT = timezone.now()
COPY: dict[str, Any] = {
    "audio": "aa/bb/copy.mp3", "audio_sha256": "0" * 64, "audio_bytes": 1, "container": "mp3", "archived_at": AT,
}  # fmt: skip
REQUESTED: dict[str, Any] = {"requested_at": AT, "time_limit": 60, "callback_key": "key"}
ROWS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(RecordingStatus),
        "copy": st.sampled_from([{}, COPY, {**COPY, "archived_at": None}]),
        "gone_at_provider_at": st.sampled_from([None, AT]),
        "has_id": st.booleans(),
    }
)


def changed(recording: Recording, row: dict[str, Any]) -> Recording:
    """The recording as `row` says."""
    empty: dict[str, Any] = dict.fromkeys(COPY)
    columns = {**empty, **row["copy"], "recording_id": "id" if row["has_id"] else None, **REQUESTED}
    Recording.objects.filter(pk=recording.pk).update(
        status=row["status"], gone_at_provider_at=row["gone_at_provider_at"], **columns
    )
    return Recording.objects.get(pk=recording.pk)


@given(row=ROWS)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_python_and_sql_agree_on_every_row(kept: Recording, row: dict[str, Any]) -> None:
    found = changed(kept, row)
    rows = Recording.objects.filter(pk=found.pk)

    assert [state for state in AudioState if rows.in_audio_state(state).exists()] == [found.audio_state]
    assert rows.can_be_heard().exists() is found.audio_state.can_be_heard
    assert rows.available_to_archive().exists() is found.audio_state.can_be_archived
    assert rows.with_corrupt_copy().exists() is found.audio_state.has_corrupt_copy


@pytest.mark.parametrize(("columns", "state", "heard", "archived"), [
    ({"status": "active"}, AudioState.PENDING, False, False),
    ({"status": "failed"}, AudioState.NONE, False, False),
    ({}, AudioState.AT_VOBIZ, True, True),
    ({"gone_at_provider_at": AT}, AudioState.DELETED, False, False),
    (COPY, AudioState.ARCHIVED, True, False),
    ({**COPY, "gone_at_provider_at": AT}, AudioState.ARCHIVED, True, False),
    ({**COPY, "archived_at": None}, AudioState.CORRUPT_AT_VOBIZ, True, True),
    ({**COPY, "archived_at": None, "gone_at_provider_at": AT}, AudioState.CORRUPT, False, False),
    ({**REQUESTED, "recording_id": None}, AudioState.DELETED, False, False),
])  # fmt: skip
def test_each_state_says_what_may_be_done(
    account: Account, columns: dict[str, Any], state: AudioState, *, heard: bool, archived: bool
) -> None:
    row = a_recording(account, **columns)

    assert row.audio_state == state
    assert (row.audio_state.can_be_heard, row.audio_state.can_be_archived) == (heard, archived)


@pytest.fixture
def kept(account: Account) -> Recording:
    """The row that the property test changes."""
    return a_recording(account, **REQUESTED)
