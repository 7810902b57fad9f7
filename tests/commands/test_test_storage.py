"""`test_storage`: by its exit status and its JSON, before a recording depends on it."""

from __future__ import annotations

from pathlib import Path

from tests.commands.shell import manage, run
from tests.object_storage import ObjectStorage

STEPS = ["space", "write", "read", "compare", "list", "private", "delete"]


def test_a_storage_that_works_exits_clean(archive_folder: Path) -> None:
    done = run("test_storage", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert done.json == {
        "ok": True, "storage": f"file://{archive_folder}", "steps": [{"step": one, "ok": True} for one in STEPS],
        "failed": None, "message": None, "cure": None, "left": None,
    }  # fmt: skip
    assert "can keep recordings: enough room, write, read back" in run("test_storage").stdout


def test_a_storage_that_does_not_says_which_step_why_and_what_to_do(archive_folder: Path) -> None:
    archive_folder.write_bytes(b"a file where the folder should be")
    done = run("test_storage", "--json")
    assert done.code == 1
    assert done.json["steps"] == [{"step": "space", "ok": True}, {"step": "write", "ok": False}]
    assert (done.json["ok"], done.json["failed"]) == (False, "write")
    assert done.json["cure"] in done.stderr
    assert done.stderr.startswith("Write: The archive's folder could not be used")
    assert run("test_storage").stdout.strip() == f"file://{archive_folder} cannot keep recordings."


def test_the_settings_of_an_object_storage_reach_it_from_the_environment(
    object_storage: ObjectStorage, tmp_path: Path
) -> None:
    given = object_storage.environment() | {"VAR_DIR": str(tmp_path), "DATABASE_URL": "sqlite:///:memory:"}
    done = manage("test_storage", "--json", **given)
    assert (done.code, done.json["ok"]) == (0, True), done.stderr
    done = manage("test_storage", "--json", **given | {"S3_SECRET_ACCESS_KEY": "wrong"})
    assert (done.code, done.json["failed"]) == (1, "write")
    assert object_storage.secret_key not in done.stdout + done.stderr
    assert object_storage.names() == []
