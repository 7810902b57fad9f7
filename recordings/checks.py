"""Wrong settings, said at start-up with their cure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured

from recordings.encryption import MINIMUM_SECRET


@register
def check_secrets(**_kwargs: Any) -> Iterable[CheckMessage]:
    """E001, E002: secrets that must be there."""
    try:
        settings.SECRET_KEY  # noqa: B018 - Django itself raises where it is empty
    except ImproperlyConfigured:
        yield Error("SECRET_KEY is not set.", hint="Put a long random text into .env.", id="recordings.E001")
    keys = settings.TOKEN_ENCRYPTION_KEYS
    if not keys or any(len(key) < MINIMUM_SECRET for key in keys):
        yield Error(
            "TOKEN_ENCRYPTION_KEYS is empty or holds a secret shorter than 32 characters.",
            hint="Put one random text of 32 characters or more into .env; newest first when you change it.",
            id="recordings.E002",
        )


@register
def check_addresses(**_kwargs: Any) -> Iterable[CheckMessage]:
    """E003 to E006: PORTAL_URL, the API and hosts."""
    portal = urlsplit(settings.PORTAL_URL)
    if portal.scheme not in {"http", "https"} or not portal.hostname:
        yield Error(
            "PORTAL_URL is not a URL.", hint="Such as https://portal.example.com", id="recordings.E003"
        )
    elif portal.path or portal.query or portal.fragment or portal.username or portal.password:
        yield Error(
            "PORTAL_URL has a path, query, user or final slash.",
            hint="Only scheme, host and, if it is not the usual one, port: https://portal.example.com",
            id="recordings.E003",
        )
    if portal.scheme == "http" and not settings.LOCAL_MODE:
        yield Error(
            "PORTAL_URL must be https outside local mode.",
            hint="Local mode holds only where PORTAL_URL and every name in ALLOWED_HOSTS is loopback.",
            id="recordings.E004",
        )
    api = urlsplit(settings.VOBIZ_API_URL)
    if (
        not api.hostname
        or api.scheme not in {"http", "https"}
        or (api.scheme == "http" and not settings.LOCAL_MODE)
    ):
        yield Error(
            "VOBIZ_API_URL must be an https URL.", hint="https://api.vobiz.ai/api/v1", id="recordings.E005"
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield Error("ALLOWED_HOSTS holds *.", hint="Name the portal's own hosts.", id="recordings.E006")


@register
def check_limits(**_kwargs: Any) -> Iterable[CheckMessage]:
    """E007, E008, W001: DEBUG, timeouts and page size."""
    if settings.DEBUG and not settings.LOCAL_MODE:
        yield Error(
            "DEBUG is on outside local mode.", hint="Remove DEBUG from the settings.", id="recordings.E007"
        )
    for name in ("VOBIZ_CONNECT_TIMEOUT", "VOBIZ_READ_TIMEOUT", "VOBIZ_TOTAL_TIMEOUT"):
        if not 0 < getattr(settings, name) <= 3600:
            yield Error(
                f"{name} must be between 0 and 3600 seconds.", hint="Remove it.", id="recordings.E008"
            )
    if not 1 <= settings.VOBIZ_PAGE_SIZE <= 100:
        yield Warning(
            "VOBIZ_PAGE_SIZE is outside 1 to 100; Vobiz gives at most 100 rows a page.",
            hint="Remove it: 100 is the default, and smaller pages are handled whatever Vobiz gives.",
            id="recordings.W001",
        )
