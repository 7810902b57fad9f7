"""Reconcile rows with Vobiz. Nothing depends on a callback arriving: the rows say what is due.

Read-backs after callbacks, callbacks not applied, recordings known only from callbacks, starts whose answer was lost,
recordings past their limit or their call's end, callbacks and transcripts that never came. No transaction is open
while Vobiz is asked.
"""

from __future__ import annotations

from recordings.reconcile.context import BATCH_SIZE, ReconcileResult
from recordings.reconcile.runner import count_open, run

__all__ = ["BATCH_SIZE", "ReconcileResult", "count_open", "run"]
