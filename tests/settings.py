"""The portal's settings under test: nothing of the developer's own environment but the database."""

from __future__ import annotations

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

from vobiz_portal.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, as in production: threads then have connections of their own, and writers wait for each other.
    DATABASES["default"]["TEST"] = {  # noqa: F405
        "NAME": str(Path(tempfile.gettempdir()) / f"vobiz-portal-test-{os.getpid()}.sqlite3")
    }

# Audio goes beside it; the fixture `archive_folder` gives a test a folder of its own.
STORAGES["archive"] = {  # noqa: F405
    "BACKEND": "recordings.storage.folder.ArchiveFolder",
    "OPTIONS": {"location": Path(tempfile.gettempdir()) / f"vobiz-portal-test-archive-{os.getpid()}"},
}

# Plain names and no collectstatic; tests/browser and tests/test_static_files.py use what the portal uses.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_USE_FINDERS = True
STATIC_ROOT = None

# The numbers of the navigation are counted anew on every page.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
