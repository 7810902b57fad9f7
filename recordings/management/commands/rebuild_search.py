"""Rebuild the search indexes."""

from __future__ import annotations

from typing import Any

from recordings import search
from recordings.management.portal_command import PortalCommand


class Command(PortalCommand):
    """The command `rebuild_search`."""

    help = (
        "Rebuild the indexes behind the search box from their rows. They follow every write by themselves; run this "
        "after a restore or a repair of the database."
    )
    examples = ("", "--json")
    done = "every index is rebuilt"
    failure = "the database could not be used"

    def act(self, **options: Any) -> None:
        """Rebuild each index, with progress on stderr."""
        rebuilt: dict[str, int] = {}
        for name, done, total in search.rebuild():
            rebuilt[name] = done
            self.progress(f"{name}: {done:,} of {total:,}")
        self.progress()
        self.report({"indexes": sorted(rebuilt)}, f"Rebuilt {len(rebuilt)} search indexes.")
