"""A portal to be measured: this process, with settings, a database and an archive of its own."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import threading
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

SPAWN = get_context("spawn")
AUTH_ID, TOKEN = "MA_BENCH000001", "only-for-measuring-0123456789"


def settle_in(folder: str, **settings: str) -> None:
    """Become the portal in `folder`. Once for each process, before anything of Django is used."""
    os.environ.update({
        "ENV_FILE": "", "VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "vobiz_portal.settings",
        "PORTAL_URL": "http://127.0.0.1:8000", "SECRET_KEY": "only-for-measuring-0123456789-0123456789-0123456789",
        "TOKEN_ENCRYPTION_KEYS": "only-for-measuring-0123456789-0123456789", **settings,
    })  # fmt: skip
    import django

    django.setup()


def prepared() -> Path | None:
    """Return the folder with a migrated SQLite database and the static files, where the tests name one."""
    named = os.environ.get("BENCH_PREPARED")
    return Path(named) if named else None


def make(folder: str, **settings: str) -> None:
    """Settle in, in an empty folder: a database with one account."""
    copied = None if "DATABASE_URL" in settings else prepared()
    if copied:
        shutil.copytree(copied, folder, dirs_exist_ok=True)
    settle_in(folder, **settings)
    from django.core.management import call_command
    from django.utils import timezone

    from recordings import connect

    if not copied:
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
    connect.store(AUTH_ID, TOKEN, now=timezone.now(), name="Bench")


def options(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help is the bench's own description."""
    raw = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=description, formatter_class=raw)


def on_database(url: str) -> dict[str, str]:
    """Return the settings of a portal on this PostgreSQL; none without one, which is SQLite."""
    return {"DATABASE_URL": url} if url else {}


def serve(threads: int) -> Any:
    """Serve the portal of this process with waitress; return the server, which listens."""
    import waitress
    from django.core.wsgi import get_wsgi_application

    server = waitress.create_server(get_wsgi_application(), host="127.0.0.1", port=0, threads=threads)
    threading.Thread(target=server.run, daemon=True).start()
    return server


def ratio(ours: Sequence[float], baseline: Sequence[float]) -> float:
    """How many times the baseline: of each round, for a busy machine slows both; then the median."""
    return statistics.median(one / other for one, other in zip(ours, baseline, strict=True))
