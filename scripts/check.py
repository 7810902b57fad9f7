"""Check what was changed, in seconds: style, types, and the tests that mirror the changed files.

    python -m scripts.check            what differs from the branch `main`, and what is not committed
    python -m scripts.check FILE ...   these files

The tests of a file are those of the same name in the mirrored folder (`recordings/sync/runs.py`:
`tests/sync/test_runs*.py`), else those of that folder that import it. No browser; the test database is kept between
runs, so migrations run only where one is new (`make check CREATE=1` makes it anew).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = (sys.executable, "-m")
UNMIRRORED = {"recordings", "vobiz_portal", "management"}  # folders that tests/ does not repeat
MOST_TESTS = 12  # test files; `make test` runs them all


def main(named: list[str]) -> int:
    """Return 0 when all that was tried passes."""
    files = [Path(name) for name in named] or changed()
    tests = tests_of(files)[:MOST_TESTS]
    steps = [
        ("Style", [*PYTHON, "ruff", "check", "-q", "."]),
        ("Format", [*PYTHON, "ruff", "format", "-q", "--check", "."]),
    ]
    if any(path.suffix == ".py" for path in files):
        steps.append(("Types", [*PYTHON, "mypy.dmypy", "run", "--timeout", "3600", "--", "."]))
    if tests:
        steps.append(
            ("Tests", [*PYTHON, "pytest", "-q", "--reuse-db", "-m", "not browser", *create_db(), *tests])
        )
    failed = [name for name, command in steps if not passes(name, command)]
    if failed:
        sys.stderr.write(f"FAILED: {', '.join(failed)}\n")
    return 1 if failed else 0


def passes(name: str, command: list[str]) -> bool:
    """Run one step, with its output on the terminal."""
    sys.stdout.write(f"== {name}\n")
    sys.stdout.flush()
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0  # noqa: S603 - our own commands


def create_db() -> list[str]:
    """Return the option that makes the kept test database anew, where CREATE asks for it."""
    return ["--create-db"] if os.environ.get("CREATE") else []


def changed() -> list[Path]:
    """Return the files that differ from `main`, or from the last commit where there is no `main`."""
    base = git("merge-base", "HEAD", "main") or ["HEAD"]
    differing = git("diff", "--name-only", "--diff-filter=d", base[0])
    return [Path(name) for name in (*differing, *git("ls-files", "--others", "--exclude-standard"))]


def git(*arguments: str) -> list[str]:
    """Return the lines of git's answer; none where git fails."""
    done = subprocess.run(  # noqa: S603 - our own arguments
        ["git", *arguments],  # noqa: S607 - the developer's git
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.split() if done.returncode == 0 else []


def tests_of(files: list[Path]) -> list[str]:
    """Return the paths of the test files that mirror these files, without duplicates, in order."""
    found = [str(test) for path in files for test in tests_of_one(path)]
    return list(dict.fromkeys(found))


def tests_of_one(path: Path) -> list[Path]:
    """Return the test files that mirror one file."""
    if path.suffix != ".py":
        return []
    if path.parts[0] == "tests":
        is_test = path.name.startswith("test_") and "browser" not in path.parts
        return [path] if is_test and (ROOT / path).is_file() else []
    room = Path("tests", *[part for part in path.parts[:-1] if part not in UNMIRRORED])
    while not (ROOT / room).is_dir():
        room = room.parent
    same_name = sorted((ROOT / room).glob(f"**/test_{path.stem}*.py"))
    candidates = same_name or [
        test for test in sorted((ROOT / room).glob("**/test_*.py")) if imports(test, path)
    ]
    return [test.relative_to(ROOT) for test in candidates if "browser" not in test.parts]


def imports(test: Path, path: Path) -> bool:
    """Whether a test file names the module of `path` in an import."""
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    package, _dot, name = module.rpartition(".")
    text = test.read_text(encoding="utf-8")
    return bool(
        re.search(rf"^(?:from|import) {re.escape(module)}\b", text, re.MULTILINE)
        or re.search(rf"^from {re.escape(package)} import [^\n]*\b{re.escape(name)}\b", text, re.MULTILINE)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
