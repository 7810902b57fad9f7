"""VERB: settle what is open. Nothing depends on a callback arriving: the rows say what is due.

Read-backs after callbacks, callbacks not applied, recordings that callbacks announced, starts whose answer was lost,
recordings past their limit or their call's end, callbacks and transcripts that never came. No transaction is open
while Vobiz is asked.
"""

from __future__ import annotations

from recordings.reconcile.errand import AT_ONCE, Settled
from recordings.reconcile.settling import settle, still_open

__all__ = ["AT_ONCE", "Settled", "settle", "still_open"]
