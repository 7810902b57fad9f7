"""Taking recordings and lists out: what is in the file, for whom, and what is written down of it."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from recordings import storage, sync
from recordings.admin import exports
from recordings.choices import Attention
from recordings.exports import AudioOpenError
from recordings.models import AccessEvent, Account, Preference, Recording
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_recording, a_run, a_running, a_transcript, an_access, an_event
from tests.archived import an_archived, speech
from tests.conftest import MAIN
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

LIST, ZIP = "/admin/recordings/recording/", "/admin/recordings/recording/export-zip/"
EXPORTER = ("view_recording", "export_recording")
HEARER = (*EXPORTER, "hear_recording", "read_transcription")
AT = datetime(2025, 11, 6, 13, 49, 10, tzinfo=UTC)


def body(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def table(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def listed(client: Client, model: str = "recording", query: str = "") -> list[dict[str, str]]:
    return table(body(client.post(f"/admin/recordings/{model}/export-csv/{query}")))


def zipped(client: Client, *recordings: Recording) -> tuple[Any, zipfile.ZipFile]:
    answer = client.post(ZIP, {"recordings": ",".join(str(one.pk) for one in recordings)})
    return answer, zipfile.ZipFile(io.BytesIO(body(answer)))


def manifest(found: zipfile.ZipFile) -> list[dict[str, str]]:
    return table(found.read("manifest.csv"))


def asked(client: Client, *recordings: Recording) -> str:
    """The page that says what the ZIP will hold."""
    chosen = {"action": "export_zip", "_selected_action": [one.pk for one in recordings]}
    answer = client.post(LIST, chosen)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def events(**columns: Any) -> list[AccessEvent]:
    return list(AccessEvent.objects.filter(action="export", **columns).order_by("pk"))


# A list as CSV


def test_a_list_is_taken_out_as_it_is_filtered_with_numbers_as_they_are_and_nothing_that_runs(
    account: Account, staff: Person
) -> None:
    call = a_call(account, from_number="+918071387423", to_number="=cmd|' /C calc'!A0")
    a_recording(account, call=call, recording_id="rec-1", error="@evil", duration_ms=10_080)
    a_running(account)
    client = staff(*EXPORTER, accounts=[account])

    (row,) = listed(client, query="?status__exact=completed")

    assert (row["recording_id"], row["from_number"], row["duration_ms"]) == (
        "rec-1",
        "+918071387423",
        "10080",
    )
    assert row["to_number"] == "'=cmd|' /C calc'!A0"
    assert row["error"] == "'@evil"
    assert len(listed(client)) == 2


def test_times_are_in_the_readers_zone_which_the_heading_names(account: Account, boss: Client) -> None:
    a_recording(account, happened_at=AT)

    (row,) = listed(boss)

    assert row["happened_at (Asia/Kolkata)"] == "2025-11-06T19:19:10+05:30"
    Preference.objects.choose(User.objects.get(username="boss"), "UTC")
    assert listed(boss)[0]["happened_at (UTC)"] == "2025-11-06T13:49:10+00:00"


@pytest.mark.parametrize(
    "model", ["recording", "call", "transcription", "callbackevent", "syncrun", "accessevent"]
)
def test_every_list_can_be_taken_out_and_says_so(account: Account, boss: Client, model: str) -> None:
    recording = a_recording(account)
    a_transcript(recording)
    an_event(account, recording)
    a_run(account)
    an_access(account, recording)
    page = boss.get(f"/admin/recordings/{model}/").content.decode()
    assert f'action="/admin/recordings/{model}/export-csv/?"' in page

    answer = boss.post(f"/admin/recordings/{model}/export-csv/")
    row, *_later = table(body(answer))

    assert account.auth_id in row.values()
    assert "attachment; filename=" in answer["Content-Disposition"]
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store" in answer["Cache-Control"]


def test_people_take_out_the_main_columns_in_words_and_programs_all_of_them(
    account: Account, boss: Client
) -> None:
    Account.objects.update(name="Lotus Parcels", time_zone="Asia/Kolkata")
    priya = User.objects.create_user("priya")
    call = a_call(account, from_number="+918071387423", to_number="+919624705678", direction="inbound")
    fields: dict[str, Any] = {"call": call, "happened_at": AT, "duration_ms": 150_400}
    one = a_running(account, requested_by=priya, status="completed", **fields)
    a_transcript(one)

    answer = boss.post(f"{LIST}export-csv/", {"columns": "main"})

    assert table(body(answer)) == [
        {
            "Account": "Lotus Parcels",
            "Started (Asia/Kolkata)": "2025-11-06T19:19:10+05:30",
            "From": "+918071387423",
            "To": "+919624705678",
            "Direction": "inbound",
            "Length in seconds": "150",
            "Status": "completed",
            "Started by": "priya",
            "Archived (Asia/Kolkata)": "",
            "Transcript": "completed",
            "Link": f"http://testserver{LIST}{one.pk}/change/",
        }
    ]
    for asked in ({}, {"columns": "all"}):
        (row,) = table(body(boss.post(f"{LIST}export-csv/", asked)))
        assert row["recording_id"] == one.recording_id
        assert "Link" not in row


def test_the_list_of_recordings_offers_the_main_columns_first(account: Account, boss: Client) -> None:
    a_recording(account)
    page = boss.get(LIST).content.decode()

    first, second, third = re.findall(r'<button class="[^"]*" form="export-csv"([^>]*)>', page)
    assert 'value="main"' in first
    assert 'value="main"' in second
    assert 'value="all"' in third
    assert "All 48 columns (CSV)" in page


def test_a_member_takes_out_only_the_rows_of_their_accounts(
    account: Account, stranger: Account, staff: Person
) -> None:
    mine = a_recording(account)
    a_recording(stranger)

    rows = listed(staff(*EXPORTER, accounts=[account]))

    assert [row["recording_id"] for row in rows] == [mine.recording_id]


def test_each_export_is_written_down_and_each_refusal(account: Account, staff: Person) -> None:
    a_recording(account)

    listed(staff(*EXPORTER, accounts=[account], name="asha"), query="?status__exact=completed")
    assert staff("view_recording", accounts=[account]).post(f"{LIST}export-csv/").status_code == 403
    assert staff("export_recording", accounts=[account]).post(f"{LIST}export-csv/").status_code == 403

    (given,) = events(result="ok")
    assert (given.username, given.account_auth_id) == ("asha", MAIN)
    assert "status__exact=completed" in str(given.detail)
    assert len(events(result="refused")) == 2


@pytest.mark.parametrize("number", ["{0}", "0{0}", "%2B{0}", "%20{0}%20", "{0}&account={0}"])
@pytest.mark.parametrize(
    "model", ["recording", "call", "transcription", "callbackevent", "syncrun", "accessevent"]
)
def test_however_the_filter_is_written_the_log_names_the_accounts_whose_rows_left(
    account: Account, stranger: Account, boss: Client, model: str, number: str
) -> None:
    for one in (account, stranger):
        recording = a_recording(one)
        a_transcript(recording)
        an_event(one, recording)
        a_run(one)
        an_access(one, recording)

    answer = boss.post(f"/admin/recordings/{model}/export-csv/?account={number.format(account.pk)}")

    if answer.status_code == 302:  # the filter does not know this spelling, and nothing left
        assert events() == []
        return
    rows = table(body(answer))
    left = {one.auth_id for one in (account, stranger) if any(one.auth_id in row.values() for row in rows)}
    assert {event.account_auth_id for event in events(result="ok")} == set(left or [None])


def test_an_export_without_a_row_is_written_down_too(account: Account, boss: Client) -> None:
    assert listed(boss, query="?status__exact=completed") == []
    (given,) = events(result="ok")
    assert given.account_auth_id is None
    assert "status__exact=completed" in str(given.detail)


def test_a_list_is_not_taken_out_by_looking(account: Account, boss: Client) -> None:
    assert boss.get(f"{LIST}export-csv/").status_code == 405


# A ZIP


@pytest.fixture
def kept(account: Account, archive_folder: Path) -> Recording:
    return an_archived(account, speech(seconds=2), recording_id="rec-kept", happened_at=AT)


def test_a_zip_of_what_is_archived_is_whole_sized_stored_and_checks(
    account: Account, kept: Recording, staff: Person, tmp_path: Path
) -> None:
    other = an_archived(account, speech(seconds=3), recording_id="rec-other")
    client = staff(*HEARER, accounts=[account])

    answer, found = zipped(client, kept, other)

    assert found.testzip() is None
    assert {info.compress_type for info in found.infolist()} == {zipfile.ZIP_STORED}
    assert int(answer["Content-Length"]) == len(found.fp.getvalue())  # type: ignore[union-attr]
    names = sorted(found.namelist())
    assert names[0] == "SHA256SUMS"
    assert names[1].startswith("audio/2025-11-06_19-19-10_")
    assert names[-1] == "manifest.csv"
    found.extractall(tmp_path / "out")
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "out", capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout.count(": OK")) == (0, 2)


def test_the_manifest_names_each_file_with_its_hash_times_and_words(
    account: Account, kept: Recording, staff: Person
) -> None:
    a_transcript(kept, text="=Good morning")

    _answer, found = zipped(staff(*HEARER, accounts=[account]), kept)

    (row,) = manifest(found)
    assert row["file"] in found.namelist()
    assert (row["recording_id"], row["status"], row["sha256"]) == ("rec-kept", "complete", kept.audio_sha256)
    assert row["happened_at (Asia/Kolkata)"] == "2025-11-06T19:19:10+05:30"
    assert row["transcript"] == "'=Good morning"


def test_what_is_still_at_vobiz_is_fetched_and_what_is_nowhere_is_listed_with_the_reason(
    account: Account, kept: Recording, staff: Person, world: SandboxState
) -> None:
    world.add_recording(MAIN)
    sync.run(account, sync.SyncRequest(), now=datetime.now(UTC), sync_run=None)
    fetched = Recording.objects.exclude(pk=kept.pk).get()
    lost = a_recording(account, recording_id="rec-lost", gone_at_provider_at=AT)
    failed = a_running(account, status="failed", recording_id=None)
    client = staff(*HEARER, accounts=[account])

    page = asked(client, kept, fetched, lost, failed)
    answer, found = zipped(client, kept, fetched, lost, failed)

    assert "<b>2</b>, about" in page
    assert "1 is not archived yet and is fetched from Vobiz" in page
    assert "rec-lost</bdi>: Vobiz deleted the audio before it was archived" in page
    assert "Content-Length" not in answer
    assert found.testzip() is None
    rows = {row["recording_id"]: row for row in manifest(found)}
    assert {rows[str(one.recording_id)]["status"] for one in (kept, fetched)} == {"complete"}
    audio = found.read(rows[str(fetched.recording_id)]["file"])
    assert hashlib.sha256(audio).hexdigest() == rows[str(fetched.recording_id)]["sha256"]
    assert (rows["rec-lost"]["status"], rows["rec-lost"]["file"]) == ("missing", "")
    assert "before it was archived" in rows["rec-lost"]["reason"]
    assert rows[""]["reason"] == "Nothing was recorded."
    assert len(found.namelist()) == 4


def test_audio_that_cannot_be_fetched_or_breaks_off_is_in_the_manifest_with_the_reason(
    account: Account, kept: Recording, staff: Person, world: SandboxState
) -> None:
    for _each in range(2):
        world.add_recording(MAIN)
    sync.run(account, sync.SyncRequest(), now=datetime.now(UTC), sync_run=None)
    cut, refused = Recording.objects.exclude(pk=kept.pk).order_by("pk")
    world.delete_recording(str(refused.recording_id))
    world.faults.plan(Fault(on="media.get", path=f"*{cut.recording_id}*", cut=5_000, times=None))
    client = staff(*HEARER, accounts=[account])

    _answer, found = zipped(client, kept, cut, refused)

    rows = {row["recording_id"]: row for row in manifest(found)}
    assert rows["rec-kept"]["status"] == "complete"
    assert found.testzip() is None
    broken = rows[str(cut.recording_id)]
    assert broken["status"] in {"incomplete", "missing"}
    assert broken["reason"]
    assert str(cut.recording_id) not in found.read("SHA256SUMS").decode()
    assert rows[str(refused.recording_id)]["status"] == "missing"
    assert rows[str(refused.recording_id)]["reason"]
    assert len(events(recording_pk=refused.pk, result="failed")) == 1


def test_a_copy_that_has_vanished_is_not_promised(account: Account, kept: Recording, staff: Person) -> None:
    gone = an_archived(account, speech(seconds=1), recording_id="rec-vanished", gone_at_provider_at=AT)
    storage.archive().delete(str(gone.audio))

    answer, found = zipped(staff(*HEARER, accounts=[account]), kept, gone)

    assert "Content-Length" not in answer
    rows = {row["recording_id"]: row for row in manifest(found)}
    assert (rows["rec-vanished"]["status"], rows["rec-kept"]["status"]) == ("missing", "complete")


def test_a_copy_that_was_altered_breaks_the_download_off(
    account: Account, kept: Recording, staff: Person
) -> None:
    path = Path(storage.archive().label.removeprefix("file://")) / str(kept.audio)
    held = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(b"\x00" * len(held))
    client = staff(*HEARER, accounts=[account])

    answer = client.post(ZIP, {"recordings": str(kept.pk)})

    with pytest.raises(AudioOpenError):
        body(answer)


def test_without_the_permission_to_hear_there_is_no_audio_and_the_page_says_so(
    account: Account, kept: Recording, staff: Person
) -> None:
    a_transcript(kept, text="Good morning")
    client = staff(*EXPORTER, accounts=[account])

    page = asked(client, kept)
    _answer, found = zipped(client, kept)

    assert "Audio is withheld" in page
    assert "Transcripts are withheld" in page
    assert sorted(found.namelist()) == ["SHA256SUMS", "manifest.csv"]
    (row,) = manifest(found)
    assert "withheld" in row["reason"]
    assert "withheld" in row["transcript"]
    assert events(recording_pk=kept.pk) == []


def test_each_recording_in_a_zip_is_written_down_beside_the_whole(
    account: Account, kept: Recording, staff: Person
) -> None:
    lost = a_recording(account, gone_at_provider_at=AT)

    zipped(staff(*HEARER, accounts=[account], name="asha"), kept, lost)

    whole, *each = events()
    assert (whole.recording_pk, whole.detail) == (None, "a ZIP of 2 recordings")
    assert {(one.recording_pk, one.result) for one in each} == {(kept.pk, "ok"), (lost.pk, "failed")}
    assert {one.username for one in (whole, *each)} == {"asha"}


def test_what_is_another_accounts_is_not_in_it(
    account: Account, stranger: Account, kept: Recording, staff: Person
) -> None:
    foreign = a_recording(stranger)
    client = staff(*HEARER, accounts=[account])

    _answer, found = zipped(client, kept, foreign)

    assert [row["recording_id"] for row in manifest(found)] == ["rec-kept"]
    only_foreign = client.post(ZIP, {"recordings": str(foreign.pk)})
    assert only_foreign.status_code == 302


@pytest.mark.parametrize("chosen", ["", "x", "-1", "9" * 40, "1;2"])
def test_what_names_no_recording_exports_nothing(account: Account, boss: Client, chosen: str) -> None:
    assert boss.post(ZIP, {"recordings": chosen})["Location"] == reverse(
        "admin:recordings_recording_changelist"
    )
    assert events() == []


def test_who_may_not_export_is_refused_and_that_is_written_down(
    account: Account, kept: Recording, staff: Person
) -> None:
    client = staff("view_recording", "hear_recording", accounts=[account])

    assert client.post(ZIP, {"recordings": str(kept.pk)}).status_code == 403
    client.post(LIST, {"action": "export_zip", "_selected_action": [kept.pk]})

    (event,) = events()
    assert event.result == "refused"


def test_too_many_at_once_are_not_begun(
    account: Account, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "MOST_FILES", 2)
    rows = [a_recording(account) for _each in range(3)]

    chosen = {"action": "export_zip", "_selected_action": [one.pk for one in rows]}

    assert "at most 2 recordings at once" in boss.post(LIST, chosen, follow=True).content.decode()


def test_a_damaged_copy_of_what_is_gone_is_said_to_be_missing(account: Account, boss: Client) -> None:
    row = a_recording(
        account, audio="aa/bb/altered.mp3", needs_attention=Attention.AUDIO_ALTERED, gone_at_provider_at=AT
    )

    assert "missing or damaged" in asked(boss, row)


def test_two_exports_may_leave_at_once_and_a_third_is_told_to_wait(
    account: Account, kept: Recording, staff: Person
) -> None:
    client = staff(*HEARER, accounts=[account])
    one = client.post(f"{LIST}export-csv/?status__exact=completed")
    two = client.post(ZIP, {"recordings": str(kept.pk)})
    noted = len(events())

    for path, sent in (
        (f"{LIST}export-csv/?status__exact=completed", {}),
        (ZIP, {"recordings": str(kept.pk)}),
    ):
        refused = client.post(path, sent, follow=True)
        assert refused.redirect_chain[0][0].startswith(LIST)
        assert "Other exports are being made. Try again in a minute." in refused.content.decode()
    assert len(events()) == noted

    body(one)
    assert client.post(ZIP, {"recordings": str(kept.pk)}).status_code == 200
    body(two)
