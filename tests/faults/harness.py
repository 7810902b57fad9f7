"""One run: a portal of processes, a Vobiz, what happens between them, what goes wrong, and what must hold after."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.faults import invariants
from tests.faults.disturbances import Disturber, small_disk
from tests.faults.life import AWAY, BOSS, PASSWORD, Life, sign_in
from tests.faults.postgresql import cluster
from tests.faults.rig import Rig, clock_library
from tests.waiting import eventually
from vobiz_portal.sandbox.entities import Ledger
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import NotFoundError, SandboxState

ACCOUNTS = ("MA_FAULTS0001", "SA_FAULTS0002", "MA_FAULTS0003")
TOKEN = "a-token-of-the-fault-tests-0123456789"
INDIA = 330  # minutes before UTC
# Seconds by which the portal's clocks are put forward, one after the other, until all is settled: what backs off for
# minutes and hours is then due.
LATER = (0, 75, 240, 480, 900, 1_500, 4_500, 9_000, 18_000, 36_000, 180_000)
COARSE = (0, 900, 4_500, 36_000, 180_000)
AT_MOST = 600.0  # seconds of true time at each of them, while it becomes less
# After five failures the circuit is open; before, the syncs that failed are named.
AWAY_WORDS = ("Vobiz unreachable since", "did not complete")
SETUP = """
from django.contrib.auth.models import User
from django.utils import timezone
from recordings import connect
now, parent = timezone.now(), None
for auth_id in {accounts!r}:
    account, _created = connect.store(auth_id, {token!r}, now=now, name=auth_id,
                                      parent=parent if auth_id.startswith("SA_") else None)
    parent = parent or account
User.objects.create_superuser({boss!r}, "", {password!r})
"""


@dataclass
class Figures:
    """What a run found. `lost`, `double`, `stuck` and `false_green` must be empty, and nothing may be `broken`."""

    seed: int
    database: str
    seconds: float = 0.0
    settled_after: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    false_green: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.double or self.stuck or self.false_green or any(self.broken.values()))

    def as_json(self) -> str:
        return json.dumps({**asdict(self), "clean": self.is_clean}, indent=1)


def run(
    folder: Path,
    *,
    seed: int,
    seconds: float,
    database: str,
    is_short: bool = False,
    prepared: Path | None = None,
    say: Callable[[str], object] = print,
) -> Figures:
    """Make one run and return its figures. `database`: sqlite or postgresql."""
    began, figures = time.monotonic(), Figures(seed, database)
    state = SandboxState(seed=seed, transcript_delay=1.0)
    state.ledger = Ledger(2_000_000)
    state.quirks.max_limit = 20
    main, sub, other = ACCOUNTS
    state.add_account(main, TOKEN, zone_minutes=INDIA)
    state.add_account(sub, TOKEN, parent=main)
    state.add_account(other, TOKEN)
    rng = random.Random(seed)
    for _ in range(25 if is_short else 50):
        state.add_recording(main, age_days=rng.uniform(0.01, 5), duration=rng.randint(1, 8))
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(state, retry_base=0.3))
        server = stack.enter_context(cluster()) if database == "postgresql" else None
        place = stack.enter_context(small_disk(folder / "var"))
        rig = Rig(
            place, api_url=sandbox.api_url, database_url=server.url if server else None,
            prepared=None if server else prepared, VOBIZ_READ_TIMEOUT="1.5", VOBIZ_PAGE_SIZE="20",
        )  # fmt: skip
        stack.callback(rig.stop)
        harness = Harness(rig, sandbox, Disturber(rig, state, server, rng), figures, say)
        harness.set_up()
        harness.disturb(seconds, Life(rig, state, ACCOUNTS, seed))
        harness.settle(COARSE if is_short else LATER)
        harness.judge()
        harness.look_for_false_green(is_short=is_short)
    figures.seconds = round(time.monotonic() - began, 1)
    return figures


class Harness:
    """The parts of a run, in their order."""

    def __init__(
        self, rig: Rig, sandbox: Sandbox, disturber: Disturber, figures: Figures, say: Callable[[str], object]
    ) -> None:
        self.rig, self.sandbox, self.state = rig, sandbox, sandbox.state
        self.disturber, self.figures, self.say = disturber, figures, say
        self.intents: set[str] = set()
        self.offset = 0

    def set_up(self) -> None:
        """Connect the accounts, make one person, start web and worker."""
        if clock_library() is not None:
            self._set_clocks(0)
        script = SETUP.format(accounts=ACCOUNTS, token=TOKEN, boss=BOSS, password=PASSWORD)
        self.rig.manage("shell", "-v0", "-c", script)
        other = ACCOUNTS[2]
        key = self.rig.rows(f"SELECT callback_key FROM recordings_account WHERE auth_id = '{other}'")  # noqa: S608
        address = f"{self.rig.url}/callbacks/account/{key[0]['callback_key']}/"
        self.state.set_flow(other, callback_url=address, transcription_url=address)
        for name in ("web", "worker"):
            self.rig.start(name)

    def disturb(self, seconds: float, life: Life) -> None:
        """Let life go on, and one thing after the other go wrong."""
        counts: Counter[str] = Counter()
        life.begin()
        with suppress(AssertionError):  # faults find nothing to break where nothing has begun
            eventually(lambda: self.state.ledger.of("recording.started"), within=20)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not life.stop.is_set():
            kind = self.disturber.one()
            counts[kind] += 1
            self.say(kind)
        life.end()
        self.intents = life.intents
        self.figures.counts = {**life.counts, **counts}

    def settle(self, offsets: tuple[int, ...]) -> None:
        """Heal everything, and wait until nothing more comes by itself; the clocks are put forward meanwhile."""
        self.state.faults.clear()
        for call in list(self.state.calls.values()):
            with suppress(NotFoundError):  # it has ended by itself meanwhile
                self.state.hang_up(call.call_uuid)
        if clock_library() is not None:  # the clocks are put right first
            self._set_clocks(0)
        for name in ("web", "worker"):
            self.rig.start(name)
        self.sandbox.outbox.drain(30)
        left: list[str] = ["not looked at"]
        offsets = offsets if clock_library() is not None else offsets[:1]
        for later in offsets:
            if later:
                self._set_clocks(later)
                with suppress(Exception):
                    self.rig.manage("sync_recordings", "--full", check=False)
            left = self._wait_for_settled(40 if later == offsets[-1] else 8)
            self.say(f"{later} s later: {len(left)} unsettled {left[:3]}")
            if not left:
                self.figures.settled_after = f"{later} s of the portal's time"
                return
        for one in left:
            (self.figures.stuck if "open" in one or "event" in one else self.figures.lost).append(one)

    def _wait_for_settled(self, patience: float) -> list[str]:
        """Return what is unsettled as soon as that is nothing, or has not become less for `patience` seconds."""
        end, least, since = time.monotonic() + AT_MOST, 10**9, time.monotonic()
        left: list[str] = []
        while time.monotonic() < end:
            with suppress(*AWAY):
                left = invariants.unsettled(self.rig, self.state)
                if not left:
                    return []
                if len(left) < least:
                    least, since = len(left), time.monotonic()
                held = self.rig.rows("SELECT id FROM recordings_recording WHERE leased_by IS NOT NULL")
                if time.monotonic() - since > max(patience, 35 if held and self.disturber.cluster else 0):
                    return left
            time.sleep(0.5)
        return left

    def judge(self) -> None:
        """Ask the invariants."""
        found = invariants.broken(self.rig, self.state, self.intents)
        self.figures.broken = found
        self.figures.lost += found["I1"]
        self.figures.double += found["I2"]
        tried = self.state.ledger.of("callback.tried")
        starts = [e for e in self.state.ledger.of("request") if e.detail["operation"] == "record.start"]
        answers = self.rig.rows(
            "SELECT start_answer FROM recordings_recording WHERE requested_at IS NOT NULL"
        )
        self.figures.counts |= {
            "callbacks acknowledged": sum(entry.detail["status"] == 200 for entry in tried),
            "callbacks answered 503 or not at all": sum(
                entry.detail["status"] not in {200, 403} for entry in tried
            ),
            "starts that reached Vobiz": len(starts),
            "starts with an unknown outcome": sum(row["start_answer"] == "unknown" for row in answers),
            "recordings at Vobiz": len(invariants.all_at_vobiz(self.state)),
            "files archived and compared": len(
                self.rig.rows("SELECT id FROM recordings_recording WHERE archived_at IS NOT NULL")
            ),
        }

    def look_for_false_green(self, *, is_short: bool) -> None:
        """I7: make what must be seen, one after the other, and read the overview until it says so."""
        if clock_library() is None:
            return
        browser = sign_in(self.rig)

        def overview() -> str:
            with suppress(*AWAY):
                return browser.get(f"{self.rig.url}/admin/", timeout=20).text
            return ""

        if not is_short:  # it takes five failures, with a rest after each
            fault = self.state.faults.plan(Fault(on="*", times=None, status=503))
            self._expect(AWAY_WORDS, overview, "Vobiz is away")
            self.state.faults.clear(fault.fault_id)
            self._expect(AWAY_WORDS, overview, "Vobiz is back", said=False)
        self.rig.kill("worker")
        self._expect(("No worker is running",), overview, "the worker is dead")
        self.rig.start("worker")
        self._expect(("No worker is running",), overview, "the worker is back", said=False)
        archive = self.rig.folder / "archive"
        archive.rename(self.rig.folder / "archive-away")
        archive.touch()
        # New by the portal's clock, which was put forward: a sync of the newest reads nothing that is days old to it.
        self.state.add_recording(ACCOUNTS[0], age_days=0.01 - self.offset / 86_400, duration=2)
        self._expect(("Archiving is stopped",), overview, "the storage is away")
        archive.unlink()
        (self.rig.folder / "archive-away").rename(archive)
        self._expect(("Archiving is stopped",), overview, "the storage is back", said=False)

    def _expect(
        self, words: tuple[str, ...], overview: Callable[[], str], what: str, *, said: bool = True
    ) -> None:
        """Wait until the overview says it, or says it no more; clocks go on meanwhile."""
        end = time.monotonic() + 90
        while time.monotonic() < end:
            page = overview()
            if page and any(one in page for one in words) == said:
                self.say(f"the overview was right when {what}")
                return
            self._set_clocks(self.offset + 70)
            time.sleep(1.5)
        self.figures.false_green.append(
            f"{what}: the overview {'does not say' if said else 'still says'} {words!r}"
        )

    def _set_clocks(self, seconds: int) -> None:
        self.offset = seconds
        for name in ("web", "worker"):
            self.rig.set_clock(name, seconds)
