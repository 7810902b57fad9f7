"""Run the sandbox: a simulated Vobiz that speaks its API over HTTP on this machine."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from recordings.management.documented_command import DocumentedCommand
from vobiz_portal.sandbox.call_generator import CallGenerator
from vobiz_portal.sandbox.entities import Quirks
from vobiz_portal.sandbox.seed_data import INDIA, RETENTION_DAYS, VANISH_AFTER_DAYS, seed_recordings
from vobiz_portal.sandbox.server import PortInUseError, Sandbox
from vobiz_portal.sandbox.snapshot import SnapshotWriter, UnreadableSnapshotError, load
from vobiz_portal.sandbox.state import SandboxState

TOKENS = "SANDBOX_TOKENS"
# auth id, name, share of the past recordings; a sub-account belongs to the main account before it
ACCOUNTS = (
    ("MA_DEMO00000001", "Lotus Parcels", 0.6),
    ("SA_DEMO00000001", "Lotus Parcels, Mumbai office", 0.25),
    ("MA_DEMO00000002", "Nilgiri Tea Estates", 0.15),
)
OPENING_CALLS = 5


class Command(DocumentedCommand):
    """The command `runsandbox`."""

    help = (
        "Run a simulated Vobiz on this machine until Ctrl-C: accounts, live calls and past recordings over HTTP. Auth "
        f'tokens come from {TOKENS} ("MA_…=token,SA_…=token"); without it they are generated and printed.'
    )
    examples = ("", "--port 8200 --recordings 1000 --calls-per-minute 0", "--state var/sandbox.state")
    done = "stopped by Ctrl-C or SIGTERM"
    failure = "the sandbox cannot start; stderr says why and what to do"
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the addresses, the seed data and the state file."""
        parser.add_argument(
            "--host", default="127.0.0.1", help="the address to listen on (default 127.0.0.1)"
        )
        parser.add_argument("--port", type=int, default=8100, help="the API's port (default 8100)")
        parser.add_argument("--media-port", type=int, help="the audio's port (default: the API's plus 1)")
        parser.add_argument(
            "--seed", default="1", help="the same seed makes the same calls and recordings (default 1)"
        )
        parser.add_argument(
            "--recordings", type=int, default=400, help="number of past recordings (default 400)"
        )
        parser.add_argument(
            "--calls-per-minute", type=float, default=2.0, help="new calls a minute (default 2)"
        )
        parser.add_argument(
            "--state", type=Path, help="a file that keeps the state between runs (default: none)"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run until stopped; exit 1 with the cure where it cannot start."""
        try:
            self._run(options)
        except PortInUseError as error:
            self.stderr.write(
                f"The sandbox cannot listen: {error.strerror}.\n"
                "Cure: stop what listens there, or choose others with --port and --media-port."
            )
            sys.exit(1)
        except UnreadableSnapshotError as error:
            self.stderr.write(
                f"The sandbox cannot read {options['state']}: {error}.\n"
                "Cure: move the file away; the sandbox then starts with new data."
            )
            sys.exit(1)
        except OSError as error:
            self.stderr.write(f"The sandbox cannot run: {error}.")
            sys.exit(1)

    def _run(self, options: dict[str, Any]) -> None:
        """Build the state, serve it until a signal, and save it."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: stop.set())
        quirks = Quirks(
            finalise_after=1.25, retention_days=RETENTION_DAYS, rows_vanish_after_days=VANISH_AFTER_DAYS
        )
        state = SandboxState(seed=options["seed"], quirks=quirks, transcript_delay=8.0)
        shown = _add_accounts(state, os.environ.get(TOKENS, ""))
        snapshot_path: Path | None = options["state"]
        if snapshot_path is not None and snapshot_path.exists():
            load(state, snapshot_path)
        else:
            for auth_id, _, share in ACCOUNTS:
                seed_recordings(state, auth_id, round(options["recordings"] * share))
        media_port = options["media_port"]
        if media_port is None:
            media_port = options["port"] + 1 if options["port"] else 0
        sandbox = Sandbox(state, host=options["host"], port=options["port"], media_port=media_port)
        writer = SnapshotWriter(state, snapshot_path) if snapshot_path is not None else None
        if writer is not None:
            sandbox.every_tick.append(writer.tick)
        if options["calls_per_minute"] > 0:
            generator = CallGenerator(state, list(state.accounts), per_minute=options["calls_per_minute"])
            generator.open(OPENING_CALLS)
            sandbox.every_tick.append(generator.tick)
        with sandbox:
            self._welcome(sandbox, shown)
            stop.wait()
        if writer is not None:
            writer.write()
        self.stdout.write("The sandbox has stopped.")

    def _welcome(self, sandbox: Sandbox, shown: dict[str, str]) -> None:
        lines = [f"  {auth_id}   {token}" for auth_id, token in shown.items()]
        if lines:
            lines = [f"Auth IDs and tokens, for this run only (set {TOKENS} to choose them):", *lines]
        self.stdout.write(
            "\n".join(
                [
                    f"Sandbox API: {sandbox.api_url}, audio at {sandbox.media_url}",
                    *lines,
                    f"Control it: curl {sandbox.control_url}/",
                    "Ctrl-C stops it.",
                ]
            )
        )
        self.stdout.flush()


def _add_accounts(state: SandboxState, tokens: str) -> dict[str, str]:
    """Create the accounts and return those whose token was generated, with the token.

    `tokens`: comma-separated "auth_id=token" pairs. IDs beyond ACCOUNTS become accounts too.
    """
    given = dict(pair.strip().split("=", 1) for pair in tokens.split(",") if "=" in pair)
    known = [auth_id for auth_id, _, _ in ACCOUNTS]
    names = {auth_id: name for auth_id, name, _ in ACCOUNTS}
    made: dict[str, str] = {}
    main: str | None = None
    for auth_id in [*known, *(one for one in given if one not in known)]:
        if auth_id not in given:
            made[auth_id] = secrets.token_urlsafe(24)
        token = given.get(auth_id) or made[auth_id]
        is_sub = auth_id.startswith("SA_")
        parent, zone = (main, INDIA) if is_sub else (None, 0)
        state.add_account(auth_id, token, name=names.get(auth_id, ""), parent=parent, zone_minutes=zone)
        main = main if is_sub else auth_id
    return made
