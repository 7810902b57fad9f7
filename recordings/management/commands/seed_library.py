"""Fill the database with a large library, to measure on. Only in local mode."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from recordings.management.portal_command import USAGE, PortalCommand
from recordings.seeding import Progress, seed_library


class Command(PortalCommand):
    """Writes made-up calls, recordings and transcripts of three accounts; calls nobody."""

    help = (
        "Write a made-up library of calls, recordings and transcripts under three inactive accounts, to measure and "
        "to try the portal on. Only in local mode. The same seed makes the same library. "
        "Example: seed_library --recordings 1000000 --transcripts 300000"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--recordings", type=int, default=50_000, help="how many recordings (default 50000)"
        )
        parser.add_argument(
            "--transcripts", type=int, default=15_000, help="how many of them have a transcript"
        )
        parser.add_argument(
            "--seed", type=int, default=1, help="another number makes another library (default 1)"
        )

    def act(self, **options: Any) -> None:
        if not settings.LOCAL_MODE:
            raise CommandError("seed_library runs in local mode only.", returncode=USAGE)
        recordings, transcripts = options["recordings"], options["transcripts"]
        if recordings < 1 or not 0 <= transcripts <= recordings:
            raise CommandError("Ask for 1 recording or more, and for no more transcripts.", returncode=USAGE)
        done = Progress(0, 0)
        for done in seed_library(
            recordings=recordings, transcripts=transcripts, seed=options["seed"], now=timezone.now()
        ):
            self.progress(f"{done.recordings:,} of {recordings:,} recordings")
        self.progress_end()
        self.report(
            {"recordings": done.recordings, "transcripts": done.transcripts},
            f"Wrote {done.recordings:,} recordings and {done.transcripts:,} transcripts.",
        )
