"""`manage.py worker` as an operator starts it: processes of their own, on the test's database and sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recordings.models import Worker
from tests.commands.shell import MANAGE, environment
from tests.waiting import eventually


@dataclass
class Process:
    """One `manage.py worker`."""

    popen: subprocess.Popen[bytes]
    log: Path

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def ended(self, *, within: float = 60.0) -> int:
        """Its exit status, once it has ended."""
        return self.popen.wait(timeout=within)

    @property
    def worker(self) -> Worker:
        """Its own row."""
        row: Worker = Worker.objects.get(name__contains=f":{self.popen.pid}:")
        return row


Begin = Callable[..., Process]


@contextmanager
def workers(folder: Path) -> Iterator[Begin]:
    """A way to begin them, with `more` in their environment; none outlives the block. Their logs are in `folder`."""
    begun: list[Process] = []

    def begin(**more: str) -> Process:
        log = folder / f"worker-{len(begun)}.log"
        with log.open("wb") as said:
            popen = subprocess.Popen(
                [sys.executable, str(MANAGE), "worker"],
                env=environment(**more), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
        process = Process(popen, log)
        begun.append(process)
        eventually(lambda: _is_up(process))
        return process

    try:
        yield begin
    finally:
        for process in begun:
            if process.popen.poll() is None:
                process.popen.kill()
            process.popen.wait()
            if os.environ.get("SHOW_WORKERS"):
                print(process.log.read_text())  # noqa: T201


def _is_up(process: Process) -> bool:
    assert process.popen.poll() is None, process.log.read_text()
    return Worker.objects.filter(name__contains=f":{process.popen.pid}:", swept_at__isnull=False).exists()
