"""The button that tries the archive's storage."""

from __future__ import annotations

from pathlib import Path

from django.contrib.admin.models import LogEntry

from recordings import storage
from recordings.models import Account
from tests.admin.conftest import Person
from tests.admin.test_account_pages import press
from tests.admin.test_account_tokens import change, said


def test_the_storage_is_tried_told_in_words_and_written_into_the_history(
    account: Account, staff: Person, archive_folder: Path
) -> None:
    client = staff("view_account", "test_storage", accounts=[account])
    works = press(client, "test_storage", account)
    archive_folder.rename(archive_folder.with_name("elsewhere"))
    archive_folder.write_bytes(b"a file where the folder should be")
    fails = press(client, "test_storage", account)

    assert f"file://{archive_folder} can keep recordings: a file was written, read back" in said(works)
    assert "cannot keep recordings. It failed at “write”: The archive's folder could not be used" in said(
        fails
    )
    assert "Give the folder to the user that the portal runs as" in said(fails)
    history = LogEntry.objects.filter(object_id=str(account.pk)).order_by("pk")
    assert [entry.get_change_message() for entry in history] == [
        "Tested the archive's storage: it works.",
        "Tested the archive's storage: it failed.",
    ]


def test_where_audio_is_kept_is_for_those_who_may_test_it(account: Account, staff: Person) -> None:
    tester = staff("view_account", "test_storage", accounts=[account])
    viewer = staff("view_account", accounts=[account])
    assert storage.archive().label in tester.get(change(account)).content.decode()
    assert storage.archive().label not in viewer.get(change(account)).content.decode()
    assert press(viewer, "test_storage", account).status_code == 403
