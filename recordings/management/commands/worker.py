"""Run background jobs until stopped."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

from recordings.management.documented_command import FAILED
from recordings.management.portal_command import PortalCommand
from recordings.worker.process import WorkerProcess


class Command(PortalCommand):
    """The command `worker`. SIGTERM and Ctrl-C stop it after the running jobs; a second signal stops it at once."""

    help = (
        "Run background jobs: sync, archive, and check unfinished recordings. Stop with Ctrl-C. Any number of workers "
        "may run at the same time."
    )
    examples = ("",)
    done = "stopped by SIGTERM or Ctrl-C, after the running jobs ended or 60 s passed"
    failure = "stopped at once by a second signal; another worker repeats the unfinished jobs"

    def act(self, **options: Any) -> None:
        """Run one worker in this process."""
        worker = WorkerProcess()

        def stop(_number: int, _frame: FrameType | None) -> None:
            """Ask the worker to stop. From now on a signal ends the process: its leases run out, and others go on."""
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda _number, _frame: sys.exit(FAILED))
            worker.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        worker.run()
