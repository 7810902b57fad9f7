"""Copies that cannot be used: missing, altered, or in a storage that is away; what the pages then say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from recordings import storage
from recordings.archive.verifying import verify
from recordings.choices import Attention
from recordings.models import AccessEvent, Account, Recording
from tests.admin.conftest import Person
from tests.archived import an_archived, speech
from tests.ports import free_ports

AUDIO = speech(seconds=3)
SIZE = len(AUDIO)
FOUND = datetime(2025, 11, 6, 13, 49, 10, tzinfo=UTC)


def hear(client: Client, recording: Recording, *, endpoint: str = "audio") -> Any:
    return client.get(f"/admin/recordings/recording/{recording.pk}/{endpoint}/")


def found_missing(recording: Recording, archive_folder: Path) -> None:
    """Its file vanishes, and the nightly look at the archive finds that."""
    (archive_folder / str(recording.audio)).unlink()
    verify([recording.account], by="worker", now=timezone.now())
    assert Recording.objects.get(pk=recording.pk).archived_at is None


def page_of(client: Client, recording: Recording) -> str:
    answer = client.get(f"/admin/recordings/recording/{recording.pk}/change/")
    return unescape(" ".join(answer.content.decode().split()))


def strip(page: str) -> str:
    return page[page.index('class="vp-strip"') :].partition("</dl>")[0]


def fact(page: str, label: str) -> str:
    """What stands beside the label."""
    return page[page.index(f">{label}<") :].partition("</dd>")[0]


@pytest.fixture
def kept(account: Account, archive_folder: Path) -> Recording:
    """A recording whose audio is in the archive."""
    return an_archived(account, AUDIO)


@pytest.fixture
def listener(staff: Person, account: Account) -> Client:
    """Somebody who may hear the account's recordings, and take them out."""
    return staff("view_recording", "hear_recording", "export_recording", accounts=[account], name="asha")


# Missing or altered


@pytest.mark.parametrize("spoilt", [Attention.AUDIO_MISSING, Attention.AUDIO_ALTERED, None])
def test_a_copy_that_is_missing_or_altered_and_gone_at_vobiz_says_what_to_do(
    listener: Client, kept: Recording, spoilt: Attention | None
) -> None:
    Recording.objects.filter(pk=kept.pk).update(gone_at_provider_at=datetime.now(UTC))
    if spoilt is not None:
        Recording.objects.filter(pk=kept.pk).lease("worker", limit=1)
        assert kept.mark_corrupt("worker", spoilt, why="It is gone.")
    else:
        storage.archive().delete(str(kept.audio))

    answer = hear(listener, kept)

    assert answer.status_code == 410
    assert "archived copy" in answer.content.decode()
    assert AccessEvent.objects.get().result == "failed"


def test_a_copy_of_another_length_is_not_what_was_stored(listener: Client, kept: Recording) -> None:
    Recording.objects.filter(pk=kept.pk).update(audio_bytes=SIZE + 1, gone_at_provider_at=datetime.now(UTC))

    assert hear(listener, kept).status_code == 410


def test_the_page_of_a_copy_that_only_we_had_says_it_was_archived_and_is_gone(
    listener: Client, kept: Recording, archive_folder: Path
) -> None:
    Recording.objects.update(gone_at_provider_at=FOUND, verified_at=FOUND)
    Account.objects.update(first_synced_at=FOUND)
    found_missing(kept, archive_folder)

    page = page_of(listener, kept)

    assert "it was, but our copy is missing" in page
    assert "Vobiz no longer has it, so it must come back from a backup" in page
    assert "The archived copy is missing or damaged, and Vobiz has deleted the original." in page
    assert "the archived copy is missing or damaged" in page
    assert FOUND.strftime("%Y-%m-%d %H:%M:%S UTC") in fact(page, "Last verified")
    assert str(kept.audio_sha256) in page
    assert "never" not in fact(page, "Archived")
    assert "before it was archived" not in page


def test_the_page_of_a_copy_that_vobiz_still_has_says_that_it_can_be_fetched_again(
    listener: Client, kept: Recording, archive_folder: Path
) -> None:
    found_missing(kept, archive_folder)

    page = page_of(listener, kept)

    assert "× Our copy is missing" in strip(page)
    assert "At Vobiz until" in strip(page)
    assert "Vobiz still has it, so it can be fetched again" in page
    assert "Our copy is no longer in the archive." in fact(page, "Why it is not archived")
    Recording.objects.update(added_at=kept.happened_at - timedelta(days=60))
    assert "Past Vobiz's retention, not yet confirmed as deleted" in page_of(listener, kept)


def test_a_lost_copy_that_a_person_has_seen_is_not_called_never_archived(
    listener: Client, kept: Recording, archive_folder: Path, boss: Client
) -> None:
    Recording.objects.update(gone_at_provider_at=FOUND)
    found_missing(kept, archive_folder)
    boss.post(f"/admin/recordings/recording/{kept.pk}/seen/", {"note": "the disk of March"})

    page = page_of(listener, kept)

    assert Recording.objects.get().needs_attention is None
    assert "it was, but our copy is missing or was altered" in page
    assert "before it was archived" not in page
    answer = hear(listener, kept)
    assert answer.status_code == 410
    assert "before it was archived" not in answer.content.decode()


# In a storage that is away


@pytest.mark.parametrize(("endpoint", "action"), [("audio", "play"), ("download", "download")])
def test_a_copy_that_only_the_archive_has_is_not_called_lost_while_the_storage_is_away(
    listener: Client, kept: Recording, archive_folder: Path, endpoint: str, action: str
) -> None:
    Recording.objects.update(gone_at_provider_at=datetime.now(UTC))
    elsewhere = archive_folder.rename(archive_folder.with_name("elsewhere"))
    archive_folder.touch()

    answer = hear(listener, kept, endpoint=endpoint)

    words = answer.content.decode()
    assert answer.status_code == 503
    assert "could not be reached" in words
    assert "Nothing is lost" in words
    event = AccessEvent.objects.get()
    assert (event.action, event.result, event.detail) == (action, "failed", words)
    archive_folder.unlink()
    elsewhere.rename(archive_folder)
    assert b"".join(hear(listener, kept, endpoint=endpoint).streaming_content) == AUDIO


def test_object_storage_that_does_not_answer_is_away_too(
    listener: Client, kept: Recording, settings: Settings, tmp_path: Path
) -> None:
    Recording.objects.update(gone_at_provider_at=datetime.now(UTC))
    options = {
        "bucket_name": "audio", "endpoint_url": f"http://127.0.0.1:{free_ports()}", "region_name": "us-east-1",
        "access_key": "key", "secret_key": "secret", "staging": tmp_path / "incoming",
    }  # fmt: skip
    backend = {"BACKEND": "recordings.storage.bucket.ArchiveBucket", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"archive": backend}

    answer = hear(listener, kept)

    assert answer.status_code == 503
    assert "The object storage could not be reached." in answer.content.decode()
    assert AccessEvent.objects.get().result == "failed"
