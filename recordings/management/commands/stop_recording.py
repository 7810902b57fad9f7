"""Stop one recording, or all recordings of a call."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from recordings import control
from recordings.control import StopOutcome
from recordings.management.documented_command import USAGE
from recordings.management.portal_command import (
    PortalCommand,
    requested_accounts,
    requested_call,
    require_id,
)
from recordings.models import Recording

WORDS = {
    StopOutcome.SENT: "Stopping {what}.",
    StopOutcome.ALREADY_ASKED: "Already stopping since {when:%Y-%m-%d %H:%M:%S} UTC, requested by {who}.",
    StopOutcome.ALREADY_OVER: "The recording had already ended.",
}
FAILURES = {
    StopOutcome.NO_URL: "This recording cannot be stopped on its own yet: Vobiz has not sent its URL. To stop every "
    "recording of the call: --call CALL_UUID --all.",
    StopOutcome.UNCONFIRMED: "Vobiz did not answer. The recording may still be running. Run this command again.",
}


class Command(PortalCommand):
    """The command `stop_recording`. Without a URL Vobiz stops every recording of a call, so `--all` is required."""

    help = "Stop one recording, or every recording of a call with --call CALL_UUID --all."
    examples = (
        "0f3d2b6a-5c41-4c8e-8a0e-7b9d1e2f3a44",
        "--call 6f1b8e0c-7a52-4e0e-9d3a-2f6c1d0a9b11 --all",
    )
    done = "Vobiz stops the recording, or it had ended already"
    failure = "the recording was not stopped, or Vobiz did not confirm the stop"
    takes_account = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument("recording_id", metavar="RECORDING_ID", nargs="?", help="the recording to stop")
        parser.add_argument("--call", metavar="CALL_UUID", help="the call whose recordings are stopped")
        parser.add_argument(
            "--all",
            action="store_true",
            help="every recording of the call, also those not started from the portal",
        )

    def act(self, **options: Any) -> None:
        """Stop what was named and report the outcome."""
        if bool(options["recording_id"]) == bool(options["call"]) or bool(options["call"]) != options["all"]:
            raise CommandError("Give either RECORDING_ID, or --call CALL_UUID --all.", returncode=USAGE)
        said: dict[str, object]
        if options["call"]:
            call = requested_call(options["call"], options["account"])
            result = control.stop_all(call, by=None, now=timezone.now())
            said = {"what": f"{_count(result.stopped)} started from the portal, and any other of the call"}
        else:
            recording = self._recording(options)
            result = control.stop(recording, by=None, now=timezone.now())
            who = recording.stop_requested_by or "the command line"
            said = {"what": _count(result.stopped), "who": who, "when": recording.stop_requested_at}
        failed = FAILURES.get(result.outcome) or result.error
        sentence = WORDS.get(result.outcome, "Recording not stopped.").format(**said)
        self.report({"stopped": result.stopped}, sentence, failed=failed)

    @staticmethod
    def _recording(options: dict[str, Any]) -> Recording:
        """Return the recording named; raise CommandError (exit 2) where there is none."""
        recording_id = require_id(options["recording_id"], "RECORDING_ID")
        accounts = requested_accounts(options["account"])
        rows = Recording.objects.filter(recording_id=recording_id, account__in=accounts)
        recording: Recording | None = rows.select_related("account", "call").first()
        if recording is None:
            raise CommandError(f"The portal has no recording {recording_id}.", returncode=USAGE)
        return recording


def _count(stopped: int) -> str:
    return "1 recording" if stopped == 1 else f"{stopped} recordings"
