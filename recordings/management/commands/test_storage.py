"""Test the archive's storage: write a file, read it back, compare, check that it is private, delete it."""

from __future__ import annotations

from typing import Any

from recordings.archive import trial
from recordings.management.portal_command import PortalCommand


class Command(PortalCommand):
    """The command `test_storage`."""

    help = (
        "Write, read back and delete a file in the archive's storage. Run this after setting ARCHIVE_STORAGE, before "
        "the first recording is archived."
    )
    examples = ("", "--json")
    done = "the storage can hold the archive"
    failure = "a step failed; stderr says which, why, and what to do"
    requires_migrations_checks = False

    def act(self, **_options: Any) -> None:
        """Run the steps and report the first that failed."""
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
