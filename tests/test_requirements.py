"""The locked requirements: every file by its hash, nothing about where this was made, the two in agreement."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMES = ("requirements.txt", "requirements-redis.txt", "requirements-test.txt")
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[a-z0-9.]+)(?: ;[^\\]*)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
COMMENT = re.compile(r"#.*| +# +(via( [a-z0-9-]+)?|[a-z0-9-]+)( \(pyproject\.toml\))?")


def lines(name: str) -> list[str]:
    return (ROOT / name).read_text().splitlines()


def pins(name: str) -> dict[str, str]:
    return {found["name"]: found["version"] for line in lines(name) if (found := PIN.fullmatch(line))}


@pytest.mark.parametrize("name", NAMES)
def test_the_lock_holds_names_versions_and_hashes_only(name: str) -> None:
    odd = [
        line
        for line in lines(name)
        if not (PIN.fullmatch(line) or HASH.fullmatch(line) or COMMENT.fullmatch(line))
    ]

    assert odd == []
    assert not re.search(r"://|/|@|--(?!hash)|index|localhost", (ROOT / name).read_text())


@pytest.mark.parametrize("name", NAMES)
def test_every_pin_has_a_hash(name: str) -> None:
    text = lines(name)
    for number, line in enumerate(text):
        if PIN.fullmatch(line):
            assert HASH.fullmatch(text[number + 1]), line


def test_what_is_tested_is_what_runs() -> None:
    runtime, redis, test = map(pins, NAMES)

    assert runtime
    assert {name: redis.get(name) for name in runtime} == runtime
    assert {name: test.get(name) for name in redis} == redis


def test_what_only_the_redis_queue_needs_is_left_out_of_the_default_install() -> None:
    alone = pins("requirements-redis.txt").keys() - pins("requirements.txt").keys()

    assert {"django-tasks-rq", "django-rq", "rq", "redis"} <= alone


def test_the_lock_has_every_dependency_that_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = dict.fromkeys(NAMES, project["dependencies"])
    extras = project["optional-dependencies"]
    wanted["requirements-redis.txt"] = project["dependencies"] + extras["redis"]
    wanted["requirements-test.txt"] = wanted["requirements-redis.txt"] + extras["test"]

    for name, dependencies in wanted.items():
        named = {re.match(r"[A-Za-z0-9-]+", dependency)[0].lower() for dependency in dependencies}  # type: ignore[index]
        assert named <= pins(name).keys()
