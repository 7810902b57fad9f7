"""The Chromium that the browser tests drive: the machine's own, never one that is downloaded.

`python -m tests.chromium` prints its path, or exits 1 where there is none.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

# The headless shell is the same engine without the windows of a browser: half the CPU time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
# A test's browser talks to the test's servers and to nobody else.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-first-run",
)


def find_chromium() -> str | None:
    """The path of a Chromium: what CHROMIUM names, else one on PATH, else macOS's usual place."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    for name in NAMES:
        if found := shutil.which(name):
            return found
    return str(ON_MACOS) if ON_MACOS.exists() else None


def launch(playwright: Playwright) -> Browser:
    """A headless Chromium; without one the test is skipped, or fails where REQUIRE_BROWSER=1."""
    path = find_chromium()
    if path is None:
        missing = "no Chromium on this machine: apt-get install chromium, or set CHROMIUM to its path"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    arguments = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else list(QUIET)
    return playwright.chromium.launch(executable_path=path, args=arguments)


if __name__ == "__main__":
    found_at = find_chromium()
    if found_at is None:
        sys.exit(1)
    sys.stdout.write(f"{found_at}\n")
