"""Two people at once: what one does while the other does it too, and what each is told."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from recordings.choices import CallState, EventOutcome, RecordingStatus
from recordings.models import Account, AlertChoice, Call, CallbackEvent, Recording, SavedView
from recordings.roles import ROLES
from tests.admin.conftest import Person
from tests.admin.rows import a_recording
from tests.admin.test_account_tokens import FORM, NEW, change
from tests.admin.test_list_page_saved_views import VIEWS
from tests.admin.test_starting import LIVE, filled, record, said, sent
from tests.admin.test_stopping import stop, stops
from tests.callbacks.posting import deliver
from tests.conftest import MAIN, TOKENS
from tests.models.together import closing_connection, together
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.django_db(transaction=True)

RIGHTS = ("start_recording", "stop_recording", "view_live_calls", "view_recording")


@pytest.fixture
def people(account: Account, staff: Person) -> list[Client]:
    """Asha and Ravi, operators of the account."""
    return [staff(*RIGHTS, accounts=[account], name=name) for name in ("asha", "ravi")]


@pytest.fixture
def call(account: Account, world: SandboxState, people: list[Client]) -> Call:
    """A live call that both have on their screens."""
    world.place_call(MAIN)
    for person in people:
        person.get(LIVE)
    return Call.objects.get()


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("/admin/alerts/", {"each": "on", "digest": "daily"}),
        (VIEWS, {"do": "save", "name": "Short {n}", "query": "length=10s"}),
        ("/admin/auth/user/add/", {"username": "ravi{n}", "is_active": "on"}),
        ("/admin/auth/group/add/", {"name": "Auditors {n}"}),
    ],
)
def test_a_button_that_is_pressed_twice_saves_once(
    admin_user: User, url: str, fields: dict[str, str]
) -> None:
    browser = Client()
    browser.force_login(admin_user)

    def press(n: int) -> Any:
        pressed = copy(browser)  # two requests of one session, and no test client makes two at a time
        pressed.cookies = browser.cookies
        return pressed.post(url, {name: value.format(n=n) for name, value in fields.items()})

    for n in range(4):
        AlertChoice.objects.all().delete()
        answers = together(partial(press, n), partial(press, n))
        assert sorted({answer.status_code for answer in answers} - {302}) in ([], [200], [422])
    made = (AlertChoice, SavedView, User, Group)
    assert sum(model.objects.count() for model in made) - len(ROLES) - 1 == (
        1 if url == "/admin/alerts/" else 4
    )


def test_both_stop_one_recording_at_the_same_moment(
    call: Call, world: SandboxState, people: list[Client]
) -> None:
    people[0].post(record(call), filled())
    recording = Recording.objects.get()

    answers = together(*[partial(stop, one, recording) for one in people])

    assert stops(world) == 1
    # of what is rendered at one moment the test client mixes up the contexts, but not the pages
    pages = [answer.content.decode().partition('<div id="content"')[0] for answer in answers]
    first, second = sorted(pages, key=lambda page: "Nothing was sent again." in page)
    assert "Stopping the recording." in first
    recording.refresh_from_db()
    assert f"{recording.stop_requested_by} pressed Stop at " in second
    assert "Nothing was sent again." in second


def test_both_start_on_one_call_at_the_same_moment(
    call: Call, world: SandboxState, people: list[Client]
) -> None:
    forms = [filled(limit="900"), filled(limit="900")]

    def start(person: Client, form: dict[str, Any]) -> Any:
        return person.post(record(call), form)

    answers = together(*[partial(start, *one) for one in zip(people, forms, strict=True)])

    assert sorted(answer.status_code for answer in answers) == [302, 409]
    assert len(sent(world)) == 1
    told = next(answer for answer in answers if answer.status_code == 409)
    (words,) = told.context["began"]
    assert words.startswith(f"{Recording.objects.get().requested_by} started a recording at ")
    assert " It stops at " in words
    assert "Start a second one" in told.content.decode()


def test_one_starts_while_the_other_sees_the_call_end(
    call: Call, world: SandboxState, people: list[Client]
) -> None:
    starting, looking = people
    looks: list[str] = []

    def meanwhile(world: SandboxState) -> None:
        world.hang_up(str(call.call_uuid))
        Account.objects.update(live_tried_at=None)
        looks.append(closing_connection(lambda: looking.get(LIVE).content.decode()))

    world.faults.plan(Fault(on="record.start", first=meanwhile))

    answer = starting.post(record(call), filled(), follow=True)

    assert "No live calls" in looks[0]
    assert "Recording not started. The call is over, so nothing was recorded." in said(answer)
    assert Recording.objects.get().status == RecordingStatus.FAILED
    assert world.running() == []
    call.refresh_from_db()
    assert call.state == CallState.ENDED
    again = starting.get(record(call)).content.decode()
    assert "This call is over, so it cannot be recorded." in again


def test_one_stops_what_the_call_has_just_ended(
    call: Call, world: SandboxState, people: list[Client]
) -> None:
    people[0].post(record(call), filled())
    world.faults.plan(Fault(on="record.stop", first=lambda world: world.hang_up(str(call.call_uuid))))

    answer = stop(people[1], Recording.objects.get())

    assert "The recording had already ended." in said(answer)


def test_a_token_is_replaced_while_callbacks_signed_with_the_old_and_the_new_one_arrive(
    account: Account, world: SandboxState, boss: Client
) -> None:
    old, new = a_recording(account), a_recording(account)
    world.accounts[MAIN].token = NEW

    def called_back(recording: Recording, token: str) -> int:
        fields = {"recording_id": recording.recording_id, "recording_duration": "10"}
        answer = deliver(Client(), account.callback_key, fields, door="account", token=token)
        return int(answer.status_code)

    def replace() -> str:
        return said(boss.post(change(account), {**FORM, "token": NEW}, follow=True))

    of_old, of_new, words = together(
        partial(called_back, old, TOKENS[MAIN]), partial(called_back, new, NEW), replace
    )

    assert of_old == 200  # the former token is still good
    assert of_new in (200, 403)
    assert "Changes saved." in str(words)
    account.refresh_from_db()
    assert account.callback_tokens(timezone.now()) == (NEW, TOKENS[MAIN])
    event = CallbackEvent.objects.exclude(recording=old).get()
    page = boss.get(reverse("admin:recordings_callbackevent_change", args=[event.pk])).content.decode()
    if event.outcome == EventOutcome.REFUSED:
        assert "The signature is valid now" in page
        boss.post(reverse("admin:recordings_account_process_refused", args=[account.pk]))
    assert set(CallbackEvent.objects.values_list("outcome", flat=True)) == {EventOutcome.APPLIED}
