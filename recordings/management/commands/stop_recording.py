"""Stop one recording, or all of a call."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from recordings import control
from recordings.control import StopOutcome
from recordings.management.portal_command import (
    USAGE,
    PortalCommand,
    accounts_asked,
    add_account,
    call_asked,
    id_asked,
)
from recordings.models import Recording

WORDS = {
    StopOutcome.SENT: "Vobiz was asked to stop {what}.",
    StopOutcome.ALREADY_ASKED: "{who} asked to stop it at {when:%Y-%m-%d %H:%M:%S} UTC. Nothing was sent again.",
    StopOutcome.ALREADY_OVER: "Nothing to stop: it is over.",
}
FAILURES = {
    StopOutcome.NO_URL: "Its URL is not known, so it cannot be stopped alone: stop all of its call "
    "(--call CALL_UUID --all).",
    StopOutcome.UNCONFIRMED: "Vobiz did not answer: it may still be recording. Run this again.",
}


class Command(PortalCommand):
    """Without a URL Vobiz stops every recording of a call, so `--all` has to be said."""

    help = "Stop one recording, or with --call CALL_UUID --all every recording of a call."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_account(parser)
        parser.add_argument("recording_id", metavar="RECORDING_ID", nargs="?")
        parser.add_argument("--call", metavar="CALL_UUID")
        parser.add_argument("--all", action="store_true", help="also recordings that were not started here")

    def act(self, **options: Any) -> None:
        if bool(options["recording_id"]) == bool(options["call"]) or bool(options["call"]) != options["all"]:
            raise CommandError("Give either RECORDING_ID, or --call CALL_UUID --all.", returncode=USAGE)
        said: dict[str, object]
        if options["call"]:
            call = call_asked(options["call"], options["account"])
            result = control.stop_all(call, by=None, now=timezone.now())
            said = {"what": f"{_count(result.stopped)} started here, and any other of the call"}
        else:
            recording = self._recording(options)
            result = control.stop(recording, by=None, now=timezone.now())
            who = recording.stop_requested_by or "Somebody at the command line"
            said = {"what": _count(result.stopped), "who": who, "when": recording.stop_requested_at}
        failed = FAILURES.get(result.outcome) or result.error
        sentence = WORDS.get(result.outcome, "Nothing was stopped.").format(**said)
        self.report({"stopped": result.stopped}, sentence, failed=failed)

    @staticmethod
    def _recording(options: dict[str, Any]) -> Recording:
        recording_id = id_asked(options["recording_id"], "RECORDING_ID")
        accounts = accounts_asked(options["account"])
        rows = Recording.objects.filter(recording_id=recording_id, account__in=accounts)
        recording: Recording | None = rows.select_related("account", "call").first()
        if recording is None:
            raise CommandError(f"No recording {recording_id} is known here.", returncode=USAGE)
        return recording


def _count(stopped: int) -> str:
    return "1 recording" if stopped == 1 else f"{stopped} recordings"
