"""The demo's own settings file: secrets made once and kept, and where this run listens.

The file is `settings.env` in the demo's folder, readable by its owner only. It is whole by itself: with
`ENV_FILE=var/demo/settings.env` every command of the portal works on the demo's data.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import environ

from vobiz_portal.sandbox.management.commands.runsandbox import ACCOUNTS
from vobiz_portal.sandbox.snapshot import write_private

HOST = "127.0.0.1"
NAME = "settings.env"
HEADER = """\
# The demo's settings, made by `make demo`: its secrets are good for this folder only.
# A secret that is missing is made anew at the next start; what you add here is kept.
"""
_UNLIKE_EACH_OTHER = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class Ports(NamedTuple):
    """Where the demo listens on loopback: the portal, the sandbox's API, the sandbox's audio."""

    portal: int
    api: int
    media: int


def token_name(auth_id: str) -> str:
    """Return the name of the setting that holds the token of one of the sandbox's accounts."""
    return f"DEMO_TOKEN_{auth_id}"


def _password() -> str:
    """Return sixteen letters and digits that are not mistaken for each other: about 92 bits, easy to type."""
    return "".join(secrets.choice(_UNLIKE_EACH_OTHER) for _ in range(16))


class _Secret(NamedTuple):
    shortest: int  # a shorter value is what is left of one, and is made anew
    make: Callable[[], str] = partial(secrets.token_urlsafe, 48)


SECRETS = {
    "SECRET_KEY": _Secret(32),
    "TOKEN_ENCRYPTION_KEYS": _Secret(32),
    "DEMO_ADMIN_PASSWORD": _Secret(1, _password),
    **{token_name(auth_id): _Secret(16) for auth_id, _name, _share in ACCOUNTS},
}


def write_settings(folder: Path, ports: Ports) -> dict[str, str]:
    """Write `folder`'s settings file, keeping the secrets it has, and return every setting in it.

    The folder is made where it is missing. The file is replaced in one step, so a reader, or a start that is
    cut short, never sees half of one. OSError where the folder cannot be written to.
    """
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    path = folder / NAME
    kept = read_settings(path) if path.exists() else {}
    values = {}
    for name, secret in SECRETS.items():
        value = kept.pop(name, "")
        values[name] = value if len(value) >= secret.shortest else secret.make()
    values |= {
        "PORTAL_URL": f"http://{HOST}:{ports.portal}",
        "ALLOWED_HOSTS": f"{HOST},localhost",
        "VAR_DIR": str(folder.resolve()),
        "VOBIZ_API_URL": f"http://{HOST}:{ports.api}/api/v1",
        "VOBIZ_MEDIA_HOSTS": HOST,
    }
    values |= {name: value for name, value in kept.items() if name not in values}
    write_private(path, HEADER + "".join(f"{name}={_quoted(value)}\n" for name, value in values.items()))
    return values


def read_settings(path: Path) -> dict[str, str]:
    """Return the settings in the file at `path`, read as the portal reads it; lines that set nothing are skipped."""
    found: dict[str, str] = {}
    reader: Any = type("File", (environ.Env,), {"ENVIRON": found})  # instead of the process's own environment
    with path.open(encoding="utf-8", errors="replace") as file:
        reader.read_env(file)
    return found


def bare_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the machine's environment and `extra`, without any other variable such as a portal setting."""
    machine = {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "TERM",
        "LANG",
        "LANGUAGE",
        "TMPDIR",
        "LD_LIBRARY_PATH",
    }
    kept = {name: value for name, value in os.environ.items() if name in machine or name.startswith("LC_")}
    return kept | {"PYTHONUNBUFFERED": "1"} | dict(extra)


def _quoted(value: str) -> str:
    """Return `value` as the settings reader expects it: in double quotes where it has special characters."""
    if re.fullmatch(r"[A-Za-z0-9_./:,@%+=-]*", value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
