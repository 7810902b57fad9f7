"""A portal of processes for the fault tests: its web server and commands, on a database of their own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from tests.ports import free_ports
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-of-the-fault-tests-with-more-than-fifty-characters-0"


class Rig:
    """One portal. `folder` holds its files and logs; `database_url` is that of an empty database."""

    def __init__(
        self, folder: Path, *, api_url: str, database_url: str | None = None, migrated: bool = True
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
        }
        if migrated:
            self.manage("migrate", "-v0")
            self.manage("collectstatic", "--no-input", "-v0")

    def manage(self, *arguments: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=check,
        )

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
        with self.log(name).open("ab") as said:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *argv],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        if name == "web":
            eventually(self._answers, within=60, every=0.1)

    def stop(self) -> None:
        """Kill all that still run."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()

    def log(self, name: str) -> Path:
        """Return the file with what a process said."""
        return self.folder / f"{name}.log"

    def _answers(self) -> bool:
        assert self.processes["web"].poll() is None, self.log("web").read_text()
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/no/such/page", timeout=10).status_code > 0
        return False

    # The database

    @contextmanager
    def database_locked(self) -> Iterator[None]:
        """Hold the SQLite database exclusively."""
        database = sqlite3.connect(self.folder / "portal.sqlite3", timeout=30, isolation_level=None)
        # Leaving WAL mode's shared locks takes an exclusive one that readers wait for too
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            database.execute("COMMIT")
            database.close()
