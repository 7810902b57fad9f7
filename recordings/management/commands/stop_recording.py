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
    StopOutcome.SENT: "Vobiz was asked to stop {count}.",
    StopOutcome.ALREADY_ASKED: "A stop was asked for before.",
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
        result = self._stop(options)
        failed = FAILURES.get(result.outcome) or result.error
        sentence = WORDS.get(result.outcome, "Nothing was stopped.").format(count=result.stopped)
        self.report({"stopped": result.stopped}, sentence, failed=failed)

    @staticmethod
    def _stop(options: dict[str, Any]) -> control.StopResult:
        now = timezone.now()
        if options["call"]:
            return control.stop_all(call_asked(options["call"], options["account"]), by=None, now=now)
        recording_id = id_asked(options["recording_id"], "RECORDING_ID")
        accounts = accounts_asked(options["account"])
        rows = Recording.objects.filter(recording_id=recording_id, account__in=accounts)
        recording = rows.select_related("account", "call").first()
        if recording is None:
            raise CommandError(f"No recording {recording_id} is known here.", returncode=USAGE)
        return control.stop(recording, by=None, now=now)
