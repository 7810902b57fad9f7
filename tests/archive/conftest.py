"""Recordings that Vobiz holds and the portal knows, and ways to archive them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from recordings import archive, sync
from recordings.archive import Outcome, Report
from recordings.models import Account, Recording
from recordings.sync import SyncRequest
from tests.archived import archive_one
from vobiz_portal.sandbox import serializers
from vobiz_portal.sandbox.state import SandboxState

Known = Callable[..., Recording]


class Run(Protocol):
    """Archive what is due of the account; options as of `archive.run`."""

    def __call__(self, **options: Any) -> Report: ...


@pytest.fixture
def known(world: SandboxState, account: Account, archive_folder: Path, now: datetime) -> Known:
    """Add a past recording (fields of `add_recording`) and sync it; its row."""

    def known(**fields: Any) -> Recording:
        fields = {"age_days": 1.0, "duration": 10.08, **fields}
        made = world.add_recording(account.auth_id, **fields)
        sync.run(account, SyncRequest(recording_id=made.recording_id), now=now, sync_run=None)
        row: Recording = Recording.objects.get(recording_id=made.recording_id)
        return row

    return known


@pytest.fixture
def archive_it(now: datetime) -> Callable[..., Outcome]:
    """Try one recording, at `now` or another time; the row shows what came of it."""

    def archive_it(row: Recording, at: datetime = now) -> Outcome:
        outcome = archive_one(row, by="tester", now=at)
        row.refresh_from_db()
        return outcome

    return archive_it


@pytest.fixture
def run_now(account: Account, now: datetime) -> Run:
    """One thread, without a limit, unless said otherwise."""

    def run_now(**options: Any) -> Report:
        given = {"limit": None, "workers": 1, "by": "tester", "now": now, **options}
        return archive.run(given.pop("accounts", [account]), **given)

    return run_now


def at_vobiz(world: SandboxState, row: Recording) -> bytes:
    """The bytes that the sandbox serves for it."""
    made = serializers.audio_of(world.recording(str(row.recording_id)))
    return b"".join(made.read(0, made.length))


def files(folder: Path) -> list[Path]:
    """Everything that lies in the archive, leftovers too."""
    return [path for path in folder.rglob("*") if path.is_file()]


def after(at: datetime | None, than: datetime) -> timedelta:
    """How much later; `at` must be there."""
    assert at is not None
    return at - than


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def holds(folder: Path, row: Recording, body: bytes) -> bool:
    """Whether the row is archived, with these very bytes, and nothing else lies in the archive."""
    path = folder / str(row.audio)
    return (
        row.archived_at is not None
        and path.read_bytes() == body
        and (row.audio_sha256, row.audio_bytes) == (sha256(body), len(body))
        and files(folder) == [path]
    )
