"""The portal's settings under test: nothing of the developer's own environment but the database."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path

os.environ.update(
    {
        "ENV_FILE": "",
        "PORTAL_URL": "http://127.0.0.1:8000",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "DEBUG": "off",
        "SECRET_KEY": "only-for-tests-and-never-anywhere-else-0123456789",
        "TOKEN_ENCRYPTION_KEYS": "only-for-tests-first-key-0123456789abcdef",
        "VOBIZ_API_URL": "http://127.0.0.1:9/api/v1",
        "VOBIZ_MEDIA_HOSTS": "127.0.0.1",
    }
)
for name in ("CSRF_TRUSTED_ORIGINS", "VOBIZ_AUTH_ID", "VOBIZ_AUTH_TOKEN", "VAR_DIR", "ARCHIVE_STORAGE"):
    os.environ.pop(name, None)
# Tests talk to this machine alone, so no proxy is between; some tests set these names themselves.
for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    os.environ.pop(name)

from vobiz_portal.settings import *  # noqa: E402, F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.flush"]  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def run_id() -> str:
    """Return what tells this checkout's test files from another's: the same at each run, so that one can be reused.

    A second run of the same checkout at the same time gets a name of its own. The workers of a run take its name.
    """
    known = os.environ.get("TEST_RUN_ID")
    if known is not None:
        return known
    checkout = hashlib.sha256(str(BASE_DIR).encode())  # noqa: F405
    for path in sorted((BASE_DIR / "recordings/migrations").glob("*.py")):  # noqa: F405
        checkout.update(path.read_bytes())
    name = checkout.hexdigest()[:12]
    # Held open, and so locked, until this process ends.
    lock = os.open(
        Path(tempfile.gettempdir()) / f"vobiz-portal-test-{name}.lock", os.O_CREAT | os.O_RDWR, 0o600
    )
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        name += f"-{os.getpid()}"
    os.environ["TEST_RUN_ID"] = name
    return name


if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, as in production: threads then have connections of their own, and writers wait for each other.
    # In a folder of its own, as in production: a check asks whether other users of the machine can read it.
    folder = Path(tempfile.gettempdir()) / f"vobiz-portal-test-{run_id()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    DATABASES["default"]["TEST"] = {"NAME": str(folder / "portal.sqlite3")}  # noqa: F405
    # Lost when the machine fails, which no test waits for; tests/worker and tests/archive kill processes only.
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"  # noqa: F405
else:  # likewise
    DATABASES["default"]["OPTIONS"]["options"] = "-c synchronous_commit=off"  # noqa: F405

# Audio goes beside it; the fixture `archive_folder` gives a test a folder of its own.
STORAGES["archive"] = {  # noqa: F405
    "BACKEND": "recordings.storage.folder.ArchiveFolder",
    "OPTIONS": {"location": Path(tempfile.gettempdir()) / f"vobiz-portal-test-archive-{os.getpid()}"},
}

# Plain names and no collectstatic; tests/browser and tests/test_static_files.py use what the portal uses.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True  # finds a file when asked for it; else each test client would list them all
STATIC_ROOT = None  # type: ignore[assignment]
