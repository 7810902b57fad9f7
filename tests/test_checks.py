"""Every wrong setting is a system check with an id and a cure; good ones are silent."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from pytest_django import Settings

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
    *[("E016", {"CALLBACK_RETENTION_DAYS": days}) for days in (0, 60, 36_501)],
]  # fmt: skip


def found(changed: Settings, changes: dict[str, Any]) -> list[CheckMessage]:
    """What our checks say of a portal that others can reach, with `changes`."""
    without = [app for app in WITH_SANDBOX if app != "vobiz_portal.sandbox"]
    for name, value in {**GOOD_ELSEWHERE, "INSTALLED_APPS": without, **changes}.items():
        setattr(changed, name, value)
    return [message for message in run_checks() if str(message.id).startswith("recordings.")]


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
