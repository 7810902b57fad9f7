"""The demo's settings file: made once, completed when something is missing, and readable as settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vobiz_portal.sandbox.demo_settings import (
    NAME,
    SECRETS,
    Ports,
    bare_environment,
    read_settings,
    write_settings,
)

PORTS = Ports(portal=8000, api=8100, media=8101)


def test_a_first_start_makes_every_secret_and_each_is_another(tmp_path: Path) -> None:
    values = write_settings(tmp_path / "demo", PORTS)

    secrets = [values[name] for name in SECRETS]
    assert len(set(secrets)) == len(SECRETS)
    assert min(len(secret) for secret in secrets) >= 16
    assert write_settings(tmp_path / "other", PORTS)["SECRET_KEY"] != values["SECRET_KEY"]


def test_only_its_owner_may_read_the_file_and_the_folder(tmp_path: Path) -> None:
    write_settings(tmp_path / "demo", PORTS)

    assert (tmp_path / "demo").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "demo" / NAME).stat().st_mode & 0o777 == 0o600
    assert [found.name for found in (tmp_path / "demo").iterdir()] == [NAME]


def test_a_second_start_keeps_the_secrets_and_moves_to_its_own_ports(tmp_path: Path) -> None:
    first = write_settings(tmp_path, PORTS)
    second = write_settings(tmp_path, Ports(portal=9000, api=9100, media=9101))

    assert {name: second[name] for name in SECRETS} == {name: first[name] for name in SECRETS}
    assert second["PORTAL_URL"] == "http://127.0.0.1:9000"
    assert second["VOBIZ_API_URL"] == "http://127.0.0.1:9100/api/v1"


@pytest.mark.parametrize("lost", SECRETS)
def test_a_half_finished_file_is_completed_and_what_it_has_is_kept(tmp_path: Path, lost: str) -> None:
    whole = write_settings(tmp_path, PORTS)
    lines = (tmp_path / NAME).read_text().splitlines(keepends=True)
    (tmp_path / NAME).write_text("".join(line for line in lines if not line.startswith(f"{lost}=")))

    completed = write_settings(tmp_path, PORTS)

    assert completed[lost]
    assert completed[lost] != whole[lost]
    assert {name: value for name, value in completed.items() if name != lost} == {
        name: value for name, value in whole.items() if name != lost
    }
    assert read_settings(tmp_path / NAME) == completed


@pytest.mark.parametrize("rest", [b"", b"SECRET_KEY=abc", b"SECRET_KEY", b"\x00\xff\xfe half", b"=\n=x\n"])
def test_the_rest_of_a_spoilt_file_becomes_a_whole_one(tmp_path: Path, rest: bytes) -> None:
    (tmp_path / NAME).write_bytes(rest)

    values = write_settings(tmp_path, PORTS)

    assert len(values["SECRET_KEY"]) >= 32
    assert read_settings(tmp_path / NAME) == values


def test_what_the_developer_adds_is_kept_as_written(tmp_path: Path) -> None:
    write_settings(tmp_path, PORTS)
    with (tmp_path / NAME).open("a") as file:
        file.write("export DEFAULT_REGION='US'\nPORTAL_URL=https://portal.example.com\n")

    values = write_settings(tmp_path, PORTS)

    assert values["DEFAULT_REGION"] == "US"
    assert values["PORTAL_URL"] == "http://127.0.0.1:8000", (
        "where the demo listens is not for the file to say"
    )


def test_the_portal_reads_the_file_as_it_was_meant_whatever_the_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / 'a folder\'s "odd" #name \\ $HOME'
    values = write_settings(folder, PORTS)

    names = "SECRET_KEY", "PORTAL_URL", "LOCAL_MODE", "DEBUG", "VOBIZ_API_URL", "VAR_DIR"
    program = f"from vobiz_portal import settings\nfor name in {names}: print(getattr(settings, name))"
    told = subprocess.run(
        [sys.executable, "-c", program],
        env=bare_environment({"ENV_FILE": str(folder / NAME)}),
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.splitlines() == [
        values["SECRET_KEY"],
        "http://127.0.0.1:8000",
        "True",
        "False",
        "http://127.0.0.1:8100/api/v1",
        str(folder.resolve()),
    ]


def test_no_setting_of_the_developer_reaches_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://production.example.com/portal")
    monkeypatch.setenv("A_SETTING_OF_TOMORROW", "x")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    environment = bare_environment({"ENV_FILE": "e"})

    assert "DATABASE_URL" not in environment
    assert "A_SETTING_OF_TOMORROW" not in environment
    assert environment["ENV_FILE"] == "e"
    assert environment["LC_ALL"] == "C.UTF-8"
    assert environment["PATH"] == os.environ["PATH"]
