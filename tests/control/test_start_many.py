"""Several starts at once, and starts that send nothing because another recording began meanwhile."""

from __future__ import annotations

import threading
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection

from recordings import control, live
from recordings.choices import RecordingStatus
from recordings.control import ConcurrentRecordingsError, StartOptions, StartRequest
from recordings.models import Account, Call, Recording, Transcription
from tests.ledger import asked
from tests.models.together import together
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

OPTIONS = StartOptions(time_limit=600, file_format="mp3", channels="stereo")


def some_calls(account: Account, world: SandboxState, now: datetime, count: int) -> list[Call]:
    for _each in range(count):
        world.place_call(account.auth_id)
    live.refresh_all([account], now=now)
    return list(Call.objects.order_by("pk"))


def requests(calls: list[Call], **fields: frozenset[int]) -> list[StartRequest]:
    return [StartRequest(call, OPTIONS, uuid4(), **fields) for call in calls]


def test_each_call_gets_its_recording_and_each_intent_only_one(
    account: Account, world: SandboxState, now: datetime
) -> None:
    wanted = requests(some_calls(account, world, now, 3))

    first = control.start_many(wanted, by=None, now=now)
    again = control.start_many(wanted, by=None, now=now)

    assert first == again
    assert [row.call for row in first if isinstance(row, Recording)] == [one.call for one in wanted]
    assert {row.status for row in Recording.objects.all()} == {RecordingStatus.ACTIVE}
    assert len(asked(world, "record.start")) == len(world.running()) == 3


def test_one_that_fails_does_not_keep_the_others_from_starting(
    account: Account, world: SandboxState, now: datetime
) -> None:
    calls = some_calls(account, world, now, 3)
    world.hang_up(str(calls[0].call_uuid))
    world.faults.plan(Fault(on="record.start", path=f"*{calls[1].call_uuid}*", drop="after"))

    rows = control.start_many(requests(calls), by=None, now=now)

    assert [row.status for row in rows if isinstance(row, Recording)] == [
        RecordingStatus.FAILED,
        RecordingStatus.REQUESTED,
        RecordingStatus.ACTIVE,
    ]


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_cannot_be_written_down_costs_no_other_its_own(
    account: Account, world: SandboxState, now: datetime
) -> None:
    calls = some_calls(account, world, now, 2)

    def lose_the_first_row(_world: SandboxState) -> None:
        Transcription.objects.filter(recording__call=calls[0]).delete()
        Recording.objects.filter(call=calls[0]).delete()
        connection.close()  # this is the sandbox's thread

    world.faults.plan(Fault(on="record.start", path=f"*{calls[0].call_uuid}*", first=lose_the_first_row))

    with pytest.raises(Exception, match=r"does not exist|\d+"):
        control.start_many(requests(calls), by=None, now=now)

    assert Recording.objects.get(call=calls[1]).status == RecordingStatus.ACTIVE


@pytest.mark.django_db(transaction=True)
def test_vobiz_is_asked_for_several_at_once(account: Account, world: SandboxState, now: datetime) -> None:
    calls = some_calls(account, world, now, 2)
    met = threading.Barrier(2)
    world.faults.plan(Fault(on="record.start", first=lambda _world: met.wait(60), times=2))

    control.start_many(requests(calls), by=None, now=now)

    assert not met.broken
    assert len(world.running()) == 2


def test_where_another_began_that_was_not_shown_nothing_is_sent(
    account: Account, world: SandboxState, now: datetime
) -> None:
    (call,) = some_calls(account, world, now, 1)
    other = control.start(call, OPTIONS, by=None, now=now)

    with pytest.raises(ConcurrentRecordingsError) as refused:
        control.start(call, OPTIONS, by=None, now=now, expected=frozenset())

    assert refused.value.began == [other]
    assert len(asked(world, "record.start")) == Recording.objects.count() == 1
    second = control.start(call, OPTIONS, by=None, now=now, expected=frozenset({other.pk}))
    assert len(world.running()) == 2
    assert second != other


def test_a_form_sent_twice_is_not_stopped_by_its_own_recording(
    account: Account, world: SandboxState, now: datetime
) -> None:
    (call,) = some_calls(account, world, now, 1)
    intent = UUID(int=7)

    first = control.start(call, OPTIONS, by=None, now=now, idempotency_key=intent, expected=frozenset())

    assert (
        control.start(call, OPTIONS, by=None, now=now, idempotency_key=intent, expected=frozenset()) == first
    )
    assert len(asked(world, "record.start")) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_people_at_the_same_moment_one_starts(
    account: Account, world: SandboxState, now: datetime
) -> None:
    (call,) = some_calls(account, world, now, 1)

    def press() -> str:
        try:
            control.start(call, OPTIONS, by=None, now=now, idempotency_key=uuid4(), expected=frozenset())
        except ConcurrentRecordingsError:
            return "told"
        return "started"

    assert sorted(together(*[press] * 3)) == ["started", "told", "told"]
    assert len(world.running()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_not_told_of_its_own_recording(
    account: Account, world: SandboxState, now: datetime
) -> None:
    (call,) = some_calls(account, world, now, 1)
    key = uuid4()

    def press() -> Recording:
        return control.start(call, OPTIONS, by=None, now=now, idempotency_key=key, expected=frozenset())

    assert len({row.pk for row in together(*[press] * 4)}) == 1
    assert len(world.running()) == len(asked(world, "record.start")) == 1
