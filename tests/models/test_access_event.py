"""The one way an access event is written: by value, once for a play, with what the server says of where from."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import Group, User

from recordings.choices import AccessAction, AccessResult
from recordings.models import AccessEvent, Account, Recording
from tests.admin.rows import a_recording
from tests.models.together import together


@pytest.fixture
def asha(db: None) -> User:
    """Somebody with two roles."""
    user = User.objects.create_user("asha", is_staff=True)
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in ("Listener", "Auditor")])
    return user


@pytest.fixture
def recording(account: Account) -> Recording:
    """A recording that is known by its id."""
    return a_recording(account)


def test_an_event_names_who_what_when_and_from_where_by_value(
    asha: User, recording: Recording, now: datetime
) -> None:
    AccessEvent.objects.record(asha, AccessAction.PLAY, recording=recording, address="203.0.113.9", now=now)
    User.objects.filter(pk=asha.pk).update(username="renamed")

    event = AccessEvent.objects.get()
    assert (event.at, event.action, event.result, event.detail) == (now, "play", "ok", None)
    assert (event.user_pk, event.username, event.roles) == (asha.pk, "asha", "Auditor, Listener")
    assert (event.account_auth_id, event.recording_pk) == (recording.account.auth_id, recording.pk)
    assert (event.recording_id, event.address) == (recording.recording_id, "203.0.113.9")


def test_an_event_about_an_account_names_no_recording(asha: User, account: Account) -> None:
    AccessEvent.objects.record(asha, AccessAction.EXPORT, account=account, detail="12 rows")

    event = AccessEvent.objects.get()
    assert (event.account_auth_id, event.recording_pk, event.recording_id) == (account.auth_id, None, None)
    assert event.detail == "12 rows"


def test_a_superuser_is_known_as_one_whatever_the_roles(account: Account) -> None:
    boss = User.objects.create_superuser("boss")
    boss.groups.add(Group.objects.get_or_create(name="Viewer")[0])

    assert AccessEvent.objects.record(boss, AccessAction.PLAY).roles == "superuser, Viewer"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        (None, None),
        ("unknown", None),
    ],
)
def test_what_is_no_address_is_left_out(asha: User, said: str | None, kept: str | None) -> None:
    AccessEvent.objects.record(asha, AccessAction.PLAY, address=said)

    assert AccessEvent.objects.get().address == kept


def test_one_play_is_one_event_and_a_request_without_a_play_is_its_own(
    asha: User, recording: Recording
) -> None:
    first, again, other, third, fourth = (
        AccessEvent.objects.record(asha, AccessAction.PLAY, recording=recording, play_id=play_id)
        for play_id in ("one", "one", "two", None, None)
    )

    assert first == again
    assert len({first, other, third, fourth}) == AccessEvent.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_two_first_requests_of_one_play_at_one_moment_are_one_event(account: Account) -> None:
    user, recording = User.objects.create_user("asha"), a_recording(account)

    def note() -> AccessEvent:
        return AccessEvent.objects.record(user, AccessAction.PLAY, recording=recording, play_id="one")

    first, second = together(note, note)

    assert first == second == AccessEvent.objects.get()


def test_a_refusal_and_a_failure_say_so(asha: User, recording: Recording) -> None:
    for result in (AccessResult.REFUSED, AccessResult.FAILED):
        AccessEvent.objects.record(asha, AccessAction.DOWNLOAD, recording=recording, result=result)

    assert set(AccessEvent.objects.values_list("result", flat=True)) == {"refused", "failed"}
