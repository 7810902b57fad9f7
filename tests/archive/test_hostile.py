"""What Vobiz's media host may send or lead to, from a real server through a whole try: never a copy, always a reason.

Each of these is met by the downloader alone in tests/vobiz/test_media*.py. Bodies that are cut, and short files that
are all that Vobiz has, are in test_one.py: those may become copies in the end.
"""

from __future__ import annotations

import errno
import itertools
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from pytest_django import Settings

from recordings.archive import Outcome, Result, fetching
from recordings.archive.copying import archive_leased
from recordings.clock import Clock
from recordings.models import Account, Recording
from recordings.vobiz.client import Credentials, Download, VobizClient
from tests.archive.conftest import Known, after, at_vobiz, files, holds
from tests.archive.failing_disk import fail_writes, needs_seccomp
from tests.archived import archive_one
from tests.ledger import asked
from tests.vobiz.test_media_hostile import bomb
from tests.vobiz.wire_server import WireServer, says
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

Archive = Callable[..., Outcome]
pytestmark = [pytest.mark.django_db, pytest.mark.once]

CAP = 10_000_000  # bytes
MEMORY = 8 * 1024 * 1024  # bytes that a try may take at most, of 200 MB in the bomb
PACKED = {"Content-Encoding": "gzip", "Content-Type": "audio/mpeg"}
TWO_WAYS = [
    "https://evil.example\\@media.vobiz.ai/v1/a.mp3",
    "https://media.vobiz.ai\\@evil.example/v1/a.mp3",
    "https://user:word@media.vobiz.ai/v1/a.mp3",
    "https://media.vobiz.ai@evil.example/v1/a.mp3",
    "http://media.vobiz.ai/v1/a.mp3",
    "file:///etc/passwd",
]


def is_refused(row: Recording, outcome: Outcome, words: str, *, folder: Path, now: datetime) -> None:
    """It is its own failure, said and to be tried again, and nothing of what came is kept."""
    assert outcome.result == Result.FAILED
    assert words in outcome.words
    assert row.archive_error == outcome.words
    assert (row.archived_at, row.audio, row.coming_audio) == (None, None, None)
    assert (row.archive_tries, row.leased_by) == (1, None)
    assert timedelta(minutes=1) <= after(row.archive_next_at, now) < timedelta(minutes=2)
    assert files(folder) == []
    assert Account.objects.get(pk=row.account_id).archive_pause is None


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"body": b"<!DOCTYPE html><p>Sign in", "headers": {"Content-Type": "audio/mpeg"}}, "web page"),
        ({"body": b""}, "empty"),
        ({"body": bytes(range(256)) * 500}, "No decoder can read"),
        ({"body": b"PK\x03\x04" + bytes(range(256)) * 500}, "no audio: ZIP archive"),
        ({"body": b"Service unavailable\n" * 20}, "a text"),
        ({"status": 500, "times": None}, "500"),
        ({"status": 403}, "403"),
        ({"redirect": "https://evil.example/x.mp3"}, "evil.example"),
        ({"redirect": "/again.mp3", "times": None}, "redirects more than 2 times"),
    ],
)
def test_what_is_no_audio_is_never_kept_and_the_row_says_why(
    known: Known, archive_it: Archive, archive_folder: Path, world: SandboxState, now: datetime,
    settings: Settings, fault: dict[str, Any], words: str,
) -> None:  # fmt: skip
    settings.VOBIZ_TOTAL_TIMEOUT = 1.0
    row = known()
    world.faults.plan(Fault(on="media.get", **fault))
    is_refused(row, archive_it(row), words, folder=archive_folder, now=now)


class Capped(VobizClient):
    """Takes at most 10 MB, where the portal takes 2 GB."""

    def download(self, url: str, into: SupportsWrite[bytes], **limits: Any) -> Download:
        return super().download(url, into, **{**limits, "max_bytes": CAP})


@pytest.mark.parametrize(("headers", "words"), [(PACKED, "larger than"), ({}, "too large")])
def test_a_gzip_bomb_takes_little_memory_and_no_more_room_than_audio_may(
    known: Known, archive_folder: Path, world: SandboxState, now: datetime, settings: Settings, account: Account,
    headers: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(fetching, "AUDIO_CAP", CAP)
    row = known()
    world.faults.plan(Fault(on="media.get", body=bomb(), headers=headers))
    tracemalloc.start()
    try:
        with connected(Capped, account, settings) as client:
            outcome = archive_one(row, by="tester", now=now, client=client)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    row.refresh_from_db()
    is_refused(row, outcome, words, folder=archive_folder, now=now)


def connected(kind: type[VobizClient], account: Account, settings: Settings) -> VobizClient:
    own = Credentials(account.auth_id, account.token)
    hosts = settings.VOBIZ_MEDIA_HOSTS
    return kind(own, api_url=settings.VOBIZ_API_URL, media_hosts=hosts, local=True)


class Hasty(VobizClient):
    """Gives a file a second where the portal gives it half an hour."""

    def download(self, url: str, into: SupportsWrite[bytes], **limits: Any) -> Download:
        return super().download(url, into, **{**limits, "total": 1.0})


def test_audio_that_drips_is_given_up_and_what_came_is_not_kept(
    known: Known,
    archive_folder: Path,
    world: SandboxState,
    now: datetime,
    settings: Settings,
    account: Account,
) -> None:
    row = known()
    world.faults.plan(Fault(on="media.get", drip=0.001))
    with connected(Hasty, account, settings) as client:
        outcome = archive_one(row, by="tester", now=now, client=client)
    row.refresh_from_db()
    is_refused(row, outcome, "within the time allowed", folder=archive_folder, now=now)


@pytest.fixture
def another_host() -> Iterator[WireServer]:
    """A machine that nobody listed."""
    with WireServer(host="127.0.0.2") as running:
        running.answers(says(b"RIFF"))
        yield running


def test_another_host_is_never_asked_whether_vobiz_names_it_or_leads_there(
    known: Known,
    archive_it: Archive,
    archive_folder: Path,
    world: SandboxState,
    now: datetime,
    another_host: WireServer,
) -> None:
    url = f"{another_host.url}/a.mp3"
    named, led = known(recording_url=url), known()
    world.faults.plan(Fault(on="media.get", redirect=url))
    for row in (named, led):
        is_refused(row, archive_it(row), "127.0.0.2", folder=archive_folder, now=now)
    assert another_host.asked == []
    assert len(asked(world, "media.get")) == 1


@pytest.mark.parametrize("url", TWO_WAYS)
def test_an_address_that_is_not_plainly_a_listed_one_is_not_asked(
    known: Known,
    archive_it: Archive,
    archive_folder: Path,
    world: SandboxState,
    now: datetime,
    settings: Settings,
    url: str,
) -> None:
    """Though every name in it is listed. What is asked for nevertheless would be met by nobody, and pause all."""
    settings.VOBIZ_MEDIA_HOSTS = ["127.0.0.1", "media.vobiz.ai", "evil.example"]
    named, led = known(recording_url=url), known()
    world.faults.plan(Fault(on="media.get", redirect=url))
    for row in (named, led):
        is_refused(row, archive_it(row), "an address for this audio", folder=archive_folder, now=now)
    assert len(asked(world, "media.get")) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("number", "words"), [(errno.EIO, "could not be used"), (errno.ENOSPC, "is full")])
def test_a_disk_that_fails_in_the_middle_of_a_file_pauses_all_and_costs_no_try(
    known: Known,
    archive_it: Archive,
    archive_folder: Path,
    world: SandboxState,
    now: datetime,
    number: int,
    words: str,
) -> None:
    needs_seccomp()
    row = known(duration=600.0)
    blocks = itertools.count(1)

    def may_go_on() -> None:
        if next(blocks) == 3:
            assert files(archive_folder)[0].stat().st_size > 0
            fail_writes(number)

    outcome = in_thread(
        lambda: archive_leased(row.pk, by="tester", clock=Clock(now), may_go_on=may_go_on), row
    )
    row.refresh_from_db()
    assert outcome.result == Result.PAUSED
    assert words in outcome.words
    assert (row.archived_at, row.audio, row.archive_tries, row.leased_by) == (None, None, 0, None)
    assert files(archive_folder) == []
    assert Account.objects.get(pk=row.account_id).archive_pause == outcome.words
    assert archive_it(row, now + timedelta(minutes=1)).result == Result.ARCHIVED
    assert holds(archive_folder, row, at_vobiz(world, row))


def in_thread(do: Callable[[], Outcome], row: Recording) -> Outcome:
    """What comes of it in a thread with a database connection of its own, which has the lease of the row."""

    def work() -> Outcome:
        try:
            assert Recording.objects.filter(pk=row.pk).lease("tester", limit=1)
            return do()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(timeout=60)
