"""The background work, until stopped."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

from recordings.management.portal_command import FAILED, PortalCommand
from recordings.worker import WorkerProcess


class Command(PortalCommand):
    """SIGTERM and Ctrl-C end it with 0, once what is in hand is finished; a second one at once."""

    help = "Background work until stopped: archives, syncs, and settles what callbacks left open. Any number may run."

    def act(self, **options: Any) -> None:
        worker = WorkerProcess()

        def stop(_number: int, _frame: FrameType | None) -> None:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, _hurry)
            worker.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        worker.run()  # what was not finished in time is done again by another


def _hurry(_number: int, _frame: FrameType | None) -> None:
    sys.exit(FAILED)
