"""What every test may ask for: a Vobiz in a box that stands still at `now`, and an account connected to it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import post_migrate
from django.test import override_settings
from pytest_django import Settings

from recordings import connect
from recordings.models import Account
from recordings.models.access_event import NO_DELETE
from recordings.roles import make_roles
from tests import object_storage as s3
from tests import redis_server as redis
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

HASHED = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
NOW = datetime(2025, 11, 7, 9, 0, tzinfo=UTC)  # the day after the documented recording was made
MAIN, SUB, OTHER = "MA_PU0XU668", "SA_TEST0002", "MA_OTHER003"
TOKENS = {MAIN: "main_token_0123456789", SUB: "sub_token_9876543210", OTHER: "other_token_5555555555"}


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
    os.umask(0o022)
    if threading.current_thread() is threading.main_thread():
        for number, handler in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGTERM, signal.SIG_DFL),
        ):
            if signal.getsignal(number) == signal.SIG_IGN:
                signal.signal(number, handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --database-only, leave out what another engine cannot change, and what is marked to run once."""
    if not config.getoption("--database-only"):
        return
    chosen = [item for item in items if depends_on_the_engine(item)]
    config.hook.pytest_deselected(items=[item for item in items if not depends_on_the_engine(item)])
    items[:] = chosen


def depends_on_the_engine(item: pytest.Item) -> bool:
    """Whether a test uses the database, and is not marked as one that needs one engine only."""
    if item.get_closest_marker("once") or item.get_closest_marker("browser"):
        return False
    uses = {"db", "transactional_db", "live_server", "django_db_setup"} & set(
        getattr(item, "fixturenames", ())
    )
    return bool(uses or item.get_closest_marker("django_db") or item.get_closest_marker("engine"))


def _create_roles(*, using: str, **_kwargs: object) -> None:
    """Create the roles anew: a flush empties their tables too, and tests may run after it in any order."""
    make_roles(apps, using)


# After a flush Django sends this again, and creates the permissions first.
post_migrate.connect(_create_roles, sender=apps.get_app_config("recordings"))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis of our own."""
    with redis.running(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(autouse=True)
def _emptied_afterwards(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test whose rows are really written ends with every table emptied, and SQLite does that by DELETE.

    So the trigger that would refuse it goes first; Django makes it again after it has emptied the tables.
    """
    marker = request.node.get_closest_marker("django_db")
    written = marker is not None and marker.kwargs.get("transaction")
    if not written and not {"transactional_db", "live_server"} & set(request.fixturenames):
        yield
        return
    request.getfixturevalue("transactional_db")  # so that what stands below comes before its end
    yield
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER IF EXISTS {NO_DELETE}")


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
    return connect.store(MAIN, TOKENS[MAIN], now=now, name="Main")[0]


@pytest.fixture
def subaccount(account: Account, now: datetime) -> Account:
    """The sub-account, connected, with the main account as its parent."""
    return connect.store(SUB, TOKENS[SUB], now=now, name="Sub", parent=account)[0]


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
