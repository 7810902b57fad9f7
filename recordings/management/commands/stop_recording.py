"""Stop one recording, or all of a call."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from recordings import control
from recordings.control import StopOutcome
from recordings.management.portal_command import USAGE, PortalCommand, accounts_asked, add_account
from recordings.models import Call, Recording

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
        accounts = accounts_asked(options["account"])
        now = timezone.now()
        if options["recording_id"]:
            rows = Recording.objects.filter(recording_id=options["recording_id"], account__in=accounts)
            recording = rows.select_related("account", "call").first()
            if recording is None:
                raise CommandError(f"No recording {options['recording_id']} is known here.", returncode=USAGE)
            result = control.stop(recording, by=None, now=now)
        else:
            calls = list(
                Call.objects.filter(call_uuid=options["call"], account__in=accounts).select_related("account")
            )
            if len(calls) != 1:
                cure = "Name its account: --account AUTH_ID." if calls else "Run live_calls first."
                raise CommandError(
                    f"Call {options['call']}: {len(calls)} known here. {cure}", returncode=USAGE
                )
            result = control.stop_all(calls[0], by=None, now=now)
        failed = FAILURES.get(result.outcome) or result.error
        sentence = WORDS.get(result.outcome, "").format(count=result.stopped)
        self.report({"stopped": result.stopped}, sentence, failed=failed)
