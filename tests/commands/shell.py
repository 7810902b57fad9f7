"""Running the portal's commands: in this process, and as an operator does, each in a process of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

MANAGE = Path(__file__).parents[2] / "manage.py"


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.stdout)


def run(name: str, *arguments: str) -> Ran:
    """In this process; `stderr` holds what the command failed with."""
    stdout, stderr = io.StringIO(), io.StringIO()
    try:
        call_command(name, *arguments, stdout=stdout, stderr=stderr, skip_checks=False)
    except CommandError as error:
        return Ran(error.returncode, stdout.getvalue(), stderr.getvalue() + str(error))
    return Ran(0, stdout.getvalue(), stderr.getvalue())


def environment(**more: str) -> dict[str, str]:
    """What a process needs to work on the test's database and the test's sandbox, and nothing else of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "ENV_FILE": "",
        "DJANGO_SETTINGS_MODULE": "vobiz_portal.settings",
        "PORTAL_URL": "http://127.0.0.1:8000",
        "SECRET_KEY": settings.SECRET_KEY,
        "TOKEN_ENCRYPTION_KEYS": ",".join(settings.TOKEN_ENCRYPTION_KEYS),
        "VOBIZ_API_URL": settings.VOBIZ_API_URL,
        "VOBIZ_MEDIA_HOSTS": "127.0.0.1",
        "DATABASE_URL": database_url(),
        **more,
    }


def database_url() -> str:
    """The test's own database."""
    of = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{of['NAME']}"
    password = f":{of['PASSWORD']}" if of["PASSWORD"] else ""
    return f"postgres://{of['USER']}{password}@{of['HOST']}:{of['PORT'] or 5432}/{of['NAME']}"


def manage(*arguments: str, **more: str) -> Ran:
    """In a process of its own, with `more` in its environment; stdin is no terminal."""
    done = subprocess.run(
        [sys.executable, str(MANAGE), *arguments],
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
