"""Start recording a live call."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from recordings import control
from recordings.choices import MAX_TIME_LIMIT, Channels, FileFormat, RecordingStatus
from recordings.management.documented_command import USAGE
from recordings.management.portal_command import PortalCommand, requested_call
from recordings.models import Account, Recording
from recordings.provider import callback_urls_possible


class Command(PortalCommand):
    """The command `start_recording`. The account's defaults apply where no option is given."""

    help = "Start recording a live call. The portal need not know the call yet."
    examples = (
        "6f1b8e0c-7a52-4e0e-9d3a-2f6c1d0a9b11",
        "6f1b8e0c-7a52-4e0e-9d3a-2f6c1d0a9b11 --time-limit 900 --channels stereo --transcribe --json",
    )
    done = "the recording started"
    failure = "the recording did not start, or Vobiz did not confirm the start"
    takes_account = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument("call_uuid", metavar="CALL_UUID", help="the live call, as live_calls lists it")
        parser.add_argument(
            "--time-limit", type=int, metavar="SECONDS", help=f"1 to {MAX_TIME_LIMIT} (8 hours)"
        )
        parser.add_argument("--file-format", choices=FileFormat.values, help="the file's type")
        parser.add_argument("--channels", choices=Channels.values, help="stereo: caller left, callee right")
        parser.add_argument(
            "--transcribe", action=BooleanOptionalAction, default=None, help="request a transcript"
        )

    def act(self, **options: Any) -> None:
        """Start the recording and report its outcome."""
        call = requested_call(options["call_uuid"], options["account"])
        try:
            recording = control.start(call, self._options(call.account, options), by=None, now=timezone.now())
        except control.StartLimitError as limit:
            raise CommandError(str(limit)) from limit
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
            failed = f"{recording.error} The portal keeps checking. Starting again may record the call twice."
        self.report(document, _sentence(recording), failed=failed)

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
                "Vobiz cannot reach this portal, so no transcript would arrive.", returncode=USAGE
            )
        return chosen


def _sentence(recording: Recording) -> str:
    if recording.status == RecordingStatus.FAILED:
        return "Recording not started."
    if recording.status == RecordingStatus.REQUESTED:
        return "Start not confirmed."
    name = recording.recording_id or "(Vobiz has not sent its ID yet)"
    ends = f"{recording.time_limit_ends_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"Recording {name} started. It stops at {ends}, or earlier when it is stopped or the call ends."
