"""Archive all due recordings, those nearest to expiry first, in several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import close_old_connections, connection
from django.db.models import OuterRef, Subquery

from recordings import storage
from recordings.archive.copying import archive_leased
from recordings.archive.fetching import check_space
from recordings.archive.outcomes import LeaseLostError, Outcome, Result
from recordings.archive.reinspection import inspect_again
from recordings.audio import READER_VERSION
from recordings.clock import Clock
from recordings.models import Account, Recording
from recordings.models.recording.queryset import AVAILABLE_SINCE
from recordings.provider import client_for
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import NotConnectedError

INSPECTED_AT_ONCE = 500  # copies that a crash left without a waveform, or an older reader judged


@dataclass(slots=True)
class AccountCounts:
    """What a run did for one account. `failed`: attempts that failed by the recording's own fault.

    `bytes`: archived. `stopped`: why the account's circuit is open. `last_failure`: for people.
    """

    archived: int = 0
    failed: int = 0
    gone: int = 0
    not_ready: int = 0
    bytes: int = 0
    stopped: str | None = None
    last_failure: str = ""

    def note(self, outcome: Outcome) -> None:
        """Count one outcome."""
        match outcome.result:
            case Result.ARCHIVED:
                self.archived += 1
                self.bytes += outcome.size
                self.stopped = None
            case Result.FAILED:
                self.failed += 1
                self.last_failure = outcome.words
            case Result.GONE:
                self.gone += 1
            case Result.NOT_READY:
                self.not_ready += 1
            case Result.PAUSED:
                self.stopped = outcome.words


@dataclass(slots=True)
class Report:
    """What a run did, by Auth ID. Other threads read it for progress while it grows."""

    accounts: dict[str, AccountCounts]

    @property
    def archived(self) -> int:
        """Number of recordings archived."""
        return sum(counts.archived for counts in self.accounts.values())

    @property
    def failed(self) -> int:
        """Number of attempts that failed by the recording's own fault."""
        return sum(counts.failed for counts in self.accounts.values())

    @property
    def bytes(self) -> int:
        """Number of bytes archived."""
        return sum(counts.bytes for counts in self.accounts.values())

    @property
    def tried(self) -> int:
        """Number of recordings attempted, without those at which an account was paused."""
        return sum(
            counts.archived + counts.failed + counts.gone + counts.not_ready
            for counts in self.accounts.values()
        )

    @property
    def stopped(self) -> dict[str, str]:
        """Why archiving is paused, by Auth ID."""
        return {auth_id: counts.stopped for auth_id, counts in self.accounts.items() if counts.stopped}


Progress = Callable[[Report], None]


def run(
    accounts: Collection[Account],
    *,
    limit: int | None,
    workers: int,
    by: str,
    now: datetime,
    progress: Progress | None = None,
    only: Collection[int] | None = None,
    automatic: bool = False,
    stop: threading.Event | None = None,
) -> Report:
    """Archive what is due of these accounts until nothing is, at most `limit` recordings.

    `by`: who has the leases; unlike any other's. `only`: of these primary keys alone, whether or not they are due.
    `automatic`: of accounts that are not archived automatically only what a person asked for.
    `stop`: once set, what is in hand is finished and nothing begun. An inactive account is not archived.
    """
    by_turn = {account.pk for account in accounts if account.archive_automatically or not automatic}
    chosen, stop = None if only is None else set(only), stop or threading.Event()
    report = Report({account.auth_id: AccountCounts() for account in accounts})
    running = _Run(tuple(accounts), by_turn, limit, by, Clock(now), progress, chosen, stop, report)
    storage_is_there = running.sweep()
    Recording.objects.make_refused_due(READER_VERSION)
    try:
        if storage_is_there and workers <= 1:
            running.work(0)
        elif storage_is_there:
            with ThreadPoolExecutor(workers, thread_name_prefix="archive") as pool:
                running.join([pool.submit(running.work_in_thread, at) for at in range(workers)])
    finally:
        running.close()
    if storage_is_there and only is None:  # our copies first
        inspect_again(running.clock.now(), limit=INSPECTED_AT_ONCE, by=by, stop=stop)
    return report


@dataclass(slots=True, eq=False)
class _Run:
    accounts: tuple[Account, ...]
    by_turn: set[int]
    left: int | None
    by: str
    clock: Clock
    progress: Progress | None
    only: set[int] | None
    stop: threading.Event
    report: Report
    broken: threading.Event = field(default_factory=threading.Event)
    """This run is interrupted: what is in hand is dropped."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _clients: dict[int, VobizClient] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    def sweep(self) -> bool:
        """Delete the staging files of killed processes. Return False if the storage is unusable."""
        try:
            storage.sweep_leftovers()
            check_space()
        except storage.StorageError as error:
            self._pause_all(error)
            return False
        return True

    def join(self, futures: list[Any]) -> None:
        """Wait for all threads. On an interrupt they abandon their current recording."""
        try:
            left = set(futures)
            while left:  # in short waits, so that Ctrl-C is heard whichever thread it reaches
                done, left = wait(left, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
        except BaseException:
            self.broken.set()
            raise

    def work_in_thread(self, at: int) -> None:
        """Run `work` with this thread's own database connection, and close it."""
        close_old_connections()
        try:
            self.work(at)
        finally:
            connection.close()

    def work(self, at: int) -> None:
        """Archive one recording after another until nothing is due."""
        by = f"{self.by}-{at}"
        while not (self.stop.is_set() or self.broken.is_set()) and (pk := self._take(by)) is not None:
            account = Account.objects.filter(recording=pk).select_related("parent").first()
            client = self._client_of(account) if account is not None else None
            outcome = archive_leased(pk, by=by, clock=self.clock, client=client, may_go_on=self._may_go_on)
            if account is not None:
                self._note(account, outcome)

    def close(self) -> None:
        """Close the connections to Vobiz."""
        self._open.close()

    def _may_go_on(self) -> None:
        if self.broken.is_set():
            raise LeaseLostError

    def _take(self, by: str) -> int | None:
        """Lease the next recording; return None when nothing is due or the limit is reached."""
        with self._lock:
            if self.left is not None and self.left <= 0:
                return None
            try:
                check_space()
            except storage.StorageError as error:
                self._pause_all(error)
                return None
            pk = self._lease(by)
            if pk is not None and self.left is not None:
                self.left -= 1
            return pk

    def _lease(self, by: str) -> int | None:
        now = self.clock.now()
        known = {account.pk: account for account in self.accounts}
        paused = Account.objects.active().filter(pk__in=known, archive_pause__isnull=False)
        for account in paused:
            self.report.accounts[account.auth_id].stopped = account.archive_pause
            if not account.claim_archive_probe(now=now):
                continue
            if (pk := self._first(by, [account], now)) is not None:
                return pk
            left = Recording.objects.available_to_archive().filter(account=account)
            if left.by_expiry([account]).first() is None:
                account.close_archive_circuit()  # nothing is left that it could stop
                self.report.accounts[account.auth_id].stopped = None
        free = [
            known[pk] for pk in Account.objects.archiving().filter(pk__in=known).values_list("pk", flat=True)
        ]
        return self._first(by, free, now) if free else None

    def _first(self, by: str, accounts: Collection[Account], now: datetime) -> int | None:
        if self.only is None:
            by_turn = [account for account in accounts if account.pk in self.by_turn]
            rows = Recording.objects
            taken = rows.archive_requested(now, accounts).lease(by, limit=1)
            for account in _soonest(by_turn, now) if not taken else []:
                taken = taken or rows.due_for_archive(now, [account]).lease(by, limit=1)
        else:
            chosen = Recording.objects.filter(pk__in=self.only, account__in=accounts)
            taken = chosen.available_to_archive().by_expiry(accounts).lease(by, limit=1)
            self.only.difference_update(taken)
        return taken[0] if taken else None

    def _client_of(self, account: Account) -> VobizClient | None:
        """Return the account's client, shared by all threads; None, after reporting why, if there cannot be one."""
        with self._lock:
            if account.pk not in self._clients:
                try:
                    client = client_for(account)
                except NotConnectedError:
                    return None
                self._clients[account.pk] = self._open.enter_context(client)
            return self._clients[account.pk]

    def _note(self, account: Account, outcome: Outcome) -> None:
        with self._lock:
            if account.archive_pause is not None and outcome.result not in (Result.ARCHIVED, Result.PAUSED):
                # this one could not tell; the next one may
                account.schedule_archive_probe(now=self.clock.now())
            # a recording may have turned out to be a sub-account's, which the run was not asked for
            self.report.accounts.setdefault(account.auth_id, AccountCounts()).note(outcome)
            if self.progress is not None:
                self.progress(self.report)

    def _pause_all(self, error: storage.StorageError) -> None:
        """Pause every account: a storage error concerns them all."""
        for account in self.accounts:
            account.open_archive_circuit(str(error), now=self.clock.now())
            self.report.accounts[account.auth_id].stopped = str(error)


def _soonest(accounts: Collection[Account], now: datetime) -> list[Account]:
    """Return the accounts that have anything due, that of the recording which expires first before the others.

    Each account is asked by itself: the few that are due may stand behind a million of accounts that are not archived.
    """
    if len(accounts) <= 1:
        return list(accounts)
    due = Recording.objects.available_to_archive().due(now).free().filter(account=OuterRef("pk"))
    first = due.annotate(kept_from=AVAILABLE_SINCE).order_by("kept_from", "pk").values("kept_from")[:1]
    rows = Account.objects.filter(pk__in=[account.pk for account in accounts]).order_by()
    kept_from = dict(rows.annotate(kept_from=Subquery(first)).values_list("pk", "kept_from"))
    having = [account for account in accounts if kept_from.get(account.pk) is not None]
    return sorted(having, key=lambda account: kept_from[account.pk] + timedelta(days=account.retention_days))
