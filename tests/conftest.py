"""What every test may ask for: a Vobiz in a box that stands still at `now`, and an account connected to it."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker, Settings

from recordings import tasks
from recordings.exports import slots
from recordings.models import Account
from tests import object_storage as s3
from tests import redis_server as redis
from tests.faults.rig import Rig
from tests.flush.management.commands.flush import remember
from tests.template_database import Template
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

HASHED = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
NOW = datetime(2025, 11, 7, 9, 0, tzinfo=UTC)  # the day after the documented recording was made
MAIN, SUB, OTHER = "MA_PU0XU668", "SA_TEST0002", "MA_OTHER003"
TOKENS = {MAIN: "main_token_0123456789", SUB: "sub_token_9876543210", OTHER: "other_token_5555555555"}


# A loaded machine is no failure, and what fails here fails for everyone: the same examples in every run.
# With FUZZ_EXAMPLES set they are new ones each time.
hypothesis_settings.register_profile(
    "suite",
    deadline=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis_settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare --database-only, for the suite's run on a second database, and --every-format."""
    parser.addoption(
        "--database-only",
        action="store_true",
        help="only tests whose outcome may depend on the database engine",
    )
    parser.addoption(
        "--every-format",
        action="store_true",
        help="play all files of tests/audio/library.py in the browser, not only some (ten minutes)",
    )


def pytest_configure() -> None:
    """Give the tests, and the processes they start, the same surroundings however the suite was started.

    A shell starts a background job with SIGINT ignored, and a child inherits that: it would not end at Ctrl-C.
    """
    gc.disable()  # until all tests are collected: they stay, so looking for garbage among them is in vain
    os.umask(0o022)
    if threading.current_thread() is threading.main_thread():
        for number, handler in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGTERM, signal.SIG_DFL),
        ):
            if signal.getsignal(number) == signal.SIG_IGN:
                signal.signal(number, handler)


@pytest.hookimpl(trylast=True)  # after they were shuffled
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --database-only, leave out what another engine cannot change, and what is marked to run once."""
    if config.getoption("--database-only"):
        chosen = [item for item in items if depends_on_the_engine(item)]
        config.hook.pytest_deselected(items=[item for item in items if not depends_on_the_engine(item)])
        items[:] = chosen
    items[:] = dealt(items, workers=getattr(config, "workerinput", {}).get("workercount", 1))


def dealt(items: list[pytest.Item], *, workers: int) -> list[pytest.Item]:
    """Return the tests so that each worker, which is given a stretch of them, begins with its share of the long ones.

    One that begins last of all is waited for by all workers. Those that wait most of their time are the first
    worker's, so that the others have the processors meanwhile.
    """
    marks = [item.get_closest_marker("long") for item in items]
    waiting = [item for item, mark in zip(items, marks, strict=True) if mark and mark.kwargs.get("waits")]
    busy = [item for item, mark in zip(items, marks, strict=True) if mark and not mark.kwargs.get("waits")]
    rest = iter([item for item, mark in zip(items, marks, strict=True) if not mark])
    others = max(1, workers - 1)
    shares = [waiting, *(busy[other::others] for other in range(others))]
    if workers == 1:
        shares = [waiting + busy]
    dealt: list[pytest.Item] = []
    for worker, share in enumerate(shares, 1):
        size = len(items) * worker // workers - len(dealt)
        dealt += [*share, *islice(rest, max(0, size - len(share)))]
    return [*dealt, *rest]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave what was collected out of each later look for garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()


def depends_on_the_engine(item: pytest.Item) -> bool:
    """Whether a test uses the database, and is not marked as one that needs one engine only."""
    if item.get_closest_marker("once") or item.get_closest_marker("browser"):
        return False
    uses = {"db", "transactional_db", "live_server", "django_db_setup"} & set(
        getattr(item, "fixturenames", ())
    )
    return bool(uses or item.get_closest_marker("django_db") or item.get_closest_marker("engine"))


@pytest.fixture(autouse=True)
def released_exports() -> Iterator[None]:
    """An answer that a test left open holds one of the few slots for exports until it is garbage."""
    yield
    if slots._slots._value < slots.AT_ONCE:
        gc.collect()


@pytest.fixture(autouse=True)
def nothing_held() -> None:
    """What this process holds for half a minute, the numbers of the navigation, is of an earlier test."""
    caches["process"].clear()


@pytest.fixture(autouse=True)
def background_ended() -> Iterator[None]:
    """Where there is no worker, what a page asks for is done in a thread, which may outlive the page but not the test.

    Nor does the next test hear whether a worker was there in this one.
    """
    yield
    for thread in threading.enumerate():
        if thread.daemon and thread.name.startswith(("sync-", "archive-now")):
            thread.join(60)
    tasks._woken.clear()


@pytest.fixture
def without_statistics(db: None) -> None:
    """Plans as of a new database: SQLite goes by what the worker of an earlier test gathered, even if it was undone."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE sqlite_schema")  # makes the table, and gathers nothing
            cursor.execute("DELETE FROM sqlite_stat1")
            # ANALYZE would keep how large a table was once taken for.
            cursor.execute("PRAGMA writable_schema = RESET")


@pytest.fixture(scope="session")
def template(django_db_keepdb: bool, tmp_path_factory: pytest.TempPathFactory) -> Template | None:
    """What the workers copy their databases from; none where there is one process, or a database that is kept."""
    if django_db_keepdb or "PYTEST_XDIST_WORKER" not in os.environ:
        return None
    return Template(tmp_path_factory.getbasetemp().parent)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None, template: Template | None) -> None:
    """pytest-django's, and the new database will be a copy, or the first."""
    if template:
        template.begin()


@pytest.fixture(scope="session")
def django_db_setup(
    template: Template | None, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """pytest-django's, and then what a flush puts back is read."""
    with django_db_blocker.unblock():
        if template:
            template.end()
        remember(connection)
    yield
    if template:
        with django_db_blocker.unblock():
            template.drop()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to copy, with a migrated SQLite database and the static files; all workers of the suite share it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, made = shared / "prepared", shared / "prepared.made"
    with (shared / "prepared.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            Rig(folder, api_url="https://vobiz.invalid/api/v1")
            made.touch()
    return folder


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis of our own."""
    with redis.running(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def redis_server(redis_process: str) -> str:
    """The address of a Redis that holds nothing of an earlier test."""
    redis.empty(redis_process)
    return redis_process


@pytest.fixture
def now() -> datetime:
    """The moment at which the sandbox's time stands still."""
    return NOW


@pytest.fixture
def world(now: datetime) -> SandboxState:
    """A main account, a sub-account of it, and an account that has nothing to do with them."""
    world = SandboxState(clock=now.timestamp, seed=1)
    world.add_account(MAIN, TOKENS[MAIN], name="Main")
    world.add_account(SUB, TOKENS[SUB], name="Sub", parent=MAIN)
    world.add_account(OTHER, TOKENS[OTHER], name="Other")
    return world


@pytest.fixture
def sandbox(world: SandboxState, settings: Settings) -> Iterator[Sandbox]:
    """The world on real sockets; callbacks go out only when a test sends them (`outbox.deliver_now()`)."""
    with Sandbox(world, deliver=False) as sandbox:
        settings.VOBIZ_API_URL = sandbox.api_url
        settings.VOBIZ_MEDIA_HOSTS = ["127.0.0.1"]
        yield sandbox


@pytest.fixture
def archive_folder(settings: Settings, tmp_path: Path) -> Path:
    """Where this test's audio is kept; it is made when something is."""
    folder = tmp_path / "archive"
    backend = {"BACKEND": "recordings.storage.folder.ArchiveFolder", "OPTIONS": {"location": folder}}
    settings.STORAGES = settings.STORAGES | {"archive": backend}
    return folder


@pytest.fixture
def account(db: None, sandbox: Sandbox, now: datetime) -> Account:
    """The main account, connected to the sandbox."""
    return connected(MAIN, now=now, name="Main")


@pytest.fixture
def subaccount(account: Account, now: datetime) -> Account:
    """The sub-account, connected, with the main account as its parent."""
    return connected(SUB, now=now, name="Sub", parent=account)


def connected(auth_id: str, *, now: datetime, **fields: object) -> Account:
    """As `connect.store` leaves an account, but for its questions whether all is valid: a twentieth of most tests."""
    account = Account.objects.create(auth_id=auth_id, **fields)
    account.set_token(TOKENS[auth_id], now=now)
    return account


@pytest.fixture(scope="session")
def collected_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the static files as collectstatic writes them."""
    folder = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=folder, STORAGES=django_settings.STORAGES | HASHED):
        call_command("collectstatic", interactive=False, verbosity=0)
    return folder


@pytest.fixture
def collected(collected_once: Path, settings: Settings) -> Path:
    """That folder, from which pages name their files as in production."""
    settings.STATIC_ROOT = collected_once
    settings.WHITENOISE_AUTOREFRESH = False
    settings.STORAGES = settings.STORAGES | HASHED
    return collected_once


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.ObjectStorage]:
    """A real S3-compatible server with one bucket; it takes three seconds to start, so there is one for all tests."""
    with s3.running(tmp_path_factory.mktemp("s3")) as storage:
        yield storage


@pytest.fixture
def object_storage(s3_server: s3.ObjectStorage) -> Iterator[s3.ObjectStorage]:
    """The S3-compatible server, its bucket empty."""
    s3_server.empty()
    yield s3_server
    s3_server.empty()


@pytest.fixture
def s3_archive(object_storage: s3.ObjectStorage, settings: Settings, tmp_path: Path) -> s3.ObjectStorage:
    """The S3-compatible server, its bucket empty, and this test's audio is kept there."""
    options = object_storage.options(staging=tmp_path / "incoming")
    backend = {"BACKEND": "recordings.storage.bucket.ArchiveBucket", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"archive": backend}
    return object_storage
