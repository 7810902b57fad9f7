"""Every setting of the portal, read from the environment. `.env.example` explains each one.

Local mode is derived, never set: where every host is loopback, Vobiz cannot reach the portal, so it cannot
be a production one, and only there are http, cookies without Secure and the sandbox allowed.
"""

from __future__ import annotations

import logging
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF

from recordings.vobiz.addresses import bracketed, is_loopback

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
Value = TypeVar("Value")

# Names of settings whose value cannot be read; their defaults hold, and a check names them.
UNREADABLE_SETTINGS: list[str] = []

# It would quote a line it cannot read, and that line may hold a secret.
logging.getLogger("environ.environ").setLevel(logging.ERROR)
_env_file = os.environ.get("ENV_FILE", str(BASE_DIR / ".env"))
if _env_file and Path(_env_file).is_file():
    environ.Env.read_env(_env_file)
ENV_FILE = Path(_env_file) if _env_file else None


def text(name: str, default: str = "") -> str:
    """Return a setting without surrounding blanks; an empty one counts as not set."""
    return os.environ.get(name, "").strip() or default


def names(name: str, default: list[str]) -> list[str]:
    """Return a comma-separated list."""
    return [part.strip() for part in text(name).split(",") if part.strip()] or default


def read(name: str, default: Value, kind: Callable[[str], Value]) -> Value:
    """Return a setting converted by `kind`, or the default where it cannot be converted."""
    try:
        return kind(text(name)) if text(name) else default
    except ValueError:
        UNREADABLE_SETTINGS.append(name)
        return default


def switch(name: str, *, default: bool) -> bool:
    """Return a setting that is on or off."""
    return text(name, "on" if default else "off").lower() in {"1", "on", "true", "yes"}


def host_of(url: str) -> str:
    """Return the host of a URL in the form of ALLOWED_HOSTS; empty where it has none, which a check reports."""
    try:
        return bracketed(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def make_private(file: Path) -> None:
    """Make an empty file that only its owner can read, where there is none: SQLite would make it readable by all."""
    if file.parent.is_dir() and not file.exists():
        file.touch(mode=0o600)


# Where the portal is
PORTAL_URL = text("PORTAL_URL", "http://127.0.0.1:8000")
PORTAL_HOST = host_of(PORTAL_URL)
ALLOWED_HOSTS = names("ALLOWED_HOSTS", [PORTAL_HOST] if PORTAL_HOST else [])
LOCAL_MODE = is_loopback(PORTAL_HOST) and all(is_loopback(host) for host in ALLOWED_HOSTS)
CSRF_TRUSTED_ORIGINS = names(
    "CSRF_TRUSTED_ORIGINS", [PORTAL_URL] if PORTAL_URL.startswith("https://") else []
)
DEBUG = switch("DEBUG", default=False)
SECRET_KEY = text("SECRET_KEY")

# Where things are kept
VAR_DIR = Path(text("VAR_DIR", str(BASE_DIR / "var")))
VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
DATABASES = {
    "default": environ.Env.db_url_config(text("DATABASE_URL", f"sqlite:///{VAR_DIR / 'portal.sqlite3'}"))
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE is the setting that matters: with it, writers wait for each other instead of failing.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    # Opening a connection for each request, and closing it, costs as much as a callback's statements.
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    if DATABASES["default"]["NAME"] != ":memory:":
        make_private(Path(DATABASES["default"]["NAME"]))
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # A callback must be answered within three seconds, also when the database is away; and a machine or network that
    # falls silent in the midst of a statement holds a request for seconds, not for as long as the system retries.
    # No statement_timeout: it would end the index builds of a migration too, PgBouncer may refuse to pass it on, and a
    # frozen server ends nothing. Requests limit their waits themselves (recordings/database_waits.py).
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 1,  # seconds, as the others are
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": 5_000,  # milliseconds
    } | DATABASES["default"].get("OPTIONS", {})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Where our copies of the audio are kept: `file` (a folder in VAR_DIR) or `s3://bucket`.
ARCHIVE_STORAGE = text("ARCHIVE_STORAGE", "file")
S3_ENDPOINT_URL = text("S3_ENDPOINT_URL")
S3_REGION = text("S3_REGION")
S3_ACCESS_KEY_ID = text("S3_ACCESS_KEY_ID")
S3_SECRET_ACCESS_KEY = text("S3_SECRET_ACCESS_KEY")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is ever uploaded
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    "archive": {
        "BACKEND": "recordings.storage.folder.ArchiveFolder",
        "OPTIONS": {"location": VAR_DIR / "archive"},
    },
}
if ARCHIVE_STORAGE.startswith("s3://"):
    STORAGES["archive"] = {
        "BACKEND": "recordings.storage.bucket.ArchiveBucket",
        "OPTIONS": {
            "bucket_name": ARCHIVE_STORAGE.removeprefix("s3://"),
            "endpoint_url": S3_ENDPOINT_URL or None,
            "region_name": S3_REGION or None,
            "access_key": S3_ACCESS_KEY_ID,
            "secret_key": S3_SECRET_ACCESS_KEY,
            "staging": VAR_DIR / "incoming",
        },
    }

# How long, in days
ACCESS_RETENTION_DAYS = read("ACCESS_RETENTION_DAYS", 730, int)
AT_RISK_DAYS = read("AT_RISK_DAYS", 7, int)
CALLBACK_RETENTION_DAYS = read("CALLBACK_RETENTION_DAYS", 90, int)

# How many recordings may be started: whoever holds a session, or has a script, must not spend without a limit.
STARTS_PER_USER_MINUTE = read("STARTS_PER_USER_MINUTE", 40, int)
STARTS_PER_USER_DAY = read("STARTS_PER_USER_DAY", 1_000, int)
STARTS_PER_ACCOUNT_MINUTE = read("STARTS_PER_ACCOUNT_MINUTE", 100, int)
STARTS_PER_ACCOUNT_DAY = read("STARTS_PER_ACCOUNT_DAY", 5_000, int)

# Vobiz
VOBIZ_API_URL = text("VOBIZ_API_URL", "https://api.vobiz.ai/api/v1")
VOBIZ_MEDIA_HOSTS = names("VOBIZ_MEDIA_HOSTS", ["media.vobiz.ai", "recordings.vobiz.ai", "storage.vobiz.ai"])
VOBIZ_AUTH_ID = text("VOBIZ_AUTH_ID")
VOBIZ_AUTH_TOKEN = text("VOBIZ_AUTH_TOKEN")
VOBIZ_CONNECT_TIMEOUT = read("VOBIZ_CONNECT_TIMEOUT", 3.0, float)
VOBIZ_READ_TIMEOUT = read("VOBIZ_READ_TIMEOUT", 10.0, float)
VOBIZ_TOTAL_TIMEOUT = read("VOBIZ_TOTAL_TIMEOUT", 60.0, float)
VOBIZ_PAGE_SIZE = read("VOBIZ_PAGE_SIZE", 100, int)
VOBIZ_PREFETCH = read("VOBIZ_PREFETCH", 8, int)
TOKEN_ENCRYPTION_KEYS = names("TOKEN_ENCRYPTION_KEYS", [])
DEFAULT_REGION = text("DEFAULT_REGION", "IN").upper()

# Background work: the rows say what is due, a task in the queue only says that something may be
SWEEP_SECONDS = read("SWEEP_SECONDS", 15.0, float)
TASKS_BACKEND = text("TASKS_BACKEND", "database")
QUEUES = ["settle", "sync", "archive"]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": QUEUES}}
WORKER_QUEUE = "recordings.worker.database_queue.DatabaseQueue"
ON_REDIS = TASKS_BACKEND.startswith(("redis://", "rediss://", "unix://"))
if ON_REDIS:
    TASKS["default"]["BACKEND"] = "django_tasks_rq.RQBackend"
    WORKER_QUEUE = "recordings.worker.redis_queue.RedisQueue"
    # A callback must be answered within three seconds, also when the queue is away; a task ends when it is done.
    _timeouts = ("&" if "?" in TASKS_BACKEND else "?") + "socket_connect_timeout=1&socket_timeout=1"
    RQ_QUEUES = {
        name: {
            "URL": TASKS_BACKEND + _timeouts,
            "DEFAULT_TIMEOUT": -1,
            "DEFAULT_RESULT_TTL": 3600,
            # RQ's default is pickle: whoever could write to Redis could run code in the worker.
            "SERIALIZER": "rq.serializers.JSONSerializer",
        }
        for name in QUEUES
    }
    RQ = {"COMMIT_MODE": "auto"}
    RQ_SHOW_ADMIN_LINK = False
    MIGRATION_MODULES = {"django_rq": None}  # it has no tables, so changing the queue needs no migrate

# The default one is shared by all processes: it counts guesses and remembers used codes. The other saves a query.
CACHES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "recordings.shared_cache.DatabaseCache"},
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
if ON_REDIS:
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": TASKS_BACKEND + _timeouts,
        "KEY_PREFIX": "vobiz-portal",
        "OPTIONS": {"serializer": "django.core.signing.JSONSerializer"},  # its default is pickle
    }

# Django
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_tasks",
    "django_tasks_db",  # with either queue, so that changing it is changing a setting
    "recordings",
]
if ON_REDIS:
    INSTALLED_APPS.append("django_rq")
if LOCAL_MODE:
    INSTALLED_APPS.append("vobiz_portal.sandbox")

MIDDLEWARE = [
    "vobiz_portal.logs.RequestIdMiddleware",
    "vobiz_portal.headers.ResponseHeadersMiddleware",
    "recordings.monitoring.middleware.MonitoringMiddleware",
    "recordings.webhooks.rehearsal.RehearsalMiddleware",
    "recordings.webhooks.middleware.CallbackHostMiddleware",  # before anything asks for the Host
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "vobiz_portal.compression.PageCompressionMiddleware",
    "vobiz_portal.null_bytes.NullByteMiddleware",
    "recordings.database_waits.DatabaseWaitsMiddleware",  # before anything asks the database
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "recordings.signin.sessions.SessionLimitsMiddleware",
    "recordings.signin.middleware.SecondFactorMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "recordings.admin.reader.ReaderZone",
    "recordings.admin.shell.NarrowedAccounts",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "recordings.signin.confirmation.ConfirmationMiddleware",  # it may show a page, so after what pages need
]
ROOT_URLCONF = "vobiz_portal.urls"
WSGI_APPLICATION = "vobiz_portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
_VALIDATORS = "django.contrib.auth.password_validation."
AUTH_PASSWORD_VALIDATORS: list[dict[str, object]] = [
    {"NAME": f"{_VALIDATORS}MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_VALIDATORS}CommonPasswordValidator"},
    {"NAME": f"{_VALIDATORS}UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATORS}NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# Sign-in. django-allauth's defaults would let anybody sign up, and ask nobody for a second factor.
MFA_REQUIRED = switch("MFA_REQUIRED", default=not LOCAL_MODE)
SESSION_IDLE_HOURS = read("SESSION_IDLE_HOURS", 12.0, float)
SESSION_MAX_DAYS = read("SESSION_MAX_DAYS", 7.0, float)
SESSION_COOKIE_AGE = int(SESSION_MAX_DAYS * 86_400)
REAUTHENTICATION_MINUTES = read("REAUTHENTICATION_MINUTES", 0 if LOCAL_MODE else 15, int)
ACCOUNT_ADAPTER = "recordings.signin.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SIGNUP_ENABLED = False
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_RATE_LIMITS = False  # the portal's own count before a password is hashed
SOCIALACCOUNT_ADAPTER = "recordings.signin.adapters.SocialAccountAdapter"
SOCIALACCOUNT_ONLY = False
EMAIL_URL = text("EMAIL_URL")
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = text("EMAIL_FROM", f"Vobiz Portal <portal@{PORTAL_HOST or 'localhost'}>")
if EMAIL_URL:
    vars().update(environ.Env.email_url_config(EMAIL_URL))
else:
    EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
SOCIALACCOUNT_STORE_TOKENS = False
OIDC_ISSUER = text("OIDC_ISSUER")
OIDC_CLIENT_ID = text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = text("OIDC_CLIENT_SECRET")
OIDC_LABEL = text("OIDC_LABEL", "Single sign-on")
OIDC_TRUSTS_EMAIL = switch("OIDC_TRUSTS_EMAIL", default=False)
OIDC_ASKS_SECOND_FACTOR = switch("OIDC_ASKS_SECOND_FACTOR", default=False)
MFA_ADAPTER = "recordings.signin.adapters.MFAAdapter"
MFA_RATE_LIMITS = False
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = False
MFA_TOTP_TOLERANCE = 1  # the code before and the one after, for a clock that is 30 s wrong
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True  # the forms below check that it is that of PORTAL_URL
MFA_FORMS = {
    "activate_totp": "recordings.signin.forms.AddAppForm",
    "add_webauthn": "recordings.signin.forms.AddPasskeyForm",
    "authenticate": "recordings.signin.forms.CodeForm",
    "authenticate_webauthn": "recordings.signin.forms.PasskeyForm",
    "login_webauthn": "recordings.signin.forms.PasskeySignInForm",
}
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]  # no catalogue of ours exists in another: half a page would be English
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"  # written by collectstatic: hashed names, and a compressed copy of each file

# What a browser may do with our pages
_issuer = urlsplit(OIDC_ISSUER)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "media-src": [SELF],
        "connect-src": [SELF],
        "font-src": [SELF],
        # A form of ours leads to the issuer of single sign-on.
        "form-action": [SELF, *([f"{_issuer.scheme}://{_issuer.netloc}"] if OIDC_ISSUER else [])],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
# As Django sets them; stated because the security of pages and sessions depends on them
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
USE_X_FORWARDED_HOST = False
if not LOCAL_MODE:
    # TLS ends at the proxy in front, which must overwrite X-Forwarded-Proto (README).
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^callbacks/"]  # Vobiz would not follow; the signature base is PORTAL_URL
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"

REST_FRAMEWORK = {
    # APIView opts out of Django's LoginRequiredMiddleware, so the default must refuse by itself.
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}

# For whoever watches it
METRICS_TOKEN = text("METRICS_TOKEN")
LOG_FORMAT = text("LOG_FORMAT", "line")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "vobiz_portal.redaction.RedactingFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "vobiz_portal.logs.JSONFormatter"},
    },
    "filters": {"refusals": {"()": "vobiz_portal.log_budget.RefusalBudget"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "json" if LOG_FORMAT == "json" else "line",
            "filters": ["refusals"],
        }
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Django's own default would mail error pages, with the request's body in them, to ADMINS. Naming this one
        # also takes the development server's own handler away, which would write callback keys.
        "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "urllib3": {"level": "ERROR"},
        # one line for each request
        "vobiz_portal.logs": {"level": "INFO" if LOG_FORMAT == "json" else "WARNING"},
    },
}
