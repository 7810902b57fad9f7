"""What goes wrong, chosen by a seed: faults of Vobiz, kills, outages of database, storage and disk, clocks."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.faults.postgresql import Cluster
from tests.faults.rig import Rig, clock_library
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

KEPT_FREE = 1_024  # MB that must stay free for the archive to go on
DISK = KEPT_FREE + 512  # MB: room for all that a long run archives
TEN_MINUTES = 600


def nulls(answer: Any) -> Any:
    """Answer every field of every row null."""
    if isinstance(answer, dict) and isinstance(answer.get("objects"), list):
        return answer | {"objects": [dict.fromkeys(row) for row in answer["objects"]]}
    return answer


def other_types(answer: Any) -> Any:
    """Answer every number as a list, and every text as a number."""
    if isinstance(answer, dict) and isinstance(answer.get("objects"), list):
        rows = [{name: [value] if isinstance(value, int | float) else 7 for name, value in row.items()}
                for row in answer["objects"]]  # fmt: skip
        return answer | {"objects": rows}
    return answer


# Each makes one small fault, before the effect or after it, on the wire or in what is listed.
FAULTS: tuple[Callable[[random.Random], Fault], ...] = (
    lambda _: Fault(on="record.start", drop="before"),
    lambda _: Fault(on="record.start", drop="after"),
    lambda _: Fault(on="record.start", stage="after", status=502, reply="html"),
    lambda _: Fault(on="record.start", stage="after", reply="garbage"),
    lambda rng: Fault(on="record.start", status=rng.choice([400, 402, 429, 500])),
    lambda rng: Fault(on="record.start", delay_after=rng.uniform(0, 3)),
    lambda _: Fault(on="record.start", quirks={"async_start": True}),
    lambda _: Fault(on="record.stop", drop="before"),
    lambda _: Fault(on="record.stop", drop="after"),
    lambda rng: Fault(on="record.stop", status=rng.choice([404, 500, 503])),
    lambda rng: Fault(on="record.stop", delay_after=rng.uniform(0, 3)),
    lambda rng: Fault(on="recording.list", skip=rng.randint(0, 3), status=rng.choice([429, 500, 503])),
    lambda rng: Fault(on="recording.list", skip=rng.randint(0, 3), reply=rng.choice(
        ["garbage", "cut_json", "html", "empty", "error_200", "list", "deep"])),
    lambda rng: Fault(on="recording.list", skip=rng.randint(0, 3), cut=rng.randint(1, 2_000)),
    lambda rng: Fault(on="recording.list", skip=rng.randint(0, 3), drop=rng.choice(["before", "after"])),
    lambda rng: Fault(on="recording.list", skip=rng.randint(0, 3), edit=rng.choice([nulls, other_types])),
    lambda rng: Fault(on="recording.list", times=3, drift={"insert": rng.randint(0, 3), "delete": rng.randint(0, 1)}),
    lambda rng: Fault(on="recording.list", times=3, drift={"delete_oldest": 1}, quirks={"max_limit": 7}),
    lambda rng: Fault(on="recording.retrieve", status=rng.choice([404, 429, 500])),
    lambda _: Fault(on="recording.retrieve", drop="before"),
    lambda rng: Fault(on="call.list", status=rng.choice([429, 500])),
    lambda rng: Fault(on="media.get", status=rng.choice([401, 403, 404, 500, 503])),
    lambda rng: Fault(on="media.get", cut=rng.randint(1, 20_000), no_length=rng.random() < 0.5),
    lambda _: Fault(on="media.get", drop="before"),
    lambda _: Fault(on="media.get", stage="after", status=200, reply="html"),
    lambda _: Fault(on="media.get", gzip=True),
    lambda rng: Fault(on="callback.*", times=2, duplicate=rng.randint(1, 3)),
    lambda rng: Fault(on="callback.*", times=2, delay=rng.uniform(0.5, 4)),
    lambda _: Fault(on="callback.*", reorder=True),
    lambda _: Fault(on="callback.*", mute=True),
    lambda _: Fault(on="callback.*", unsigned=True),
    lambda rng: Fault(on="callback.*", encoding=rng.choice(["json", "get"])),
    lambda rng: Fault(on="callback.*", schemes=(rng.choice(["v2", "v3"]),)),
)  # fmt: skip


class Disturber:
    """Makes one disturbance after the other."""

    def __init__(self, rig: Rig, state: SandboxState, cluster: Cluster | None, rng: random.Random) -> None:
        self.rig, self.state, self.cluster, self.rng = rig, state, cluster, rng
        self.kinds: dict[str, Callable[[], None]] = {
            "small faults of Vobiz": self.small_faults,
            "kills of web": lambda: self.kill("web"),
            "kills of the worker": lambda: self.kill("worker"),
            "outages of Vobiz": self.vobiz_away,
            "outages of the storage": self.storage_away,
            "callbacks muted": self.muted,
        }
        if clock_library() is not None:
            self.kinds["clocks set wrong"] = self.skew
        if cluster is None:
            self.kinds["outages of the database: locked"] = self.locked
        else:
            self.kinds["outages of the database: frozen"] = self.frozen
            self.kinds["outages of the database: killed"] = self.killed
        if is_mounted(rig.folder):
            self.kinds["disks full"] = self.disk_full

        self._deck: list[str] = []

    def one(self) -> str:
        """Make one that the seed chooses, each kind as often as the others; return its kind."""
        if not self._deck:
            self._deck = sorted(self.kinds)
            self.rng.shuffle(self._deck)
        kind = self._deck.pop()
        self.kinds[kind]()
        if kind != "small faults of Vobiz":
            self.small_faults()
        return kind

    def hold(self, longest: float = 3.0) -> None:
        """Wait, while it lasts."""
        time.sleep(self.rng.uniform(0.2, longest))

    def small_faults(self) -> None:
        for _ in range(self.rng.randint(1, 4)):
            self.state.faults.plan(self.rng.choice(FAULTS)(self.rng))
        self.hold(1)

    def kill(self, name: str) -> None:
        self.rig.kill(name)
        self.hold(1)
        self.rig.start(name)

    def vobiz_away(self) -> None:
        how: dict[str, Any] = self.rng.choice(
            [{"drop": "before"}, {"status": 503}, {"status": 429}, {"drop": "after"}]
        )
        fault = self.state.faults.plan(
            Fault(on=self.rng.choice(["*", "media.get", "record*"]), times=None, **how)
        )
        self.hold()
        self.state.faults.clear(fault.fault_id)

    def storage_away(self) -> None:
        """The archive's folder is no folder any more, as where a share is not mounted."""
        archive, aside = self.rig.folder / "archive", self.rig.folder / "archive-away"
        archive.mkdir(mode=0o700, exist_ok=True)
        archive.rename(aside)
        archive.touch()
        self.hold()
        archive.unlink()
        aside.rename(archive)

    def muted(self) -> None:
        self.state.callbacks.muted = True
        self.hold(2)
        self.state.callbacks.muted = False

    def skew(self) -> None:
        """Up to ten minutes off: all processes of one machine alike, those beside a PostgreSQL each by itself."""
        off = self.rng.randint(-TEN_MINUTES, TEN_MINUTES)
        self.rig.set_clock("web", off)
        self.rig.set_clock(
            "worker", off if self.cluster is None else self.rng.randint(-TEN_MINUTES, TEN_MINUTES)
        )

    def locked(self) -> None:
        with suppress(sqlite3.OperationalError), self.rig.database_locked(patience=3):
            self.hold()

    def frozen(self) -> None:
        assert self.cluster is not None
        self.cluster.freeze()
        self.hold()
        self.cluster.thaw()

    def killed(self) -> None:
        assert self.cluster is not None
        self.cluster.kill()
        self.hold(2)
        self.cluster.start()

    def disk_full(self) -> None:
        """Nothing is left for database and archive; or less than must stay free, and only archiving stops."""
        ballast = self.rig.folder / "ballast"
        free = os.statvfs(self.rig.folder)
        left = free.f_bavail * free.f_frsize
        size = left if self.rng.random() < 0.5 else left - KEPT_FREE * 2**19
        with suppress(OSError), ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
        self.hold()
        ballast.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A small file system of its own in `folder`, where this process may mount one; else the folder as it is."""
    folder.mkdir(exist_ok=True)
    argv = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m,mode=700", "tmpfs", str(folder)]
    mounted = subprocess.run(argv, capture_output=True, check=False).returncode == 0
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def is_mounted(folder: Path) -> bool:
    return folder.is_mount()
