"""VERB: bring every Recording object that Vobiz lists into rows here; and read one back.

Every page commits. No request is made inside a transaction.
"""

from __future__ import annotations

from recordings.sync.reading import LATER, SOON, read_back
from recordings.sync.runs import Progress, read_call, run
from recordings.sync.scope import Scope, Tally

__all__ = ["LATER", "SOON", "Progress", "Scope", "Tally", "read_back", "read_call", "run"]
