"""Bring every Recording object that Vobiz lists into rows here; and read one back.

Every page commits. No request is made inside a transaction.
"""

from __future__ import annotations

from recordings.sync.readback import LATER, SOON, read_back
from recordings.sync.request import SyncRequest, SyncResult
from recordings.sync.runner import Progress, read_call, run

__all__ = ["LATER", "SOON", "Progress", "SyncRequest", "SyncResult", "read_back", "read_call", "run"]
