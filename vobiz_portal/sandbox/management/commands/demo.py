"""Run the whole portal against the sandbox, with data, settings and a login of its own."""

from __future__ import annotations

import argparse
import fcntl
import http.client
import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from django.utils import timezone

from recordings.management.documented_command import DocumentedCommand
from vobiz_portal.demo_data import NAME as STAGED
from vobiz_portal.demo_data import stage, write_directions, write_transcripts
from vobiz_portal.sandbox.demo_settings import HOST, NAME, Ports, bare_environment, token_name, write_settings
from vobiz_portal.sandbox.management.commands.runsandbox import ACCOUNTS, TOKENS
from vobiz_portal.sandbox.processes import ChildProcess, ProcessFailedError, ProcessGroup, StopRequestedError

LOGIN = "admin"
MANAGE = (sys.executable, "manage.py")
START_TIMEOUT = 60.0  # seconds the portal or the sandbox may take to answer for the first time


class CannotStartError(Exception):
    """The demo cannot start. The text names the cause and the cure."""


class Command(DocumentedCommand):
    """The command `demo`: the sandbox, the portal and its worker, which end on Ctrl-C."""

    help = (
        "Run the portal, its worker and the sandbox (a Vobiz that only this machine reaches) until Ctrl-C. Prints the "
        "address and the login. The data stays in var/demo."
    )
    examples = ("", "--port 8001 --sandbox-port 8200", "--dir /tmp/demo --json")
    done = "stopped by Ctrl-C or a signal"
    failure = "the demo cannot start, or one of its processes ended by itself; stderr says why and what to do"
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the ports, the folder and --json."""
        at = Path(settings.BASE_DIR, "var", "demo")
        parser.add_argument("--port", type=_port, default=8000, help="the portal's port (default 8000)")
        parser.add_argument(
            "--sandbox-port",
            type=_port,
            default=8100,
            help="the sandbox's port (default 8100); its audio is on the next",
        )
        parser.add_argument("--dir", type=Path, default=at, help="the folder of its data (default var/demo)")
        parser.add_argument(
            "--json", action="store_true", help="print address and login as one JSON document on stdout"
        )
        # For the demo's own child process, which has the demo's settings: migrate, and create the login.
        parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
        # The same for what a new demo shows, and for the first sync.
        parser.add_argument("--fill", metavar="SANDBOX", help=argparse.SUPPRESS)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the demo until it is stopped."""
        if options["prepare"]:
            self.stdout.write(json.dumps({"password_holds": _prepare()}))
            return
        if options["fill"]:
            self.stdout.write(json.dumps({"seen": _fill(options["fill"])}))
            return
        folder: Path = options["dir"].absolute()
        ports = Ports(options["port"], options["sandbox_port"], options["sandbox_port"] + 1)
        self._people: OutputWrapper = self.stderr if options["json"] else self.stdout
        try:
            with _alone_in(folder):
                _check(ports)
                self._run(folder, ports, write_settings(folder, ports), as_json=options["json"])
        except CannotStartError as error:
            self._give_up(str(error))
        except ProcessFailedError as error:
            self._give_up(f"{error}\nIf it stays so: remove {folder}, and `make demo` makes everything anew.")
        except OSError as error:
            self._give_up(f"The demo cannot run in {folder}: {error}.")

    def _run(self, folder: Path, ports: Ports, values: dict[str, str], *, as_json: bool) -> None:
        """Start everything, print the welcome, and wait until a signal asks to stop or a process ends."""
        env = bare_environment({"ENV_FILE": str(folder / NAME)})
        group = ProcessGroup(cwd=Path(settings.BASE_DIR), env=env, logs=folder)
        group.listen_to_signals()
        try:
            password_holds = self._start(group, folder, ports, values)
            syncing = group.start("sync", [*MANAGE, "demo", "--fill", f"http://{HOST}:{ports.api}"])
            password = values["DEMO_ADMIN_PASSWORD"] if password_holds else None
            running = {child.name: child.pid for child in self._services}
            said = (
                _as_json(folder, ports, password, running) if as_json else _as_text(folder, ports, password)
            )
            self.stdout.write(said)
            self.stdout.flush()
            self._watch(group, syncing)
        except StopRequestedError:
            self._say("\nStopping …")
        finally:
            group.end_all()
        self._say("Stopped. The data is kept: the next `make demo` goes on with it.")

    def _start(self, group: ProcessGroup, folder: Path, ports: Ports, values: dict[str, str]) -> bool:
        """Start what the welcome depends on; return whether the password in the settings is still the login's."""
        self._say("Preparing the database and starting the sandbox …")
        tokens = {auth_id: values[token_name(auth_id)] for auth_id, _name, _share in ACCOUNTS}
        told = {TOKENS: ",".join(f"{auth_id}={token}" for auth_id, token in tokens.items())}
        sandbox = group.start("sandbox", _sandbox_command(folder, ports), told)
        prepared = group.finish(group.start("setup", [*MANAGE, "demo", "--prepare"]))
        group.wait_until_up(sandbox, lambda: _answers(ports.api, "/_sandbox/"), START_TIMEOUT)

        self._say("Starting the portal and connecting its accounts …")
        portal = group.start("portal", [*MANAGE, "serve", "--listen", f"{HOST}:{ports.portal}"])
        main = ""
        for auth_id, token in tokens.items():
            belongs = ["--parent", main] if auth_id.startswith("SA_") else []
            main = main if belongs else auth_id
            secret = {"VOBIZ_AUTH_ID": auth_id, "VOBIZ_AUTH_TOKEN": token}
            group.finish(group.start("connect", [*MANAGE, "connect_account", "--json", *belongs], secret))
        group.wait_until_up(portal, lambda: _answers(ports.portal, "/admin/login/"), START_TIMEOUT)
        self._services: tuple[ChildProcess, ...] = (portal, sandbox)
        return bool(json.loads(prepared)["password_holds"])

    def _watch(self, group: ProcessGroup, syncing: ChildProcess) -> None:
        """Wait forever: raise StopRequestedError on Ctrl-C, ProcessFailedError when a process ends by itself."""

        def ended() -> ChildProcess | None:
            """Return the first service that has ended."""
            return next((child for child in self._services if child.status is not None), None)

        group.wait(lambda: syncing.status is not None or ended() is not None)
        if syncing.status == 0:
            self._say(f"The first sync is done: {json.loads(syncing.answer())['seen']} recordings were read.")
        elif syncing.status is not None:
            self._say(f"The first sync failed, and the worker tries it again. {syncing.failure()}")
        if ended() is None:
            self._services = (*self._services, group.start("worker", [*MANAGE, "worker"]))
        group.wait(lambda: ended() is not None)
        if child := ended():
            raise child.failure()

    def _say(self, text: str) -> None:
        """Print a line for people: on stderr where stdout is for JSON."""
        with suppress(OSError):  # a terminal that was closed must not keep the children from being ended
            self._people.write(text, style_func=str)
            self._people.flush()

    def _give_up(self, text: str) -> NoReturn:
        self.stderr.write(text)
        sys.exit(1)


def _port(text: str) -> int:
    """Parse a port that needs no privilege and has a next one."""
    if not text.isascii() or not text.isdigit() or not 1024 <= int(text) <= 65534:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 1024 to 65534")
    return int(text)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system releases when the process ends; raise CannotStartError if it is held."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            number = lock.read().strip() or "unknown"
            raise CannotStartError(
                f"A demo is running already from {folder} (process {number}).\n"
                f"Cure: stop it with Ctrl-C in its window, or with: kill {number}"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _check(ports: Ports) -> None:
    """Raise CannotStartError, with a command that works, if a port is not free."""
    if ports.portal in ports[1:]:
        raise CannotStartError(
            f"Port {ports.portal} was asked for twice: the sandbox takes {ports.api} and the next."
        )
    if not _is_free(ports.portal):
        instead = next(port for port in _others(ports.portal) if port not in ports and _is_free(port))
        raise CannotStartError(
            f"Port {ports.portal} is in use, so the portal cannot listen there.\nCure: make demo PORT={instead}"
        )
    taken = next((port for port in ports[1:] if not _is_free(port)), None)
    if taken is not None:
        instead = next(
            port
            for port in _others(ports.api)
            if ports.portal not in {port, port + 1} and _is_free(port) and _is_free(port + 1)
        )
        raise CannotStartError(
            f"Port {taken} is in use, so the sandbox cannot listen there.\nCure: make demo SANDBOX_PORT={instead}"
        )


def _others(port: int) -> Iterator[int]:
    """Yield ports to propose instead: the ones after it, then the ones before."""
    yield from range(port + 1, 65535)
    yield from range(port - 1, 1023, -1)


def _is_free(port: int) -> bool:
    """Return whether nothing listens on the port and we may."""
    with socket.socket() as asking:
        asking.settimeout(1)
        if asking.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError:
            return False
    return True


def _answers(port: int, path: str) -> bool:
    """Return whether a GET of the path is answered by a status below 500."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _sandbox_command(folder: Path, ports: Ports) -> list[str]:
    """Return the command of the sandbox, with its state kept in the folder."""
    where = ["--port", str(ports.api), "--media-port", str(ports.media)]
    return [*MANAGE, "runsandbox", *where, "--state", str(folder / "sandbox.state")]


def _prepare() -> bool:
    """Migrate, create the login where there is none, and return whether its password is the one in the settings.

    A password that was changed in the portal is kept.
    """
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    password = os.environ["DEMO_ADMIN_PASSWORD"]
    users = get_user_model().objects
    user = users.filter(username=LOGIN).first()
    if user is None:
        users.create_superuser(LOGIN, password=password)
        return True
    return bool(user.is_active and user.check_password(password))


def _fill(sandbox: str) -> int:
    """Stage what a demo shows and sync each account of the sandbox; return how many recordings were read.

    The staged account has no token, so it is not synced.
    """
    stage(sandbox, now=timezone.now())
    seen = 0
    for auth_id, _name, _share in ACCOUNTS:
        said = StringIO()
        call_command("sync_recordings", account=auth_id, json=True, stdout=said)
        seen += json.loads(said.getvalue())["seen"]
    write_directions()
    write_transcripts(timezone.now())
    return seen


def _as_text(folder: Path, ports: Ports, password: str | None) -> str:
    change = f"ENV_FILE={shlex.quote(str(folder / NAME))} .venv/bin/python manage.py changepassword {LOGIN}"
    shown = password or f"the one you set. To set another, in another window:\n              {change}"
    return f"""
Vobiz Portal is running against the sandbox: every call and recording is sample data. The account {STAGED} is
written, not synced: it has no token, recordings at risk, one cut short, one lost and a rejected callback.

  Address     http://{HOST}:{ports.portal}/admin/
  Login       {LOGIN}
  Password    {shown}

  Sandbox     http://{HOST}:{ports.api}
  Data, logs  {folder}  (kept; delete the folder to start again)

Ctrl-C stops it.
"""


def _as_json(folder: Path, ports: Ports, password: str | None, processes: dict[str, int]) -> str:
    """Return the welcome for programs. `password` is null when it was changed in the portal."""
    return json.dumps(
        {
            "address": f"http://{HOST}:{ports.portal}/admin/",
            "login": LOGIN,
            "password": password,
            "sandbox": f"http://{HOST}:{ports.api}",
            "env_file": str(folder / NAME),
            "processes": processes,
        }
    )
