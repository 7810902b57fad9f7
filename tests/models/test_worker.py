"""Workers are heard of by the database's clock, so that their machines need not agree on the time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from recordings import overview, tasks
from recordings.models import Worker
from recordings.worker.maintenance import Maintenance

OFF = pytest.mark.parametrize("off", [timedelta(minutes=-10), timedelta(minutes=10)], ids=["behind", "ahead"])


def set_clock(monkeypatch: pytest.MonkeyPatch, off: timedelta) -> None:
    """This machine's clock is `off` from the database's."""
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + off)


def is_recent(at: datetime | None) -> bool:
    return at is not None and abs(timezone.now() - at) < timedelta(seconds=30)


@OFF
def test_a_worker_whose_clock_is_wrong_is_alive_for_all_others(
    db: None, monkeypatch: pytest.MonkeyPatch, off: timedelta
) -> None:
    with monkeypatch.context() as there:
        set_clock(there, off)
        Worker.objects.heartbeat(tasks.WORKER_ID)
        Maintenance()()
        Worker.objects.heartbeat(tasks.WORKER_ID)
        assert Worker.objects.alive().count() == 1

    worker = Worker.objects.alive().get()
    assert is_recent(worker.heard_at)
    assert is_recent(worker.started_at)
    assert is_recent(worker.swept_at)


@OFF
def test_whoever_looks_with_a_wrong_clock_sees_who_is_alive(
    admin_user: User, monkeypatch: pytest.MonkeyPatch, off: timedelta
) -> None:
    now = timezone.now()
    silent = Worker.objects.create(name="silent", started_at=now, heard_at=now - timedelta(seconds=70))
    Worker.objects.create(name="stopped", started_at=now, heard_at=now, stopped_at=now)
    alive = Worker.objects.create(name="alive", started_at=now, heard_at=now - timedelta(seconds=30))
    forgotten = Worker.objects.create(
        name="old", started_at=now, heard_at=now - timedelta(hours=24, seconds=9)
    )
    young = Worker.objects.create(
        name="young", started_at=now, heard_at=now - timedelta(hours=23, minutes=59)
    )

    set_clock(monkeypatch, off)
    assert overview.background(admin_user, timezone.now()).workers == 1
    assert list(Worker.objects.alive()) == [alive]
    Maintenance()()
    assert not Worker.objects.filter(pk=forgotten.pk).exists()
    assert Worker.objects.filter(pk__in=[silent.pk, young.pk]).count() == 2
