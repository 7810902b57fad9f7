"""Test the archive's storage with a file that is deleted afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings import storage

SIZE = 300_007  # bytes: more than one block


class Step(StrEnum):
    """The steps of the test, in order."""

    SPACE = "space"
    WRITE = "write"
    READ = "read"
    COMPARE = "compare"
    LIST = "list"
    PRIVATE = "private"
    DELETE = "delete"


STEP_WORDS = {
    Step.SPACE: gettext_lazy("enough room"),
    Step.WRITE: gettext_lazy("write"),
    Step.READ: gettext_lazy("read back"),
    Step.COMPARE: gettext_lazy("compare"),
    Step.LIST: gettext_lazy("list"),
    Step.PRIVATE: gettext_lazy("closed to others"),
    Step.DELETE: gettext_lazy("delete"),
}
_FOLDER_CURES = {
    Step.SPACE: gettext_lazy("Make room on this disk, or move VAR_DIR to a larger one."),
    Step.WRITE: gettext_lazy("Give the folder to the user that the portal runs as, and see that the disk is mounted."),
    Step.READ: gettext_lazy("Look at the disk: its file system or the machine's log says what is wrong."),
    Step.COMPARE: gettext_lazy("Look at the disk before more is kept on it: it does not give back what it got."),
    Step.LIST: gettext_lazy("Give the folder to the user that the portal runs as."),
    Step.PRIVATE: gettext_lazy("Close the folder to other users: chmod 700."),
    Step.DELETE: gettext_lazy("Give the folder to the user that the portal runs as."),
}  # fmt: skip
_BUCKET_CURES = {
    Step.SPACE: gettext_lazy("Make room on this machine: audio is written in VAR_DIR before it is sent."),
    Step.WRITE: gettext_lazy(
        "Compare ARCHIVE_STORAGE and the S3_ settings with the storage's console; the key must be allowed to write "
        "there (s3:PutObject)."
    ),
    Step.READ: gettext_lazy("Allow the key to read there (s3:GetObject)."),
    Step.COMPARE: gettext_lazy("Look at what stands between the portal and the storage: it changes what passes."),
    Step.LIST: gettext_lazy(
        "Allow the key to list the bucket (s3:ListBucket, on the bucket itself): without it the storage does not tell "
        "an absent file from a forbidden one."
    ),
    Step.PRIVATE: gettext_lazy("Make the bucket private: block all public access, remove any policy for everybody."),
    Step.DELETE: gettext_lazy("Allow the key to delete there (s3:DeleteObject)."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """The test's result: the failed step, why, and the cure. `left`: name of a test file that may remain."""

    place: str
    done: tuple[Step, ...]
    failed: Step | None = None
    why: str = ""
    cure: str = ""
    left: str | None = None

    @property
    def ok(self) -> bool:
        """True if recordings can be archived there."""
        return self.failed is None


def try_storage() -> Trial:
    """Write a file, read it back, compare it, list, check that it is private, and delete it."""
    attempt = _Attempt()
    place = storage.archive().label
    done: list[Step] = []
    for step, act in attempt.steps():
        try:
            act()
        except storage.StorageError as error:
            cures = _BUCKET_CURES if place.startswith("s3:") else _FOLDER_CURES
            return Trial(place, tuple(done), step, str(error), str(cures[step]), attempt.abandon(step))
        done.append(step)
    return Trial(place, tuple(done))


class _Attempt:
    """The steps with one file; each raises StorageError."""

    def __init__(self) -> None:
        self.name = storage.new_name("wav")
        self.body = secrets.token_bytes(SIZE)
        self.read_back = b""

    def steps(self) -> list[tuple[Step, Callable[[], None]]]:
        return [
            (Step.SPACE, self.look_for_room), (Step.WRITE, self.write), (Step.READ, self.read),
            (Step.COMPARE, self.compare), (Step.LIST, self.list), (Step.PRIVATE, self.ask_as_a_stranger),
            (Step.DELETE, self.delete),
        ]  # fmt: skip

    def look_for_room(self) -> None:
        space = storage.archive().working_space()
        if not space.enough:
            words = _("%(free)d MB are free, and %(reserve)d MB must stay free: archiving stops.")
            raise storage.StorageError(
                words % {"free": space.free // 10**6, "reserve": space.reserve // 10**6}, no_space=True
            )

    def write(self) -> None:
        with storage.staging_file() as part:
            with storage.os_errors():
                part.file.write(self.body)
            storage.archive().keep(part.path, self.name)

    def read(self) -> None:
        with storage.archive().open_audio(self.name) as file, storage.os_errors():
            self.read_back = file.read(SIZE + 1)

    def compare(self) -> None:
        part = b"".join(storage.archive().read_range(self.name, 1_000, 2_000))
        if self.read_back != self.body or part != self.body[1_000:2_000]:
            raise storage.StorageError(_("What was read back is not what was written."))

    def list(self) -> None:
        next(iter(storage.archive().names()), None)
        storage.archive().exists(storage.new_name("wav"))

    def ask_as_a_stranger(self) -> None:
        if storage.archive().is_public(self.name):
            raise storage.StorageError(_("What is kept there can be read by others than the portal."))

    def delete(self) -> None:
        storage.archive().delete(self.name)
        if storage.archive().exists(self.name):
            raise storage.StorageError(_("What was deleted is still there."))

    def abandon(self, failed: Step) -> str | None:
        """Delete the file after a failed step; return its name if it may remain."""
        if failed in (Step.SPACE, Step.DELETE):
            return self.name if failed == Step.DELETE else None
        try:
            storage.archive().delete(self.name)
        except storage.StorageError:
            return self.name if failed != Step.WRITE else None
        return None
