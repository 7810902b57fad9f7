"""People with just the permissions and accounts that a test gives them, and a Vobiz whose time is today's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from recordings.models import Account
from recordings.playback import streaming
from tests.conftest import OTHER, connected

Person = Callable[..., Client]


@pytest.fixture
def now() -> datetime:
    """The pages take the real time, so the sandbox stands still at the moment the test begins."""
    return timezone.now()


@pytest.fixture(autouse=True)
def closed_streams() -> Iterator[None]:
    """A test that leaves a stream open takes its place from the tests after it: fail that test, not those."""
    yield
    assert streaming._streams._value == streaming.STREAMS_AT_ONCE


@pytest.fixture
def counts_anew(settings: Settings) -> None:
    """Count the numbers of the navigation anew on every page, for a test that changes rows and looks again."""
    settings.CACHES = {
        **settings.CACHES,
        "process": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    }


@pytest.fixture
def stranger(db: None, account: Account, now: datetime) -> Account:
    """An account of another family, that nobody in the tests belongs to."""
    return connected(OTHER, now=now, name="Other")


@pytest.fixture
def staff(db: None) -> Person:
    """Log in a member of the staff: `staff("view_call", accounts=[account])`. Permissions are of this app."""
    numbers = count(1)

    def make(*permissions: str, accounts: tuple[Account, ...] | list[Account] = (), name: str = "") -> Client:
        user = User.objects.create_user(name or f"person{next(numbers)}", is_staff=True)
        wanted = Permission.objects.filter(content_type__app_label="recordings", codename__in=permissions)
        assert wanted.count() == len(permissions), f"no such permission among {permissions}"
        user.user_permissions.set(wanted)
        user.vobiz_accounts.set(accounts)
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def boss(db: None) -> Client:
    """A superuser."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss", password="pass-word-boss"))
    return client
