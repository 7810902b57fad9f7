"""Copies that cannot be used: missing, altered, or in a storage that is away. What the doors and the page say then."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from recordings import storage
from recordings.choices import Attention
from recordings.models import AccessEvent, Account, Recording
from tests.admin.conftest import Person
from tests.archived import an_archived, speech
from tests.ports import free_ports

AUDIO = speech(seconds=3)
SIZE = len(AUDIO)


def hear(client: Client, recording: Recording, *, door: str = "audio") -> Any:
    return client.get(f"/admin/recordings/recording/{recording.pk}/{door}/")


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
    Recording.objects.filter(pk=kept.pk).update(needs_attention=spoilt, gone_at_provider_at=datetime.now(UTC))
    if spoilt is None:
        storage.delete(str(kept.audio))

    answer = hear(listener, kept)

    assert answer.status_code == 410
    assert "archive's copy" in answer.content.decode()
    assert AccessEvent.objects.get().result == "failed"


def test_a_copy_of_another_length_is_not_what_was_stored(listener: Client, kept: Recording) -> None:
    Recording.objects.filter(pk=kept.pk).update(audio_bytes=SIZE + 1, gone_at_provider_at=datetime.now(UTC))

    assert hear(listener, kept).status_code == 410


# In a storage that is away


@pytest.mark.parametrize(("door", "action"), [("audio", "play"), ("download", "download")])
def test_a_copy_that_only_the_archive_has_is_not_called_lost_while_the_storage_is_away(
    listener: Client, kept: Recording, archive_folder: Path, door: str, action: str
) -> None:
    Recording.objects.update(gone_at_provider_at=datetime.now(UTC))
    elsewhere = archive_folder.rename(archive_folder.with_name("elsewhere"))
    archive_folder.touch()

    answer = hear(listener, kept, door=door)

    words = answer.content.decode()
    assert answer.status_code == 503
    assert "could not be reached" in words
    assert "Nothing is lost" in words
    event = AccessEvent.objects.get()
    assert (event.action, event.result, event.detail) == (action, "failed", words)
    archive_folder.unlink()
    elsewhere.rename(archive_folder)
    assert b"".join(hear(listener, kept, door=door).streaming_content) == AUDIO


def test_object_storage_that_does_not_answer_is_away_too(
    listener: Client, kept: Recording, settings: Settings, tmp_path: Path
) -> None:
    Recording.objects.update(gone_at_provider_at=datetime.now(UTC))
    options = {
        "bucket_name": "audio", "endpoint_url": f"http://127.0.0.1:{free_ports()}", "region_name": "us-east-1",
        "access_key": "key", "secret_key": "secret", "incoming": tmp_path / "incoming",
    }  # fmt: skip
    backend = {"BACKEND": "recordings.storage.bucket.ArchiveBucket", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"archive": backend}

    answer = hear(listener, kept)

    assert answer.status_code == 503
    assert "The object storage could not be reached." in answer.content.decode()
    assert AccessEvent.objects.get().result == "failed"
