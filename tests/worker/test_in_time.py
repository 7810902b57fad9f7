"""How long things take with real workers as they are set by default, and real leases: nothing here moves a clock."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from django.utils import timezone

from recordings import control, sync
from recordings.choices import RecordingStatus
from recordings.models import Account, Call, Recording
from recordings.sync import SyncRequest
from tests.conftest import MAIN
from tests.ledger import asked
from tests.waiting import eventually
from tests.worker.test_processes import (
    OPTIONS,
    all_completed,
    due_for_read_back,
    nothing_to_sync,
    times_asked,
)
from tests.workers import Begin
from vobiz_portal.sandbox.entities import Call as CallAtVobiz
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

# Waits of the schedule, in seconds; leases and wake-ups on each engine are in test_once, test_processes, test_queues.
pytestmark = [pytest.mark.once, pytest.mark.long(waits=True)]
SETTLED_WITHIN = 90.0  # seconds of Vobiz answering again
DONE_WITHIN = 60.0  # seconds of a worker being there


@pytest.fixture
def by_default(begin: Begin, tmp_path: Path) -> Begin:
    """Workers that look as often as they do where nobody has set it."""
    return lambda: begin(SWEEP_SECONDS="15", VAR_DIR=str(tmp_path / "var"))


def started_twice_on_the_first(world: SandboxState, account: Account) -> list[CallAtVobiz]:
    """Four recordings of three calls, of whose beginning no answer came."""
    calls = [world.place_call(MAIN) for _ in range(3)]
    for call in [*calls, calls[0]]:
        row = Call.objects.obtain(account, call.call_uuid)
        begun = control.start(row, OPTIONS, by=None, now=timezone.now())
        assert begun.status == RecordingStatus.REQUESTED
    return calls


def test_starts_of_unknown_outcome_settle_once_vobiz_answers_again(
    account: Account, world: SandboxState, by_default: Begin
) -> None:
    nothing_to_sync(account)
    world.callbacks.muted = True
    world.faults.plan(Fault(on="record.start", drop="after", times=None))
    calls = started_twice_on_the_first(world, account)
    away = world.faults.plan(Fault(on="*", drop="before", times=None))
    worker = by_default()
    eventually(lambda: "could not be checked" in worker.log.read_text())  # so it rests for a while
    for call in calls:
        world.hang_up(call.call_uuid)
    assert not Recording.objects.exclude(status=RecordingStatus.REQUESTED).exists()

    world.faults.clear(away.fault_id)
    eventually(all_completed, within=SETTLED_WITHIN)
    assert len(asked(world, "record.start")) == Recording.objects.count() == 4
    listed = {one.recording_id for one in world.recordings_of(MAIN)}
    assert set(Recording.objects.values_list("recording_id", flat=True)) == listed
    assert not Recording.objects.filter(needs_attention__isnull=False).exists()


def test_what_a_killed_worker_had_in_hand_is_done_once_another_is_there(
    account: Account, world: SandboxState, by_default: Begin, now: datetime
) -> None:
    for _ in range(4):
        world.add_recording(MAIN, age_days=1, duration=3)
    sync.run(account, SyncRequest(full=True), now=now, sync_run=None)
    nothing_to_sync(account)
    Account.objects.update(archive_automatically=True)
    read_back = due_for_read_back(account, world, 2)
    settling, archiving = threading.Event(), threading.Event()
    world.faults.plan(
        Fault(on="recording.retrieve", path=f"*{read_back[0].recording_id}*", first=lambda _: settling.set(),
              delay_before=30)
    )  # fmt: skip
    world.faults.plan(Fault(on="media.get", first=lambda _: archiving.set(), delay_before=30))
    killed = by_default()
    assert settling.wait(60)
    assert archiving.wait(60)
    killed.send(signal.SIGKILL)
    assert killed.ended() == -signal.SIGKILL
    rows = Recording.objects.filter(leased_until__gt=timezone.now(), archived_at=None)
    in_hand = set(rows.values_list("recording_id", flat=True))
    assert in_hand

    by_default()
    done = Recording.objects.filter(status=RecordingStatus.COMPLETED, archived_at__isnull=False)
    eventually(lambda: done.count() == 6, within=DONE_WITHIN)
    assert (
        max(times_asked(world).values()) <= 3
    )  # read back twice at most, and asked for once more to be archived
    fetched = Counter(str(entry.detail["path"]) for entry in asked(world, "media.get"))
    assert (len(fetched), max(fetched.values())) == (6, 2)
    again = [path for path, times in fetched.items() if times == 2]  # only what was in hand
    assert all(any(str(one) in path for one in in_hand) for path in again)
