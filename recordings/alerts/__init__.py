"""VERB alert: tell people of problems, once when one begins and once when it is over.

`record` compares the current problems with the alerts that are open and writes messages; `send_due` sends them. Only
the worker does either. Messages hold codes, counts, names of accounts and links: no phone numbers, and no text of
others such as an error of Vobiz's.
"""

from recordings.alerts.digests import write_digests
from recordings.alerts.recording import record, record_gap
from recordings.alerts.sending import send_due

__all__ = ["record", "record_gap", "send_due", "write_digests"]
