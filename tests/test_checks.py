"""Every wrong setting is a system check with an id and a cure; good ones are silent."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from pytest_django import Settings

from recordings.search.index import FullTextTable

GOOD_ELSEWHERE: dict[str, Any] = {
    "LOCAL_MODE": False, "PORTAL_URL": "https://portal.example.com", "ALLOWED_HOSTS": ["portal.example.com"],
    "VOBIZ_API_URL": "https://api.vobiz.ai/api/v1", "SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True,
    "SECURE_SSL_REDIRECT": True, "SECURE_HSTS_SECONDS": 3600,
}  # fmt: skip
S3_ELSEWHERE: dict[str, Any] = {
    "ARCHIVE_STORAGE": "s3://my-recordings", "S3_ENDPOINT_URL": "https://s3.example.com",
    "S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "secret",
}  # fmt: skip
WITH_SANDBOX = [*settings.INSTALLED_APPS]  # the tests run in local mode
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("E001", {"SECRET_KEY": ""}),
    ("E002", {"TOKEN_ENCRYPTION_KEYS": []}),
    ("E002", {"TOKEN_ENCRYPTION_KEYS": ["x" * 32, "x" * 31]}),
    *[
        ("E003", {"PORTAL_URL": url})
        for url in (
            "", "portal.example.com", "ftp://portal.example.com", "https://", "https://portal.example.com/",
            "https://portal.example.com/x", "https://portal.example.com?x", "https://portal.example.com?",
            "https://portal.example.com#x", "https://me@portal.example.com", "https://me:pw@portal.example.com",
            "https://portal.example.com:99999", "https://[::1", "https://pörtal.example.com", "https://a b",
        )
    ],
    ("E004", {"PORTAL_URL": "http://portal.example.com"}),
    *[
        ("E005", {"VOBIZ_API_URL": url})
        for url in ("", "http://api.vobiz.ai/api/v1", "https://x@api.vobiz.ai/api/v1", "https://api.vobiz.ai/?x")
    ],
    ("E006", {"ALLOWED_HOSTS": ["*"]}),
    ("E006", {"ALLOWED_HOSTS": ["another.example.com"]}),
    ("E007", {"DEBUG": True}),
    *[
        ("E008", {name: seconds})
        for name in ("VOBIZ_CONNECT_TIMEOUT", "VOBIZ_READ_TIMEOUT", "VOBIZ_TOTAL_TIMEOUT")
        for seconds in (0, -1, 3601, float("nan"), float("inf"))
    ],
    *[("E008", {"VOBIZ_PAGE_SIZE": size}) for size in (0, 9, 101)],
    *[("E008", {"VOBIZ_PREFETCH": pages}) for pages in (-1, 33)],
    *[
        ("E009", {"VOBIZ_MEDIA_HOSTS": ["media.vobiz.ai", host]})
        for host in ("https://x.vobiz.ai", "*.vobiz.ai", "media.vobiz.ai:8443", "a/b", "a..b", "médiα.ai", "a b")
    ],
    ("E010", {"UNREADABLE_SETTINGS": ["VOBIZ_PAGE_SIZE"]}),
    ("E011", {"DEFAULT_REGION": "India"}),
    ("E011", {"DEFAULT_REGION": "XX"}),
    *[("E017", {"TASKS_BACKEND": where}) for where in ("redis", "http://127.0.0.1:6379", "amqp://127.0.0.1")],
    *[("E017", {"SWEEP_SECONDS": seconds}) for seconds in (0, -1, 61, float("nan"))],
    ("E012", {"DATABASES": {"default": {"ENGINE": "django.db.backends.mysql"}}}),
    *[
        ("E013", {name: False})
        for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS")
    ],
    ("E013", {"INSTALLED_APPS": WITH_SANDBOX}),
    *[("E016", {"ACCESS_RETENTION_DAYS": days}) for days in (-1, 364, 36_501)],
    *[("E016", {"AT_RISK_DAYS": days}) for days in (0, 366)],
    ("E019", {"STARTS_PER_USER_MINUTE": -1}),
    ("E019", {"STARTS_PER_ACCOUNT_DAY": 1_000_001}),
    ("E021", {"OIDC_ISSUER": "https://id.example.com"}),
    *[
        ("E021", {"OIDC_ISSUER": url, "OIDC_CLIENT_ID": "portal", "OIDC_CLIENT_SECRET": "secret"})
        for url in ("http://id.example.com", "id.example.com", "https://[::1", "https://a.example/.well-known/x")
    ],
    ("E022", {"METRICS_TOKEN": "x" * 31}),
    ("E022", {"LOG_FORMAT": "xml"}),
    *[("E020", {"SESSION_IDLE_HOURS": hours}) for hours in (0, -1, 721)],
    ("E020", {"SESSION_MAX_DAYS": 91}),
    ("E020", {"REAUTHENTICATION_MINUTES": -1}),
    *[("E016", {"CALLBACK_RETENTION_DAYS": days}) for days in (0, 60, 36_501)],
]  # fmt: skip


def found(changed: Settings, changes: dict[str, Any]) -> list[CheckMessage]:
    """What our checks say of a portal that others can reach, with `changes`."""
    without = [app for app in WITH_SANDBOX if app != "vobiz_portal.sandbox"]
    for name, value in {**GOOD_ELSEWHERE, "INSTALLED_APPS": without, **changes}.items():
        setattr(changed, name, value)
    # Where this checkout's own files lie is told to the tests of modes only.
    passed_over = set() if "VAR_DIR" in changes else {"recordings.W002"}
    ours = [message for message in run_checks() if str(message.id).startswith("recordings.")]
    return [message for message in ours if message.id not in passed_over]


def test_good_settings_are_silent(settings: Settings) -> None:
    assert found(settings, {}) == []


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
@pytest.mark.parametrize(("check", "changes"), WRONG)
def test_a_wrong_setting_is_an_error_with_a_cure(
    settings: Settings, check: str, changes: dict[str, Any]
) -> None:
    messages = found(settings, changes)
    assert [message.id for message in messages] == [f"recordings.{check}"]
    assert messages[0].is_serious()
    assert messages[0].hint


@pytest.mark.parametrize(
    "changes",
    [
        {"ALLOWED_HOSTS": [".example.com"]},
        {"PORTAL_URL": "https://portal.example.com:8443"},
        {"VOBIZ_MEDIA_HOSTS": ["media.vobiz.ai", "s3.amazonaws.com", "audio-1"]},
        {"PORTAL_URL": "https://[2001:db8::1]", "ALLOWED_HOSTS": ["[2001:db8::1]"]},
    ],
)
def test_what_is_unusual_but_right_is_silent(settings: Settings, changes: dict[str, Any]) -> None:
    assert found(settings, changes) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"PORTAL_URL": "http://127.0.0.1:8000", "ALLOWED_HOSTS": ["127.0.0.1"]},
        {"VOBIZ_API_URL": "http://127.0.0.1:8100/api/v1"},
        {"DEBUG": True},
        {"SESSION_COOKIE_SECURE": False, "SECURE_SSL_REDIRECT": False},
    ],
)
def test_what_only_local_mode_allows_it_allows(settings: Settings, changes: dict[str, Any]) -> None:
    assert found(settings, {"LOCAL_MODE": True, **changes}) == []


# Warnings


ON_REDIS = {"ON_REDIS": True}


@pytest.mark.parametrize(
    ("url", "lacks"),
    [
        ("redis://redis.example.com:6379/0", "TLS and a password"),
        ("rediss://redis.example.com:6379/0", "a password"),
        ("redis://:secret@redis.example.com:6379/0", "TLS"),
        ("rediss://portal:secret@redis.example.com:6380/0", ""),
        ("redis://127.0.0.1:6379/1", ""),
        ("unix:///run/redis/redis.sock", ""),
    ],
)
def test_a_redis_on_another_machine_takes_tls_and_a_password(
    settings: Settings, url: str, lacks: str
) -> None:
    messages = found(settings, {"TASKS_BACKEND": url, **ON_REDIS})
    assert [message.id for message in messages] == (["recordings.W001"] if lacks else [])
    assert all(message.msg.endswith(f"without {lacks}.") and message.hint for message in messages)
    assert "secret" not in str(messages)


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX systems")
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
@pytest.mark.parametrize(
    ("opened", "mode"),
    [("var", 0o755), ("var", 0o750), ("database", 0o644), ("var/archive", 0o755), (".env", 0o644)],
)
def test_what_others_can_read_is_named_with_its_cure(
    settings: Settings, tmp_path: Path, opened: str, mode: int
) -> None:
    places = {"var": tmp_path / "var", "database": tmp_path / "database", ".env": tmp_path / ".env"}
    tmp_path.chmod(0o755)
    for folder in (tmp_path / "var", tmp_path / "var/archive"):
        folder.mkdir(mode=0o700)
    for name in ("database", ".env"):
        places[name].touch(mode=0o600)
    changes = {
        "VAR_DIR": tmp_path / "var",
        "ENV_FILE": tmp_path / ".env",
        "DATABASES": {
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "database")}
        },
    }
    assert found(settings, changes) == []

    if opened == "var/archive":
        (tmp_path / "var").chmod(0o711)
        assert [message.id for message in found(settings, changes)] == ["recordings.W002"]  # VAR_DIR alone
    (tmp_path / opened).chmod(mode)

    messages = found(settings, changes)
    assert {message.id for message in messages} == {"recordings.W002"}
    assert any(str(message.hint).endswith(f" {tmp_path / opened}") for message in messages)
    for message in messages:
        subprocess.run(str(message.hint).removeprefix("Run: ").split(), check=True)
    assert found(settings, changes) == []


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX systems")
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_the_services_group_may_read_the_settings(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / ".env").touch(mode=0o640)
    tmp_path.chmod(0o755)
    tmp_path.joinpath("var").mkdir(mode=0o700)
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    changes = {"ENV_FILE": tmp_path / ".env", "VAR_DIR": tmp_path / "var", "DATABASES": {"default": database}}
    assert found(settings, changes) == []
    (tmp_path / ".env").chmod(0o644)
    assert [message.id for message in found(settings, changes)] == ["recordings.W002"]


def test_a_sqlite_that_cannot_search_is_said_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one without the tokenizer `trigram` answers."""
    lacking = FullTextTable("x", "y", {}, "no_such_tokenizer")
    monkeypatch.setattr("recordings.checks.FULL_TEXT_TABLES", [lacking])
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")

    found = [message for message in run_checks() if message.id == "recordings.E023"]

    assert "no_such_tokenizer" in found[0].msg
    assert "PostgreSQL" in str(found[0].hint)
