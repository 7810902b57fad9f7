"""The start of a web server, which runs the system checks of recordings/checks.py and refuses wrong settings."""

from __future__ import annotations

from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from recordings.checks import check_static_files


def refuse_wrong_settings() -> None:
    """Raise ImproperlyConfigured, with every error and its cure, if a system check finds one."""
    # Commands run without static files; a web server does not.
    found = [*run_checks(), *check_static_files()]
    errors = [message for message in found if message.is_serious() and not message.is_silenced()]
    if errors:
        raise ImproperlyConfigured("\n".join(["The settings are wrong:", *map(str, errors)]))
