"""Archive every recording's audio before Vobiz deletes it.

The rows say what is due. Each is worked on under its lease, by whoever has it, with no transaction open while Vobiz or
the storage is asked: killed at any point, the work is done again, with one effect. What stands in the way of one
recording is written on its row; what stands in the way of all pauses its account.
"""

from __future__ import annotations

from recordings.archive.outcomes import Outcome, Result
from recordings.archive.reinspection import inspect_again
from recordings.archive.runs import AccountCounts, Report, run

__all__ = ["AccountCounts", "Outcome", "Report", "Result", "inspect_again", "run"]
