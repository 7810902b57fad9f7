"""Fill the database of a local portal with a large made-up library, to measure performance."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from recordings.management.documented_command import USAGE
from recordings.management.portal_command import PortalCommand
from recordings.seeding import Progress, seed_library


class Command(PortalCommand):
    """The command `seed_library`."""

    help = (
        "Write made-up calls, recordings and transcripts under three inactive accounts, to measure and to try the "
        "portal on. Only in local mode. The same seed makes the same library."
    )
    examples = (
        "--recordings 1000000 --transcripts 300000",
        "--recordings 1000 --transcripts 100 --seed 2 --json",
    )
    done = "the library is written"
    failure = "the database could not be used"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument(
            "--recordings", type=int, default=50_000, help="how many recordings (default 50000)"
        )
        parser.add_argument(
            "--transcripts",
            type=int,
            default=15_000,
            help="how many of them have a transcript (default 15000)",
        )
        parser.add_argument(
            "--seed", type=int, default=1, help="another number makes another library (default 1)"
        )

    def act(self, **options: Any) -> None:
        """Write the library, with progress on stderr."""
        if not settings.LOCAL_MODE:
            raise CommandError("seed_library runs in local mode only.", returncode=USAGE)
        recordings, transcripts = options["recordings"], options["transcripts"]
        if recordings < 1 or not 0 <= transcripts <= recordings:
            raise CommandError(
                "Ask for at least 1 recording, and for no more transcripts than recordings.", returncode=USAGE
            )
        done = Progress(0, 0)
        for done in seed_library(
            recordings=recordings, transcripts=transcripts, seed=options["seed"], now=timezone.now()
        ):
            self.progress(f"{done.recordings:,} of {recordings:,} recordings")
        self.progress()
        self.report(
            {"recordings": done.recordings, "transcripts": done.transcripts},
            f"Wrote {done.recordings:,} recordings and {done.transcripts:,} transcripts.",
        )
