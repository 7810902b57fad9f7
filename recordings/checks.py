"""Wrong settings, said at start-up with their cure."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import phonenumbers
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured
from django.http.request import validate_host

from recordings.encryption import MINIMUM_SECRET
from recordings.search.index import FULL_TEXT_TABLES
from recordings.vobiz.addresses import InvalidAddressError, bracketed, checked_api_url, is_loopback
from recordings.vobiz.transport import CONNECTIONS

DATABASES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")
SMALLEST_PAGE, LARGEST_PAGE = 10, 100
LONGEST_SWEEP = 60
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
# The access log must go back a year; the overview looks for callbacks among two months' recordings.
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "recordings.E016": {
        "ACCESS_RETENTION_DAYS": (365, 36_500), "CALLBACK_RETENTION_DAYS": (61, 36_500), "AT_RISK_DAYS": (1, 365),
    },
    "recordings.E019": dict.fromkeys(
        ("STARTS_PER_USER_MINUTE", "STARTS_PER_USER_DAY", "STARTS_PER_ACCOUNT_MINUTE", "STARTS_PER_ACCOUNT_DAY"),
        (0, 1_000_000),
    ),
    "recordings.E020": {
        "SESSION_IDLE_HOURS": (0.1, 720), "SESSION_MAX_DAYS": (0.1, 90), "REAUTHENTICATION_MINUTES": (0, 1_440),
    },
}  # fmt: skip
ONLY_LOCALLY = "Local mode holds only where PORTAL_URL and every name in ALLOWED_HOSTS is loopback."


@register
def check_secrets(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check secrets that must be there (E001, E002)."""
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
def check_portal_url(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check the address Vobiz is given and people use (E003, E004, E006)."""
    problem = _problem_of_portal_url(settings.PORTAL_URL)
    if problem is not None:
        yield Error(
            f"PORTAL_URL {problem}.",
            hint="Only scheme, host and, if it is not the usual one, port: https://portal.example.com",
            id="recordings.E003",
        )
        return
    portal = urlsplit(settings.PORTAL_URL)
    if portal.scheme == "http" and not settings.LOCAL_MODE:
        yield Error("PORTAL_URL must be https outside local mode.", hint=ONLY_LOCALLY, id="recordings.E004")
    if "*" in settings.ALLOWED_HOSTS:
        yield Error("ALLOWED_HOSTS holds *.", hint="Name the portal's own hosts.", id="recordings.E006")
    elif not validate_host(bracketed(portal.hostname or ""), settings.ALLOWED_HOSTS):
        yield Error(
            "ALLOWED_HOSTS does not hold the host of PORTAL_URL, so the portal would answer nobody there.",
            hint="Remove ALLOWED_HOSTS, or add that host to it.",
            id="recordings.E006",
        )


@register
def check_vobiz(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check the API, the hosts of audio, deadlines, page size, region (E005, E008, E009, E011)."""
    try:
        checked_api_url(settings.VOBIZ_API_URL, local=settings.LOCAL_MODE)
    except InvalidAddressError as problem:
        yield Error(
            f"VOBIZ_API_URL cannot be used. {problem}",
            hint="Remove it: https://api.vobiz.ai/api/v1 is the default.",
            id="recordings.E005",
        )
    for host in settings.VOBIZ_MEDIA_HOSTS:
        if not _is_host_name(host):
            yield Error(
                f"VOBIZ_MEDIA_HOSTS holds {host!r}, which is not the exact name of a host.",
                hint="Names alone, without https://, port, path or *: media.vobiz.ai",
                id="recordings.E009",
            )
    for name in ("VOBIZ_CONNECT_TIMEOUT", "VOBIZ_READ_TIMEOUT", "VOBIZ_TOTAL_TIMEOUT"):
        if not 0 < getattr(settings, name) <= 3600:
            yield Error(
                f"{name} must be between 0 and 3600 seconds.", hint="Remove it.", id="recordings.E008"
            )
    if not SMALLEST_PAGE <= settings.VOBIZ_PAGE_SIZE <= LARGEST_PAGE:
        yield Error(
            f"VOBIZ_PAGE_SIZE must be {SMALLEST_PAGE} to {LARGEST_PAGE}, the most that Vobiz gives.",
            hint="Remove it: 100 is the default, and smaller pages are handled whatever Vobiz gives.",
            id="recordings.E008",
        )
    if not 0 <= settings.VOBIZ_PREFETCH <= CONNECTIONS:
        yield Error(
            f"VOBIZ_PREFETCH must be 0 to {CONNECTIONS}.",
            hint="Remove it: 8 is the default, and fewer pages are fetched at once when Vobiz answers 429.",
            id="recordings.E008",
        )
    if settings.DEFAULT_REGION not in phonenumbers.SUPPORTED_REGIONS:
        yield Error(
            f"DEFAULT_REGION {settings.DEFAULT_REGION!r} is not a country's two letters.",
            hint="Such as IN.",
            id="recordings.E011",
        )


@register
def check_environment(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check values that cannot be read, and a database the portal is not made for (E010, E012)."""
    for name in settings.UNREADABLE_SETTINGS:
        yield Error(
            f"{name} is not a number.", hint="Correct it, or remove it from .env.", id="recordings.E010"
        )
    if settings.DATABASES["default"]["ENGINE"] not in DATABASES:
        yield Error(
            "DATABASE_URL must be of SQLite or PostgreSQL.",
            hint="postgres://user:password@host:5432/name",
            id="recordings.E012",
        )


@register
def check_archive_storage(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check where our copies of the audio are kept (E014)."""
    kind, _, bucket = settings.ARCHIVE_STORAGE.partition("://")
    if kind == "file" and not bucket:
        return
    if kind != "s3" or not BUCKET.fullmatch(bucket):
        yield Error(
            "ARCHIVE_STORAGE is neither file nor s3:// and the name of a bucket.",
            hint="file keeps the audio in VAR_DIR; s3://my-bucket in object storage. No path after the bucket.",
            id="recordings.E014",
        )
        return
    for name in ("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"):
        if not getattr(settings, name):
            yield Error(
                f"ARCHIVE_STORAGE is a bucket, and {name} is not set.",
                hint="Enter the key that your object storage gave you.",
                id="recordings.E014",
            )
    problem = _problem_of_endpoint(settings.S3_ENDPOINT_URL)
    if problem is not None:
        yield Error(
            f"S3_ENDPOINT_URL {problem}.",
            hint="Such as https://s3.example.com; leave it out for Amazon's own.",
            id="recordings.E014",
        )


@register
def check_ranges(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check how long things are kept (E016), how many starts are allowed (E019), how long sessions last (E020)."""
    for code, ranges in RANGES.items():
        for name, (least, most) in ranges.items():
            if not least <= getattr(settings, name) <= most:
                yield Error(
                    f"{name} must be {least} to {most}.",
                    hint="Correct it, or remove it from .env.",
                    id=code,
                )


@register
def check_single_sign_on(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check the issuer of single sign-on, where one is set (E021)."""
    given = [settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET]
    if not any(given):
        return
    if not all(given):
        yield Error(
            "Single sign-on takes OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET together.",
            hint="Enter what is missing, or remove all three.",
            id="recordings.E021",
        )
        return
    problem = _problem_of_issuer(settings.OIDC_ISSUER)
    if problem is not None:
        yield Error(
            f"OIDC_ISSUER {problem}.",
            hint="Such as https://accounts.google.com, without /.well-known/openid-configuration.",
            id="recordings.E021",
        )


@register
def check_background_work(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check where tasks wait, and how often a worker looks by itself (E017, W001)."""
    if settings.TASKS_BACKEND != "database" and not settings.ON_REDIS:
        yield Error(
            "TASKS_BACKEND is neither database nor the address of a Redis.",
            hint="Remove it, or such as redis://127.0.0.1:6379/1",
            id="recordings.E017",
        )
    elif settings.ON_REDIS and (lacks := _lacks_of_redis(settings.TASKS_BACKEND)):
        yield CheckWarning(
            f"TASKS_BACKEND is a Redis on another machine, reached without {lacks}.",
            hint="Such as rediss://portal:PASSWORD@redis.example.com:6380/0, unless its network is private.",
            id="recordings.W001",
        )
    if not 0.1 <= settings.SWEEP_SECONDS <= LONGEST_SWEEP:
        yield Error(
            f"SWEEP_SECONDS must be between 0.1 and {LONGEST_SWEEP}.",
            hint="Remove it: 15 is the default.",
            id="recordings.E017",
        )


@register
def check_search(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check that SQLite can search: FTS5 with the tokenizers of its indexes (E023)."""
    if settings.DATABASES["default"]["ENGINE"] != DATABASES[0]:
        return
    with closing(sqlite3.connect(":memory:")) as connection:
        for number, table in enumerate(FULL_TEXT_TABLES):
            try:
                connection.execute(
                    f'CREATE VIRTUAL TABLE t{number} USING fts5(a, tokenize="{table.tokenizer}")'
                )
            except sqlite3.OperationalError as error:
                yield Error(
                    f"Python's SQLite ({sqlite3.sqlite_version}) cannot make a search index: {error}",
                    hint="Use a Python whose SQLite is 3.34 or newer with FTS5, or PostgreSQL (DATABASE_URL).",
                    id="recordings.E023",
                )
                return


@register
def check_monitoring(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check the token of the metrics, and the format of the log (E022)."""
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < MINIMUM_SECRET:
        yield Error(
            "METRICS_TOKEN is shorter than 32 characters.",
            hint="Put a long random text there, or remove it: then there are no metrics.",
            id="recordings.E022",
        )
    if settings.LOG_FORMAT not in {"line", "json"}:
        yield Error(
            "LOG_FORMAT is neither line nor json.",
            hint="Remove it: line is the default.",
            id="recordings.E022",
        )


@register
def check_modes(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check that other users of this machine cannot read settings, database or audio (W002); POSIX only."""
    if os.name != "posix":
        return
    database = settings.DATABASES["default"]
    on_sqlite = database["ENGINE"] == DATABASES[0] and Path(database["NAME"]).is_absolute()
    # A group may read the settings: the service's own, where they belong to root.
    private: list[tuple[str, Path | None, int]] = [
        ("The settings file", settings.ENV_FILE, 0o007),
        ("VAR_DIR", settings.VAR_DIR, 0o077),
        ("The database", Path(database["NAME"]) if on_sqlite else None, 0o077),
        ("The archive", settings.VAR_DIR / "archive", 0o077),
    ]
    for what, path, others in private:
        if path is not None and _is_open(path, others):
            right = "o=" if others == 0o007 else "go="
            yield CheckWarning(
                f"{what} can be read or entered by other users of this machine: {path}",
                hint=f"Run: chmod {right} {path}",
                id="recordings.W002",
            )


@register
def check_local_mode(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Check what only a portal that nobody else can reach may do (E007, E013)."""
    if settings.LOCAL_MODE:
        return
    if settings.DEBUG:
        yield Error(
            "DEBUG is on outside local mode.", hint="Remove DEBUG from the settings.", id="recordings.E007"
        )
    lax = [
        name
        for name in (
            "SESSION_COOKIE_SECURE",
            "CSRF_COOKIE_SECURE",
            "SECURE_SSL_REDIRECT",
            "SECURE_HSTS_SECONDS",
        )
        if not getattr(settings, name)
    ]
    if lax:
        yield Error(
            f"{', '.join(lax)} must be on outside local mode.", hint=ONLY_LOCALLY, id="recordings.E013"
        )
    if "vobiz_portal.sandbox" in settings.INSTALLED_APPS:
        yield Error("The sandbox is installed outside local mode.", hint=ONLY_LOCALLY, id="recordings.E013")


@register(deploy=True)
def check_static_files(**_kwargs: Any) -> Iterable[CheckMessage]:
    """E018: the collected static files, without which every page is an error. With DEBUG none are needed."""
    if settings.DEBUG or not isinstance(staticfiles_storage, ManifestFilesMixin):
        return
    problem = _problem_of_manifest(Path(settings.STATIC_ROOT) / staticfiles_storage.manifest_name)
    if problem is not None:
        yield Error(problem, hint="Run: python manage.py collectstatic --no-input", id="recordings.E018")


def _problem_of_manifest(manifest: Path) -> str | None:
    """Return why the collected static files at `manifest` cannot be used; None if they can."""
    if not manifest.exists():
        return "The static files are not collected, so no page can be shown."
    collected_at = manifest.stat().st_mtime
    files = (storage.path(name) for finder in get_finders() for name, storage in finder.list([]))
    newer = next((path for path in files if Path(path).stat().st_mtime > collected_at), None)
    return None if newer is None else f"The collected static files are older than {newer}."


def _problem_of_portal_url(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        return "is not a URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isascii() or " " in url:
        return "is not a URL"
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc or url.endswith(("?", "#", "/")):
        return "has a path, query, user or final slash"
    return None


def _problem_of_issuer(url: str) -> str | None:
    """Return why nobody must be sent to `url` to sign in."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "is not a URL"
    if (
        parts.scheme not in {"http", "https"}
        or not host
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        return "is not the URL of an issuer"
    if "/.well-known/" in url:
        return "names a document instead of the issuer"
    return None if parts.scheme == "https" or is_loopback(host) else "must be https"


def _problem_of_endpoint(url: str) -> str | None:
    """Return why audio and its keys must not be sent to `url`; empty is Amazon's own, over https."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "is not a URL"
    if not url:
        return None
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc or parts.query:
        return "is not the address of a server"
    if parts.scheme == "http" and not is_loopback(host):
        return "must be https, because audio and credentials go there"
    return None


def _is_open(path: Path, others: int) -> bool:
    """Return whether `path` exists, has one of the bits `others`, and lies in a folder that has one too."""
    try:
        return bool(path.stat().st_mode & others and path.parent.stat().st_mode & others)
    except OSError:
        return False


def _lacks_of_redis(url: str) -> str:
    """Return what the connection to a Redis lacks that is not on this machine; empty if nothing."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "an address that can be read"
    if parts.scheme == "unix" or is_loopback(host):
        return ""
    lacks = [] if parts.scheme == "rediss" else ["TLS"]
    return " and ".join(lacks if parts.password else [*lacks, "a password"])


def _is_host_name(host: str) -> bool:
    if is_loopback(host):
        return True
    labels = host.split(".")
    return all(label and label.isascii() and label.replace("-", "").isalnum() for label in labels)
