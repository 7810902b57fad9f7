"""Workers as processes: at once, killed, stopped, and with nothing but the rows to go by."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from recordings import control, reconcile
from recordings.choices import Origin, RecordingStatus
from recordings.models import Account, Call, Recording, SyncRun, Worker
from tests.conftest import MAIN
from tests.ledger import asked
from tests.waiting import eventually
from tests.workers import Begin
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

OPTIONS = control.StartOptions(time_limit=600, file_format="mp3", channels="stereo")


def due_for_read_back(account: Account, world: SandboxState, count: int) -> list[Recording]:
    """Recordings that ended at Vobiz, known here by their ids alone, and due to be read back."""
    rows = []
    for _ in range(count):
        at_vobiz = world.add_recording(MAIN, age_days=0.01)
        rows.append(
            Recording(
                account=account, call=Call.objects.obtain(account, at_vobiz.call_uuid), origin=Origin.SYNC,
                status=RecordingStatus.ACTIVE, recording_id=at_vobiz.recording_id, happened_at=timezone.now(),
                read_back_due_at=timezone.now(),
            )
        )  # fmt: skip
    return Recording.objects.bulk_create(rows)


def nothing_to_sync(account: Account) -> None:
    """The mirror is whole, and not an hour old."""
    run = SyncRun.objects.begin(account, now=timezone.now(), scope={"full": True}, by=None)
    assert run is not None
    run.end("complete", now=timezone.now())  # type: ignore[arg-type]


def all_completed() -> bool:
    return not Recording.objects.exclude(status=RecordingStatus.COMPLETED).exists()


def times_asked(world: SandboxState) -> Counter[str]:
    """How often each recording was read back."""
    return Counter(str(entry.detail["path"]) for entry in asked(world, "recording.retrieve"))


def test_two_workers_never_do_one_thing_twice(account: Account, world: SandboxState, begin: Begin) -> None:
    nothing_to_sync(account)
    begin()
    begin()
    for _ in range(6):  # so that both come to it again and again
        due_for_read_back(account, world, 5)
        eventually(all_completed)
    counts = times_asked(world)
    assert (len(counts), set(counts.values())) == (30, {1})
    assert Worker.objects.alive().count() == 2


def make_a_sync_due() -> None:
    """As if ten minutes had passed since the last."""
    SyncRun.objects.update(started_at=timezone.now() - timedelta(minutes=10))


def who_has_something() -> set[str]:
    """The names of the workers that have a recording in hand."""
    holders = Recording.objects.exclude(leased_by=None).values_list("leased_by", flat=True)
    return {str(holder).partition("/")[0] for holder in holders}


def test_two_workers_never_sync_nor_fetch_one_thing_twice(
    account: Account, world: SandboxState, begin: Begin
) -> None:
    nothing_to_sync(account)
    Account.objects.update(archive_automatically=True)
    for operation in ("recording.list", "media.get"):  # long enough that both come to it
        world.faults.plan(Fault(on=operation, delay_before=0.3, times=None))
    workers, held, rounds = {begin().worker.name, begin().worker.name}, set[str](), 0
    while rounds < 4 or (held != workers and rounds < 20):  # until both did some of it
        rounds += 1
        for _ in range(8):
            world.add_recording(MAIN, age_days=0.01, duration=2)
        make_a_sync_due()

        def all_are_here(count: int = 8 * rounds) -> bool:
            held.update(who_has_something())
            archived = Recording.objects.filter(archived_at__isnull=False).count()
            return archived == count and not SyncRun.objects.running().exists()

        eventually(all_are_here)
    assert held == workers
    assert len(asked(world, "recording.list")) == rounds
    fetched = Counter(str(entry.detail["path"]) for entry in asked(world, "media.get"))
    counts = times_asked(world)
    assert (len(fetched), set(fetched.values())) == (8 * rounds, {1})
    assert (len(counts), set(counts.values())) == (8 * rounds, {1})  # for its address


def test_an_account_is_synced_by_itself_once_whoever_comes_first(
    account: Account, world: SandboxState, begin: Begin
) -> None:
    for _ in range(3):
        world.add_recording(MAIN, age_days=1)
    begin()
    begin()
    eventually(lambda: SyncRun.objects.filter(complete=True).exists())
    eventually(lambda: SyncRun.objects.running().count() == 0)
    assert Recording.objects.count() == 3
    assert SyncRun.objects.count() == 1
    assert len(asked(world, "recording.list")) == 1


def test_what_a_killed_worker_had_in_hand_is_done_again_once_its_lease_is_over(
    account: Account, world: SandboxState, begin: Begin
) -> None:
    nothing_to_sync(account)
    held = threading.Event()
    world.faults.plan(Fault(on="recording.retrieve", first=lambda _: held.set(), delay_before=30))
    killed = begin()
    due_for_read_back(account, world, 3)
    assert held.wait(60)
    killed.send(signal.SIGKILL)
    assert killed.ended() == -signal.SIGKILL

    account.refresh_from_db()
    assert str(account.leased_by).startswith(killed.worker.name)
    assert account.leased_until is not None
    assert account.leased_until <= timezone.now() + timedelta(seconds=30)
    Account.objects.update(
        leased_until=timezone.now() + timedelta(hours=1)
    )  # however long the next one takes to begin
    begin()
    assert Recording.objects.filter(status=RecordingStatus.ACTIVE).count() == 3  # it is still the dead one's
    Account.objects.update(leased_until=timezone.now())
    eventually(all_completed)
    assert max(times_asked(world).values()) <= 2  # only what was in hand was asked again


def test_a_sync_that_was_killed_is_begun_anew(account: Account, world: SandboxState, begin: Begin) -> None:
    world.add_recording(MAIN, age_days=1)
    held = threading.Event()
    world.faults.plan(Fault(on="recording.list", first=lambda _: held.set(), delay_before=30))
    killed = begin()
    assert held.wait(60)
    killed.send(signal.SIGKILL)
    killed.ended()
    SyncRun.objects.update(lease_until=timezone.now() + timedelta(hours=1))
    begin()
    assert SyncRun.objects.get().state == "running"
    SyncRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    eventually(lambda: SyncRun.objects.filter(complete=True).exists())
    assert list(SyncRun.objects.order_by("pk").values_list("state", flat=True)) == ["interrupted", "complete"]
    assert Recording.objects.count() == 1


def test_a_worker_that_is_asked_to_stop_finishes_what_it_has_in_hand(
    account: Account, world: SandboxState, begin: Begin
) -> None:
    nothing_to_sync(account)
    held = threading.Event()
    world.faults.plan(Fault(on="recording.retrieve", first=lambda _: held.set(), delay_before=3))
    worker = begin()
    due_for_read_back(account, world, 20)
    assert held.wait(60)
    worker.send(signal.SIGTERM)
    assert worker.ended() == 0
    assert len(asked(world, "recording.retrieve")) == 1  # it began nothing more
    assert Recording.objects.filter(status=RecordingStatus.COMPLETED).count() == 1
    account.refresh_from_db()
    assert (account.leased_by, account.leased_until) == (None, None)
    assert worker.worker.stopped_at is not None


def test_a_signal_that_reaches_another_thread_than_the_main_one_is_heard_too(
    account: Account, begin: Begin
) -> None:
    worker = begin()
    pid = worker.popen.pid
    thread = next(int(path.name) for path in Path(f"/proc/{pid}/task").iterdir() if int(path.name) != pid)
    assert ctypes.CDLL(None).tgkill(pid, thread, signal.SIGTERM) == 0
    assert worker.ended() == 0


@pytest.mark.parametrize("lost", [True, False], ids=["answers-lost", "answers-heard"])
def test_without_callbacks_and_answers_everything_still_ends_completed_once(
    account: Account, world: SandboxState, begin: Begin, now: datetime, *, lost: bool
) -> None:
    nothing_to_sync(account)
    world.callbacks.muted = True
    if lost:
        world.faults.plan(Fault(on="record.start", drop="after", times=None))
    calls = [world.place_call(MAIN) for _ in range(3)]
    for call in calls:
        row = control.start(Call.objects.obtain(account, call.call_uuid), OPTIONS, by=None, now=now)
        assert row.status == (RecordingStatus.REQUESTED if lost else RecordingStatus.ACTIVE)
    control.start(Call.objects.obtain(account, calls[0].call_uuid), OPTIONS, by=None, now=now)  # a second one
    Recording.objects.update(requested_at=now - timedelta(seconds=20))  # the first looks are behind us
    begin()
    for call in calls:
        world.hang_up(call.call_uuid)
    eventually(all_completed)

    assert len(asked(world, "record.start")) == 4
    assert Recording.objects.count() == 4
    listed = {one.recording_id for one in world.recordings_of(MAIN)}
    assert set(Recording.objects.values_list("recording_id", flat=True)) == listed
    assert set(Call.objects.values_list("state", flat=True)) == {"ended"}
    assert not Recording.objects.filter(needs_attention__isnull=False).exists()
    reconcile.run(account, now=timezone.now() + timedelta(minutes=6))
    assert Recording.objects.filter(no_callback_at__isnull=False).count() == 4
