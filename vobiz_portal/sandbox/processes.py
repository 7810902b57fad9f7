"""Supervision of child processes: started, watched and ended together, so that none is left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

POLL_INTERVAL = 0.1  # seconds between two looks at the children
STOP_TIMEOUT = 8.0  # seconds a child has, once it is asked, to end by itself
LAST_LINES = 15
_LIBC = ctypes.CDLL(None)


class StopRequestedError(Exception):
    """Ctrl-C, SIGTERM or SIGHUP came while children were started or waited for."""


class ProcessFailedError(Exception):
    """A child ended that should not have, or failed at what it was started for. The text is for people."""


class ChildProcess:
    """One process, in a group of its own: a Ctrl-C reaches its parent, which then asks it to end.

    What it says on stderr is in `log`, which is begun anew; what it says on stdout is its `answer`.
    """

    def __init__(
        self, name: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115 - read when the process has ended
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - commands of our own
                argv,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=self._answer,
                stderr=handle,
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        finally:
            os.close(handle)

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs, below 0 when a signal ended it."""
        return self._process.poll()

    def answer(self) -> str:
        """Return the stdout so far."""
        self._answer.seek(0)
        return self._answer.read().decode("utf-8", "replace")

    def failure(self) -> ProcessFailedError:
        """Return the error for an unexpected end, with the last lines of stderr."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        words = "".join(f"\n    {line}" for line in lines) or "\n    (it said nothing)"
        how = f"exit {self.status}" if (self.status or 0) >= 0 else f"signal {-(self.status or 0)}"
        return ProcessFailedError(
            f"The {self.name} ended unexpectedly ({how}). Its last words, in {self.log}:{words}"
        )

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole process group; ignore a group that is gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def end(self, force: threading.Event) -> None:
        """Send SIGINT, then SIGTERM, then SIGKILL, and wait for the end; kill at once where `force` is set."""
        for number, seconds in ((signal.SIGINT, STOP_TIMEOUT), (signal.SIGTERM, 2.0)):
            deadline = time.monotonic() + seconds
            if self.status is None and not force.is_set():
                self.send(number)
            while self.status is None and not force.is_set() and time.monotonic() < deadline:
                force.wait(POLL_INTERVAL / 2)
        self.send(signal.SIGKILL)  # also what it may have left behind in its group
        self._process.wait()
        self._answer.close()


class ProcessGroup:
    """Starts children from one folder and environment, waits for them, and ends them all."""

    def __init__(self, *, cwd: Path, env: Mapping[str, str], logs: Path) -> None:
        self._cwd = cwd
        self._env = env
        self._logs = logs
        self._children: list[ChildProcess] = []
        self._stop = threading.Event()
        self._force = threading.Event()

    def listen_to_signals(self) -> None:
        """Handle Ctrl-C, SIGTERM and SIGHUP: the first asks to stop, the second kills the children."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        (self._force if self._stop.is_set() else self._stop).set()

    def start(self, name: str, argv: Sequence[str], extra: Mapping[str, str] | None = None) -> ChildProcess:
        """Start a child; only this child gets `extra`, so that it can hold secrets."""
        log = self._logs / f"{name.replace(' ', '-')}.log"
        child = ChildProcess(name, argv, cwd=self._cwd, env=dict(self._env) | dict(extra or {}), log=log)
        self._children.append(child)
        return child

    def finish(self, child: ChildProcess) -> str:
        """Wait for a child to end and return its stdout; raise ProcessFailedError if it failed."""
        self.wait(lambda: child.status is not None)
        if child.status != 0:
            raise child.failure()
        return child.answer()

    def wait_until_up(self, child: ChildProcess, answers: Callable[[], bool], within: float) -> None:
        """Wait until `answers()`; raise ProcessFailedError if the child ends first, or after `within` seconds."""
        deadline = time.monotonic() + within
        self.wait(lambda: child.status is not None or answers() or time.monotonic() > deadline)
        if child.status is not None:
            raise child.failure()
        if time.monotonic() > deadline:
            raise ProcessFailedError(
                f"The {child.name} did not answer within {within:.0f} s. Its log: {child.log}"
            )

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait until `until()`; raise StopRequestedError when a signal asks to stop first."""
        while not until():
            if self._stop.wait(POLL_INTERVAL):
                raise StopRequestedError

    def end_all(self) -> None:
        """End every child, the last started first."""
        while self._children:
            self._children.pop().end(self._force)


def _end_with_parent() -> None:
    """Ask Linux, in the child, to signal it when the parent dies, so that no port stays in use."""
    set_parent_death_signal = 1
    _LIBC.prctl(set_parent_death_signal, signal.SIGTERM)
