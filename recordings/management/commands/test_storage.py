"""Try the archive's storage: write a file, read it back, compare, see that nobody else may read it, delete it.

manage.py test_storage           after setting ARCHIVE_STORAGE, before the first recording is archived
manage.py test_storage --json
"""

from __future__ import annotations

from typing import Any

from recordings.archive import trial
from recordings.management.portal_command import PortalCommand


class Command(PortalCommand):
    """Exit 1 where a step failed, saying which, why and what to do."""

    help = "Write, read back and delete a file in the archive's storage, and say what is wrong with it."
    requires_migrations_checks = False

    def act(self, **_options: Any) -> None:
        tried = trial.try_storage()
        steps = [{"step": step, "ok": True} for step in tried.done]
        steps += [{"step": tried.failed, "ok": False}] if tried.failed else []
        document = {
            "ok": tried.ok, "storage": tried.place, "steps": steps, "failed": tried.failed,
            "message": tried.why or None, "cure": tried.cure or None, "left": tried.left,
        }  # fmt: skip
        if tried.failed is None:
            words = ", ".join(str(trial.STEP_WORDS[step]) for step in tried.done)
            self.report(document, f"{tried.place} can keep recordings: {words}.")
            return
        left = f" The file {tried.left} may still be there: delete it." if tried.left else ""
        failed = f"{trial.STEP_WORDS[tried.failed].capitalize()}: {tried.why} {tried.cure}{left}"
        self.report(document, f"{tried.place} cannot keep recordings.", failed=failed)
