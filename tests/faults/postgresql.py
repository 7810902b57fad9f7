"""A PostgreSQL of a test's own, which can be frozen, stopped and killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tests.ports import free_ports
from tests.waiting import eventually

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process of the server, which may have ended by itself: a child whose work was done."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


class Cluster:
    """One server on a port of its own. PostgreSQL refuses to run as root, so then the user postgres runs it."""

    def __init__(self, folder: Path) -> None:
        if not PROGRAMS:
            pytest.skip("no PostgreSQL server is installed here")
        self.programs, self.data, self.port = PROGRAMS[-1].parent, folder / "data", free_ports()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self.data.mkdir(parents=True)
        if os.geteuid() == 0:
            folder.chmod(0o711)
            subprocess.run(["chown", "postgres", self.data], check=True)
        self._run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        eventually(
            partial(self._starts, options), within=30, every=0.2
        )  # one that was killed must be gone first

    def _starts(self, options: str) -> bool:
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-w", "-s", "-l", str(self.data / "log"), "-o", options, "start")
            return True
        return False

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `immediate` as a power cut does, without a checkpoint."""
        self.thaw()
        self._run("pg_ctl", "-m", mode, "-s", "stop")

    def kill(self) -> None:
        """Kill all its processes with SIGKILL, as the kernel does where memory ends."""
        for pid in self.processes():
            send(pid, signal.SIGKILL)
        (self.data / "postmaster.pid").unlink()

    def freeze(self) -> None:
        """Stop its processes where they are: the machine takes connections and nothing answers."""
        for pid in self.processes():
            send(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self.processes():
            send(pid, signal.SIGCONT)

    def processes(self) -> list[int]:
        """The postmaster and its children."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]

    def create(self, name: str) -> str:
        """Create an empty database; return its URL."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url.removesuffix("postgres") + name

    def _run(self, program: str, *arguments: str) -> None:
        argv = [str(self.programs / program), "-D", str(self.data), *arguments]
        if os.geteuid() == 0:
            argv = ["runuser", "-u", "postgres", "--", *argv]
        # its output goes to a file: the server would hold a pipe open
        with (self.data.parent / f"{program}.log").open("ab") as said:
            subprocess.run(
                argv, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=True, timeout=60
            )


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running cluster, which ends with the block. Not in pytest's folders: those are closed to the user postgres."""
    with TemporaryDirectory(prefix="vobiz-portal-postgresql-") as folder:
        server = Cluster(Path(folder))
        server.start()
        try:
            yield server
        finally:
            if (server.data / "postmaster.pid").exists():
                server.stop()
