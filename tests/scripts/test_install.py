"""`make install`: finds a Python, makes .venv once, and mends what an earlier install left half-finished."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
NEEDED = ("sh", "cmp", "cp", "dirname", "find", "flock", "head", "mkdir", "rm", "make", "env", "cat")
COLLECTSTATIC = """
import pathlib, sys
assert sys.argv[1] == "collectstatic"
pathlib.Path("var/static").mkdir(parents=True, exist_ok=True)
pathlib.Path("var/static/staticfiles.json").write_text("{}")
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with the usual tools and no Python."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in NEEDED:
        if path := shutil.which(name):
            (folder / name).symlink_to(path)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout as far as installing needs it, with nothing in its lock, so that no network is needed."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements-test.txt").write_text("# nothing\n")
    (folder / "static").mkdir()
    (folder / "manage.py").write_text(COLLECTSTATIC)
    return folder


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def real_python(tools: Path, name: str = "python3") -> None:
    script(tools / name, f'exec {sys._base_executable} "$@"')  # type: ignore[attr-defined]


def make_install(checkout: Path, tools: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "install"],
        cwd=checkout,
        env={"PATH": str(tools), "HOME": str(checkout)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_python_the_cure_is_named(checkout: Path, tools: Path) -> None:
    done = make_install(checkout, tools)

    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_is_too_old_is_named_beside_the_cure(checkout: Path, tools: Path) -> None:
    script(tools / "python3", 'if [ "$1" = --version ]; then echo "Python 3.9.2"; fi')

    done = make_install(checkout, tools)

    assert done.returncode != 0
    assert "What python3 is here: Python 3.9.2" in done.stderr


def test_without_the_venv_module_the_cure_is_named(checkout: Path, tools: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    lacking = "import sys; sys.modules['ensurepip'] = None; exec(sys.argv[2])"
    script(tools / "python3", f'exec {sys.executable} -c "{lacking}" "$@"')

    done = make_install(checkout, tools)

    assert done.returncode != 0
    assert f"apt-get install {version}-venv" in done.stderr


def test_a_version_managers_command_for_a_missing_version_is_passed_over(tools: Path) -> None:
    script(tools / "python3.11", "echo 'python3.11: command not found' >&2; exit 127")
    real_python(tools, "python3.12")

    done = subprocess.run(
        ["sh", str(ROOT / "scripts" / "find-python.sh")],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert Path(done.stdout.strip()).samefile(sys._base_executable)  # type: ignore[attr-defined]


def test_an_install_is_done_once_and_done_again_when_it_was_cut_short(checkout: Path, tools: Path) -> None:
    real_python(tools)
    first = make_install(checkout, tools)
    assert first.returncode == 0, first.stderr
    assert "Installing" in first.stdout
    witness = checkout / ".venv" / "witness"
    witness.touch()

    again = make_install(checkout, tools)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    (checkout / "requirements-test.txt").write_text("# nothing more\n")
    changed = make_install(checkout, tools)
    assert "Installing" in changed.stdout
    assert witness.exists(), "a changed lock is installed into the environment that is there"

    (checkout / ".venv" / "unfinished").touch()
    mended = make_install(checkout, tools)
    assert mended.returncode == 0, mended.stderr
    assert "An earlier install was not finished" in mended.stdout
    assert not witness.exists()
    assert (
        subprocess.run([checkout / ".venv/bin/python", "-m", "pip", "--version"], check=False).returncode == 0
    )


def test_an_install_that_fails_says_so_and_is_not_taken_for_a_whole_one(checkout: Path, tools: Path) -> None:
    real_python(tools)
    (checkout / "requirements-test.txt").write_text("without-a-hash==1.0\n")

    done = make_install(checkout, tools)

    assert done.returncode != 0
    assert "The packages could not be installed" in done.stderr
    assert (checkout / ".venv" / "unfinished").exists()
    assert not (checkout / ".venv" / "installed-requirements.txt").exists()


def test_the_clean_environment_has_no_setting_of_the_developer() -> None:
    done = subprocess.run(
        ["sh", "-c", ". scripts/clean-env.sh; env"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "LC_ALL": "C",
            "DATABASE_URL": "postgres://production/x",
            "SECRET_KEY": "a\nB=c",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    told = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert told.pop("ENV_FILE") == ""
    assert told.keys() - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "LC_ALL"}
