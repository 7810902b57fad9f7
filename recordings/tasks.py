"""What runs outside a request, and in which order the verbs follow each other there."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import close_old_connections, connection
from django.utils import timezone

from recordings import reconcile, sync
from recordings.models import Account, SyncRun
from recordings.reconcile import Settled

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Synced:
    """How a sync and the settling after it ended; `run` is None where nothing is written down (a dry run)."""

    tally: sync.Tally
    run: SyncRun | None
    settled: Settled | None
    already_running: bool = False


def sync_account(
    account: Account, scope: sync.Scope, *, by: User | None, progress: sync.Progress | None = None
) -> Synced:
    """Sync now, then settle what is due: read-backs after callbacks, callbacks not applied yet."""
    run = None
    if not scope.dry_run:
        run = SyncRun.objects.begin(account, now=timezone.now(), scope=scope.as_json(), by=by)
        if run is None:
            return Synced(sync.Tally(), None, None, already_running=True)
    return _carry_out(account, scope, run, progress)


def sync_in_background(account: Account, scope: sync.Scope, *, by: User | None) -> tuple[SyncRun, bool]:
    """Begin a sync that goes on after the request that asked for it. The run, and whether it is a new one.

    It lives in a thread of this process: should the process end, the run's lease ends too and the run is shown
    as interrupted; what it had read is kept.
    """
    run = SyncRun.objects.begin(account, now=timezone.now(), scope=scope.as_json(), by=by)
    if run is None:
        running = SyncRun.objects.running().filter(account=account).first()
        if running is not None:
            return running, False
        return sync_in_background(account, scope, by=by)  # the other ended this very moment
    threading.Thread(
        target=_in_thread, args=(account, scope, run), name=f"sync-{run.pk}", daemon=True
    ).start()
    return run, True


def _in_thread(account: Account, scope: sync.Scope, run: SyncRun) -> None:
    close_old_connections()
    try:
        _carry_out(account, scope, run, None)
    except Exception:
        logger.exception("Sync run %s stopped", run.pk)
    finally:
        connection.close()


def _carry_out(
    account: Account, scope: sync.Scope, run: SyncRun | None, progress: sync.Progress | None
) -> Synced:
    tally = sync.run(account, scope, now=timezone.now(), sync_run=run, progress=progress)
    settled = None
    if not scope.dry_run and tally.pages:
        settled = reconcile.settle(account, now=timezone.now())
    return Synced(tally, run, settled)
