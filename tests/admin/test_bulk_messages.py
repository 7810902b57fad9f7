"""What a list says after an action: one message with true numbers, for none, one, several and a mixture."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recordings.models import Account
from tests.admin.rows import a_recording, an_event

ARCHIVED: dict[str, Any] = {
    "audio": "a", "audio_sha256": "b", "audio_bytes": 1, "container": "mp3", "archived_at": timezone.now(),
}  # fmt: skip
RECORDINGS, EVENTS = "/admin/recordings/recording/", "/admin/recordings/callbackevent/"


def said(client: Client, page: str, action: str, rows: list[Any]) -> list[str]:
    """Press the action with these rows ticked, and return what the list says."""
    form = {"action": action, "index": "0", "_selected_action": [row.pk for row in rows]}
    answer = client.post(page, form, follow=True)
    return [str(message) for message in answer.context["messages"]]


@pytest.mark.parametrize("page", [RECORDINGS, EVENTS, "/admin/auth/user/", "/admin/auth/group/"])
def test_an_action_without_a_row_asks_for_one(boss: Client, page: str) -> None:
    assert said(boss, page, "mark_seen", []) == ["Select at least one row."]


@pytest.mark.once
@pytest.mark.parametrize(
    ("free", "kept", "words"),
    [
        (1, 0, "1 recording is archived next."),
        (2, 0, "2 recordings are archived next."),
        (
            2,
            1,
            "2 recordings are archived next. 1 left out: there is a copy already, or Vobiz does not have the audio.",
        ),
        (
            1,
            2,
            "1 recording is archived next. 2 left out: there are copies already, or Vobiz does not have the audio.",
        ),
        (
            0,
            1,
            "This recording cannot be archived: there is a copy already, or Vobiz does not have the audio.",
        ),
        (0, 2, "None of the selected recordings can be archived: all have a copy, or Vobiz has no audio."),
    ],
)
def test_archiving_counts_what_is_archived_next_and_what_is_left_out(
    account: Account, boss: Client, free: int, kept: int, words: str
) -> None:
    rows = [a_recording(account) for _ in range(free)] + [
        a_recording(account, **ARCHIVED) for _ in range(kept)
    ]

    assert said(boss, RECORDINGS, "archive_selected", rows) == [words]


def test_archiving_says_how_many_were_too_many_at_once(
    account: Account, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recordings.admin.recordings.archive.AT_ONCE", 1)
    rows = [a_recording(account) for _ in range(3)]

    assert said(boss, RECORDINGS, "archive_selected", rows) == [
        "1 recording is archived next. 2 not asked for: at most 1 at once. Press Archive now again for them."
    ]


@pytest.mark.parametrize(
    ("asking", "fine", "words"),
    [
        (1, 0, "1 recording marked as reviewed."),
        (2, 0, "2 recordings marked as reviewed."),
        (2, 1, "2 recordings marked as reviewed. 1 needed no review."),
        (0, 1, "This recording needs no review."),
        (0, 2, "None of the selected recordings needs a review."),
    ],
)
def test_marking_recordings_counts_what_is_reviewed_and_what_needed_none(
    account: Account, boss: Client, asking: int, fine: int, words: str
) -> None:
    rows = [a_recording(account, needs_attention="unknown_format", **ARCHIVED) for _ in range(asking)]
    rows += [a_recording(account, **ARCHIVED) for _ in range(fine)]

    assert said(boss, RECORDINGS, "mark_seen", rows) == [words]


@pytest.mark.once
@pytest.mark.parametrize(
    ("asking", "fine", "words"),
    [
        (1, 0, "1 callback marked as reviewed."),
        (2, 0, "2 callbacks marked as reviewed."),
        (1, 2, "1 callback marked as reviewed. 2 needed no review."),
        (0, 1, "This callback needs no review."),
        (0, 2, "None of the selected callbacks needs a review."),
    ],
)
def test_marking_callbacks_counts_what_is_reviewed_and_what_needed_none(
    account: Account, boss: Client, asking: int, fine: int, words: str
) -> None:
    rows = [an_event(account, outcome="conflict") for _ in range(asking)]
    rows += [an_event(account, outcome="applied") for _ in range(fine)]

    assert said(boss, EVENTS, "mark_seen", rows) == [words]
