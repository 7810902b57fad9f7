"""How many recordings may be started by one person and for one account; none is sent beyond."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from recordings import control
from recordings.control import StartLimitError, StartRequest
from recordings.models import Account, Call, Recording
from tests.commands.shell import run
from tests.conftest import SUB
from tests.control.test_start_many import OPTIONS, requests, some_calls
from tests.ledger import asked
from tests.models.together import together
from vobiz_portal.sandbox.state import SandboxState

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def person() -> User:
    """Somebody who starts recordings."""
    return User.objects.create_superuser("operator")


@pytest.mark.parametrize(
    ("setting", "after", "words"),
    [
        ("STARTS_PER_USER_MINUTE", MINUTE, "person may start 2 recordings a minute"),
        ("STARTS_PER_USER_DAY", DAY, "person may start 2 recordings within 24 hours"),
        ("STARTS_PER_ACCOUNT_MINUTE", MINUTE, "2 recordings a minute may be started for one account"),
        ("STARTS_PER_ACCOUNT_DAY", DAY, "2 recordings within 24 hours may be started for one account"),
    ],
)
def test_beyond_a_limit_nothing_is_sent_until_its_time_is_over(
    call: Call, person: User, world: SandboxState, now: datetime, settings: Settings,
    setting: str, after: timedelta, words: str,
) -> None:  # fmt: skip
    setattr(settings, setting, 2)
    for _each in range(2):
        control.start(call, OPTIONS, by=person, now=now)

    with pytest.raises(StartLimitError, match=words):
        control.start(call, OPTIONS, by=person, now=now + after - timedelta(seconds=1))

    assert Recording.objects.count() == len(asked(world, "record.start")) == 2
    control.start(call, OPTIONS, by=person, now=now + after)
    assert len(asked(world, "record.start")) == 3


def test_a_person_is_limited_over_all_accounts_and_an_account_for_all_persons(
    call: Call, person: User, world: SandboxState, now: datetime, settings: Settings
) -> None:
    other = Account.objects.create(auth_id=SUB)
    elsewhere = Call.objects.create(account=other, call_uuid=str(uuid4()), happened_at=now)
    settings.STARTS_PER_USER_MINUTE = settings.STARTS_PER_ACCOUNT_MINUTE = 1
    control.start(call, OPTIONS, by=person, now=now)

    with pytest.raises(StartLimitError, match="person"):
        control.start(elsewhere, OPTIONS, by=person, now=now)
    with pytest.raises(StartLimitError, match="account"):
        control.start(call, OPTIONS, by=None, now=now)
    with pytest.raises(StartLimitError, match="account"):
        control.start(call, OPTIONS, by=User.objects.create_user("another"), now=now)


def test_a_form_sent_again_shows_its_recording_also_when_the_limit_is_reached(
    call: Call, person: User, now: datetime, settings: Settings
) -> None:
    settings.STARTS_PER_USER_MINUTE = 1
    key = uuid4()
    first = control.start(call, OPTIONS, by=person, now=now, idempotency_key=key)
    assert control.start(call, OPTIONS, by=person, now=now, idempotency_key=key) == first


def test_of_several_those_within_the_limit_are_started(
    account: Account, person: User, world: SandboxState, now: datetime, settings: Settings
) -> None:
    settings.STARTS_PER_USER_MINUTE = 2
    outcomes = control.start_many(requests(some_calls(account, world, now, 3)), by=person, now=now)
    assert [type(one) for one in outcomes] == [Recording, Recording, StartLimitError]
    assert len(asked(world, "record.start")) == 2


@pytest.mark.django_db(transaction=True)
def test_starts_at_the_same_moment_share_the_limit(
    account: Account, person: User, world: SandboxState, now: datetime, settings: Settings
) -> None:
    settings.STARTS_PER_USER_MINUTE = 2
    wanted = requests(some_calls(account, world, now, 5))

    def one(request: StartRequest) -> None:
        control.start_many([request], by=person, now=now)

    together(*[lambda request=request: one(request) for request in wanted])

    assert Recording.objects.count() == len(asked(world, "record.start")) == 2


def test_the_page_says_so_and_keeps_what_was_filled_in(
    call: Call, person: User, world: SandboxState, client: Client, settings: Settings
) -> None:
    settings.STARTS_PER_USER_MINUTE = 0
    client.force_login(person)
    address = f"/admin/recordings/call/{call.pk}/record/"
    form = {"intent": str(uuid4()), "running": "", "limit": "14400", "file_format": "wav", "channels": "mono"}

    response = client.post(address, form)

    assert response.status_code == 429
    assert "may start 0 recordings a minute" in response.content.decode()
    assert response.context["form"]["file_format"].value() == "wav"
    assert not asked(world, "record.start")


@pytest.mark.django_db(transaction=True)
def test_the_command_says_so(call: Call, world: SandboxState, settings: Settings) -> None:
    settings.STARTS_PER_ACCOUNT_MINUTE = 0
    ran = run("start_recording", str(call.call_uuid))
    assert ran.code == 1
    assert "may be started for one account" in ran.stderr
    assert not asked(world, "record.start")
