"""Taking transcripts out: for whom, while others write, and what is written down of it."""

from __future__ import annotations

import csv
import io
import threading
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recordings import sync
from recordings.admin import exports
from recordings.models import AccessEvent, Account, Recording, Transcription, Worker
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_recording, a_transcript, an_access
from tests.archived import an_archived, speech
from tests.conftest import MAIN
from vobiz_portal.sandbox.state import SandboxState

READER = ("view_transcription", "export_recording", "read_transcription")
TAKER = ("view_recording", "hear_recording", "export_recording", "read_transcription")
ZIP = "/admin/recordings/recording/export-zip/"
CSV = "/admin/recordings/transcription/export-csv/"


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def taken_out(client: Client, path: str = CSV) -> list[dict[str, str]]:
    answer: Any = client.post(path)
    assert answer.status_code == 200, answer.content
    return rows_of(b"".join(answer.streaming_content))


def transcripts(account: Account, count: int, *, text: str = "Hello", **columns: Any) -> list[Recording]:
    """Recordings of one call, each with its transcript, oldest first."""
    with transaction.atomic():
        call = a_call(account)
        made = [a_recording(account, call=call, recording_id=f"rec-{n:04}", **columns) for n in range(count)]
        for recording in made:
            a_transcript(recording, text=text)
    return made


def noted() -> set[int | None]:
    """The recordings whose words or audio left, by the access log."""
    found = AccessEvent.objects.filter(action="export", result="ok", recording_pk__isnull=False)
    return set(found.values_list("recording_pk", flat=True))


# As CSV


def test_transcripts_are_withheld_from_those_who_may_not_read_them(account: Account, staff: Person) -> None:
    recording = a_recording(account)
    a_transcript(recording, text="Good morning, Lotus Parcels.")

    (withheld,) = taken_out(staff("view_transcription", "export_recording", accounts=[account]))
    assert withheld["text"].startswith("withheld")
    assert noted() == set()

    (given,) = taken_out(staff(*READER, accounts=[account]))
    assert given["text"] == "Good morning, Lotus Parcels."
    assert noted() == {recording.pk}


@pytest.mark.django_db(transaction=True)
def test_transcripts_leave_in_the_lists_order_while_another_process_writes(
    account: Account, staff: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "CHUNK", 50)
    made = transcripts(account, 450)
    Worker.objects.create(name="worker", started_at=timezone.now(), heard_at=timezone.now())
    answer: Any = staff(*READER, accounts=[account]).post(CSV)

    def write() -> None:
        Worker.objects.update(heard_at=timezone.now())
        connection.close()

    pieces = []
    for piece in answer.streaming_content:
        pieces.append(piece)
        other = threading.Thread(target=write)
        other.start()
        other.join()

    rows = rows_of(b"".join(pieces))
    assert [row["recording_id"] for row in rows] == [one.recording_id for one in reversed(made)]
    assert noted() == {one.pk for one in made}


def test_what_is_deleted_while_the_rest_leaves_is_left_out_and_not_written_down(
    account: Account, staff: Person
) -> None:
    made = transcripts(account, 300)
    answer: Any = staff(*READER, accounts=[account]).post(CSV)
    pieces = iter(answer.streaming_content)

    begun = next(pieces)
    Transcription.objects.filter(recording=made[0]).delete()  # the list ends with it
    rows = rows_of(begun + b"".join(pieces))

    assert len(rows) == 299
    assert noted() == {one.pk for one in made[1:]}


@pytest.mark.parametrize("model", ["accessevent", "transcription"])
def test_no_column_of_a_list_is_read_row_by_row(account: Account, staff: Person, model: str) -> None:
    client = staff("view_accessevent", "view_transcription", "export_recording", accounts=[account])

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            taken_out(client, f"/admin/recordings/{model}/export-csv/")
        return len(captured)

    an_access(account, transcripts(account, 1)[0], detail="heard")
    few = queries()
    for _more in range(20):
        recording = a_recording(account)
        a_transcript(recording)
        an_access(account, recording, detail="heard")

    assert queries() == few


# In a ZIP


def a_zip(client: Client, recordings: list[Recording]) -> Any:
    answer = client.post(ZIP, {"recordings": ",".join(str(one.pk) for one in recordings)})
    assert answer.status_code == 200
    return answer


def manifest(content: bytes) -> dict[str, str]:
    """The words in it, by the recordings' ids."""
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        assert found.testzip() is None
        return {row["recording_id"]: row["transcript"] for row in rows_of(found.read("manifest.csv"))}


def test_hours_of_words_take_little_memory_and_their_size_is_known(account: Account, staff: Person) -> None:
    hours = "word " * 50_000  # 250 kB
    made = transcripts(account, 80, text=hours, gone_at_provider_at=timezone.now())
    client, length = staff(*TAKER, accounts=[account]), 0

    tracemalloc.start()
    try:
        answer = a_zip(client, made)
        for piece in answer.streaming_content:
            length += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert length == int(answer["Content-Length"]) > 80 * len(hours)
    assert peak < 15_000_000
    assert noted() == {one.pk for one in made}


def test_a_transcript_that_comes_while_a_sized_zip_leaves_is_left_out_of_it(
    account: Account, staff: Person, archive_folder: Path
) -> None:
    first, second = (an_archived(account, speech(seconds=1), recording_id=f"rec-{n}") for n in (1, 2))
    a_transcript(first, text="Good morning")
    answer = a_zip(staff(*TAKER, accounts=[account]), [first, second])
    pieces = iter(answer.streaming_content)

    begun = next(pieces)
    a_transcript(second, text="Too late")
    content = begun + b"".join(pieces)

    assert len(content) == int(answer["Content-Length"])
    assert manifest(content) == {"rec-1": "Good morning", "rec-2": ""}


def test_a_transcript_that_changes_while_a_sized_zip_leaves_is_in_it_as_it_was(
    account: Account, staff: Person, archive_folder: Path
) -> None:
    kept = an_archived(account, speech(seconds=1))
    a_transcript(kept, text="Good morning")
    answer = a_zip(staff(*TAKER, accounts=[account]), [kept])
    pieces = iter(answer.streaming_content)

    begun = next(pieces)
    Transcription.objects.update(text="Good evening")
    content = begun + b"".join(pieces)

    assert len(content) == int(answer["Content-Length"])
    assert manifest(content) == {kept.recording_id: "Good morning"}


def test_each_transcript_of_a_sized_zip_is_read_once(account: Account, staff: Person) -> None:
    made = transcripts(account, 3, gone_at_provider_at=timezone.now())
    client = staff(*TAKER, accounts=[account])

    with CaptureQueriesContext(connection) as captured:
        b"".join(a_zip(client, made).streaming_content)

    assert sum('"recordings_transcription"."text"' in query["sql"] for query in captured) == 1


def test_words_that_leave_without_their_audio_are_written_down(
    account: Account, staff: Person, world: SandboxState
) -> None:
    world.add_recording(MAIN)
    sync.run(account, sync.SyncRequest(), now=datetime.now(UTC), sync_run=None)
    refused = Recording.objects.get()
    a_transcript(refused, text="Good morning")
    world.delete_recording(str(refused.recording_id))

    content = b"".join(a_zip(staff(*TAKER, accounts=[account]), [refused]).streaming_content)

    assert manifest(content) == {refused.recording_id: "Good morning"}
    assert noted() == {refused.pk}
