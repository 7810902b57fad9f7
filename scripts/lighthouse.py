"""Lighthouse on the pages that are used most, as a phone on a slow network sees them: `make lighthouse`.

Run by scripts/lighthouse.sh, which fetches Lighthouse and gives its path and the number of runs.

It starts the demo in a folder of its own (waitress, hashed and compressed static files), waits until its archive is
done, so that the worker is idle, and measures each page several times, signed in by cookie. It prints the median of
each category, and the most requests and bytes. Exit 1 where a goal is missed.

It needs Chromium and a quiet machine: accessibility and best practices are the same everywhere, performance is a
matter of wall time. Lighthouse's own measure of the machine (`power`) is printed beside it; below QUIET_POWER the
machine is too slow or too busy, and performance is printed but not judged.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from scripts.screenshots import CannotError, chromium_path, demo, say
from tests.chromium import QUIET

GOALS = {"performance": 95, "accessibility": 100, "best-practices": 100}
MOST_REQUESTS, MOST_BYTES = 12, 200_000  # of the list of recordings, with nothing cached
QUIET_POWER = (
    800  # Lighthouse calls it benchmarkIndex; a desktop of 2020 has 1,500, a phone of the middle class 500
)
ARCHIVED = 600  # seconds that the demo's archive may take
LISTED = 60  # seconds until a new call is among the live calls
STEADY = 4  # looks, 5 seconds apart, that find as many waiting
CALLER, SHOWN = "+919624705678", "+91 96247 05678"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of Lighthouse found."""

    scores: dict[str, int]
    requests: int
    bytes: int
    power: float
    faults: frozenset[str]  # audits of accessibility and best practices that failed


class Visitor:
    """Somebody who is signed in to the demo."""

    def __init__(self, at: dict[str, Any]) -> None:
        self.at = at
        self.session = requests.Session()
        token = _one(r'csrfmiddlewaretoken" value="([^"]+)', self.read("login/"))
        form = {"username": at["login"], "password": at["password"], "csrfmiddlewaretoken": token}
        self.session.post(at["address"] + "login/", form, timeout=60).raise_for_status()
        if "sessionid" not in self.session.cookies:
            raise CannotError("the demo did not accept its own password")

    def read(self, address: str) -> str:
        """Return the page at an address relative to the admin."""
        answer = self.session.get(self.at["address"] + address, timeout=60)
        answer.raise_for_status()
        return answer.text

    def pages(self) -> dict[str, str]:
        """Return the addresses of the pages to measure, by name."""
        placed: dict[str, Any] = {
            "auth_id": "MA_DEMO00000001",
            "from": CALLER,
            "to": "+918071387423",
            "direction": "inbound",
        }
        placed |= {"answered_ago": 252, "lasts": 7_200}
        requests.post(f"{self.at['sandbox']}/_sandbox/calls", json=placed, timeout=10).raise_for_status()
        until = time.monotonic() + LISTED
        while SHOWN not in (live := self.read("recordings/call/live/")):  # the list may be some seconds old
            if time.monotonic() > until:
                raise CannotError(f"the live calls did not show the call of {SHOWN} within {LISTED} seconds")
            time.sleep(2)
        row = live[live.index(SHOWN) :]
        archived = self.read("recordings/recording/?kept=archived")
        return {
            "overview": "",
            "live calls": "recordings/call/live/",
            "recordings": "recordings/recording/",
            "recording": _one(r'href="/admin/(recordings/recording/[^/"]+/change/)[^"]*"', archived),
            "start form": _one(r'href="/admin/(recordings/call/[^/"]+/record/)', row),
        }

    def waiting(self) -> int:
        """Return how many recordings wait for the archive."""
        return int(_one(r"<strong>([\d,]+)</strong> Waiting for archive", self.read("")).replace(",", ""))

    def wait_for_archive(self) -> None:
        """Wait until the archive has nothing left to do: those of an account without a token wait for ever."""
        seen = [self.waiting()]
        until = time.monotonic() + ARCHIVED
        while len(seen) < STEADY or len(set(seen[-STEADY:])) > 1:
            if time.monotonic() > until:
                raise CannotError(f"the archive of the demo was not done within {ARCHIVED} seconds")
            time.sleep(5)
            seen.append(self.waiting())


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise CannotError(f"a page of the demo has nothing like {pattern}")
    return found[1]


def measure(lighthouse: Path, chromium: str, url: str, cookie: str) -> Run:
    """Run Lighthouse once, with its own defaults: a phone, and simulated throttling."""
    flags = " ".join(["--headless=new", "--no-sandbox", *QUIET])
    command = [str(lighthouse), url, "--quiet", "--output=json", "--output-path=stdout"]
    command += [
        f"--only-categories={','.join(GOALS)}",
        "--throttling-method=simulate",
        f"--chrome-flags={flags}",
    ]
    command += ["--extra-headers", json.dumps({"Cookie": f"sessionid={cookie}"})]
    env = os.environ | {"CHROME_PATH": chromium}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=env)  # noqa: S603
    if done.returncode:
        raise CannotError(f"Lighthouse failed on {url}: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout)
    if found["finalDisplayedUrl"] != url:
        raise CannotError(f"{url} led to {found['finalDisplayedUrl']}")
    audits = found["audits"]
    sent = [one for one in audits["network-requests"]["details"]["items"] if one["url"].startswith("http")]
    failed = (
        each["id"]
        for name in ("accessibility", "best-practices")
        for each in found["categories"][name]["auditRefs"]
        if each["weight"] and audits[each["id"]]["score"] not in (None, 1)
    )
    return Run(
        {name: round(100 * found["categories"][name]["score"]) for name in GOALS},
        len(sent),
        sum(one["transferSize"] for one in sent),
        found["environment"]["benchmarkIndex"],
        frozenset(failed),
    )


def judge(name: str, runs: list[Run]) -> list[str]:
    """Print the line of a page; return the goals it misses."""
    scores = {goal: round(statistics.median(run.scores[goal] for run in runs)) for goal in GOALS}
    count, size = max(run.requests for run in runs), max(run.bytes for run in runs)
    power = statistics.median(run.power for run in runs)
    said = "  ".join(f"{score:>11}" for score in scores.values())
    say(f"{name:<11} {said}  {count:>8}  {size / 1_000:>5.0f}  {power:>5.0f}")
    missed = [
        f"{name}: {goal} {score}, not {GOALS[goal]}"
        for goal, score in scores.items()
        if score < GOALS[goal] and (goal != "performance" or power >= QUIET_POWER)
    ]
    missed += [f"{name}: {fault}" for fault in sorted(set().union(*(run.faults for run in runs)))]
    if name == "recordings" and (count > MOST_REQUESTS or size > MOST_BYTES):
        missed.append(f"{name}: {count} requests and {size} bytes, not {MOST_REQUESTS} and {MOST_BYTES}")
    return missed


def main(lighthouse: Path, runs: int) -> int:
    """Measure every page; return 1 where a goal is missed."""
    chromium = chromium_path()
    with tempfile.TemporaryDirectory(prefix="portal-lighthouse-") as made, demo(Path(made)) as at:
        visitor = Visitor(at)
        say("Waiting until the demo's recordings are archived …")
        visitor.wait_for_archive()
        cookie = visitor.session.cookies["sessionid"]
        say(f"Medians of {runs} runs:\n{'':<12}{'  '.join(GOALS)}  requests     kB  power")
        missed = []
        for name, address in visitor.pages().items():
            url = at["address"] + address
            missed += judge(name, [measure(lighthouse, chromium, url, cookie) for _ in range(runs)])
    for line in missed:
        say(f"Missed: {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
    except CannotError as error:
        sys.stderr.write(f"Lighthouse could not measure: {error}\n")
        sys.exit(2)
