"""Tell people of problems, once when one begins and once when it is over, and other programs of facts.

`record` compares the current problems with the alerts that are open and writes messages; `send_due` sends them. Only
the worker does either. Messages hold codes, counts, names of accounts and links: no phone numbers, and no text of
others such as an error of Vobiz's.

The rows of events are written by the database with the facts (`models/outgoing_event.py`); `send_events` posts them
on the same channel.
"""

from recordings.alerts.digests import write_digests
from recordings.alerts.events import send_events
from recordings.alerts.lifecycle import record, record_gap
from recordings.alerts.sending import send_due

__all__ = ["record", "record_gap", "send_due", "send_events", "write_digests"]
