"""Start recording a live call."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from recordings import control
from recordings.choices import MAX_TIME_LIMIT, Channels, FileFormat, RecordingStatus
from recordings.management.portal_command import USAGE, PortalCommand, add_account, call_asked
from recordings.models import Account
from recordings.provider import callback_urls_possible


class Command(PortalCommand):
    """The account's defaults hold where no option is given."""

    help = "Start recording a live call; the call need not be known here yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_account(parser)
        parser.add_argument("call_uuid", metavar="CALL_UUID")
        parser.add_argument("--time-limit", type=int, metavar="SECONDS", help=f"1 to {MAX_TIME_LIMIT}")
        parser.add_argument("--file-format", choices=FileFormat.values)
        parser.add_argument("--channels", choices=Channels.values)
        parser.add_argument("--transcribe", action=BooleanOptionalAction, default=None)

    def act(self, **options: Any) -> None:
        call = call_asked(options["call_uuid"], options["account"])
        recording = control.start(call, self._options(call.account, options), by=None, now=timezone.now())
        document = {
            "id": recording.pk,
            "status": recording.status,
            "recording_id": recording.recording_id,
            "cuts_at": recording.time_limit_ends_at,
        }
        failed = None
        if recording.status == RecordingStatus.FAILED:
            failed = recording.error
        elif recording.status == RecordingStatus.REQUESTED:
            failed = f"{recording.error} It may be recording; starting again would make a second recording."
        sentence = f"Recording {recording.recording_id or '(id not known yet)'}: {recording.status}."
        if recording.status == RecordingStatus.ACTIVE:
            sentence += (
                f" It is cut at {recording.time_limit_ends_at:%Y-%m-%d %H:%M:%S} UTC, unless it ends before."
            )
        self.report(document, sentence, failed=failed)

    @staticmethod
    def _options(account: Account, options: dict[str, Any]) -> control.StartOptions:
        asked = {name: options[name] for name in ("time_limit", "file_format", "channels", "transcribe")}
        chosen = replace(
            control.StartOptions.of(account),
            **{name: value for name, value in asked.items() if value is not None},
        )
        if not 1 <= chosen.time_limit <= MAX_TIME_LIMIT:
            raise CommandError(f"--time-limit must be 1 to {MAX_TIME_LIMIT} seconds.", returncode=USAGE)
        if chosen.transcribe and not callback_urls_possible():
            raise CommandError(
                "Vobiz cannot call this portal, so a transcript could never arrive.", returncode=USAGE
            )
        return chosen
