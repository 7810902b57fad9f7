"""A portal of processes for the fault tests: its web server and commands, on a database of their own."""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import requests
from psycopg.rows import dict_row

from tests.ports import free_ports
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-of-the-fault-tests-with-more-than-fifty-characters-0"


@cache
def clock_library() -> Path | None:
    """Return the library that shifts a process's clock; None where no C compiler is."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source = Path(__file__).with_name("wrong_clock.c")
    library = Path(tempfile.mkdtemp(prefix="vobiz-portal-clock-")) / "wrong_clock.so"
    atexit.register(shutil.rmtree, library.parent, ignore_errors=True)
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def clock_of(file: Path) -> dict[str, str]:
    """Return what gives a process the clock that this file sets; nothing where there is no file."""
    if not file.exists():
        return {}
    return {"LD_PRELOAD": str(clock_library()), "WRONG_CLOCK": str(file)}


class Rig:
    """One portal. `folder` holds its files and logs; `database_url` is that of an empty database.

    With `prepared`, the fixture of that name, it gets copies of the static files and of the migrated SQLite database.
    """

    def __init__(
        self,
        folder: Path,
        *,
        api_url: str,
        database_url: str | None = None,
        prepared: Path | None = None,
        **more: str,
    ) -> None:
        self.folder, self.port = folder, free_ports()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database_url = database_url or f"sqlite:///{folder / 'portal.sqlite3'}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.environment = {
            **kept,
            "ENV_FILE": "",
            "DJANGO_SETTINGS_MODULE": "vobiz_portal.settings",
            "DEBUG": "",
            "SECRET_KEY": SECRET,
            "TOKEN_ENCRYPTION_KEYS": SECRET,
            "PORTAL_URL": self.url,
            "VAR_DIR": str(folder),
            "DATABASE_URL": self.database_url,
            "VOBIZ_API_URL": api_url,
            "VOBIZ_MEDIA_HOSTS": "127.0.0.1",
            "SWEEP_SECONDS": "0.5",
            "STARTS_PER_ACCOUNT_MINUTE": "100000",
            "STARTS_PER_ACCOUNT_DAY": "100000",
            **more,
        }
        if prepared:
            shutil.copytree(prepared, folder, dirs_exist_ok=True)
        else:
            self.manage("migrate", "-v0")
            self.manage("collectstatic", "--no-input", "-v0")

    def manage(self, *arguments: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**self.environment, **clock_of(self.folder / "clock-worker"), **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=check,
        )

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin a command that somebody may kill; what it says goes to its log."""
        process = self._begin("command", "manage.py", *arguments)
        self.processes[f"command {process.pid}"] = process
        return process

    # Processes

    def start(self, name: str) -> None:
        """Start `web` or `worker`, unless it runs."""
        held = self.processes.get(name)
        if held is not None and held.poll() is None:
            return
        argv = {
            "web": ["manage.py", "serve", f"--listen=127.0.0.1:{self.port}"],
            "worker": ["manage.py", "worker"],
        }[name]
        self.processes[name] = self._begin(name, *argv)
        if name == "web":
            eventually(self._answers, within=240, every=0.1)

    def kill(self, name: str) -> None:
        """Kill `web` or `worker` with SIGKILL, wherever it stands."""
        held = self.processes.get(name)
        if held is not None:
            held.kill()
            held.wait()

    def stop(self) -> None:
        """Kill all that still run."""
        for name in list(self.processes):
            self.kill(name)

    def _begin(self, name: str, *argv: str) -> subprocess.Popen[bytes]:
        clock = clock_of(self.folder / f"clock-{'web' if name == 'web' else 'worker'}")
        with self.log(name).open("ab") as said:
            return subprocess.Popen(
                [sys.executable, *argv],
                cwd=ROOT,
                env={**self.environment, **clock},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def log(self, name: str) -> Path:
        """Return the file with what a process said."""
        return self.folder / f"{name}.log"

    def _answers(self) -> bool:
        assert self.processes["web"].poll() is None, self.log("web").read_text()
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/no/such/page", timeout=10).status_code > 0
        return False

    # The clock

    def set_clock(self, name: str, seconds: int) -> None:
        """Set the clock of `web`, or of `worker` and commands, so many seconds from the true time."""
        file = os.open(self.folder / f"clock-{name}", os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(file, struct.pack("l", seconds), 0)
        os.close(file)

    # The database

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Return what a SELECT finds, past the portal."""
        if self.database_url.startswith("postgres"):
            with psycopg.connect(self.database_url, row_factory=dict_row, connect_timeout=2) as server:
                return server.execute(statement.encode()).fetchall()
        file = sqlite3.connect(f"file:{self.folder / 'portal.sqlite3'}?mode=ro", uri=True, timeout=2)
        file.row_factory = sqlite3.Row
        with closing(file):
            return [dict(row) for row in file.execute(statement)]

    @contextmanager
    def database_locked(self, *, patience: float = 30) -> Iterator[None]:
        """Hold the SQLite database exclusively, as soon as it is free; OperationalError after `patience` seconds."""
        database = sqlite3.connect(self.folder / "portal.sqlite3", timeout=patience, isolation_level=None)
        # Leaving WAL mode's shared locks takes an exclusive one that readers wait for too
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            database.execute("COMMIT")
            database.close()
