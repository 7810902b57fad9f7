"""The Django project: settings, URLs, servers."""

from __future__ import annotations

import gc

# What is imported stays. To look for garbage among it after every 700 new objects costs a tenth of each start, of the
# server, the worker and every command; pages cost the same either way.
gc.set_threshold(20_000, 20, 100)
