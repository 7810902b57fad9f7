"""Callbacks while passwords are guessed, and what 10,000 guesses come to: with nginx before the portal and without.

The portal is a process (SQLite, `manage.py serve`), nginx runs with deploy/nginx.conf, and each guess has an address
of its own in 127.0.0.0/8. Client, proxy and portal share the machine.
"""

from __future__ import annotations

import argparse
import itertools
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from multiprocessing import get_context
from pathlib import Path
from ssl import create_default_context
from typing import Any
from urllib.parse import urlencode

from bench.portal import prepared
from tests.faults.rig import Rig
from tests.ports import free_ports
from tests.proxy import nginx

FORM = "application/x-www-form-urlencoded"
TOKEN = "a" * 32
MAKE_PEOPLE = """
from django.contrib.auth.models import User
from django.utils import timezone
from recordings import connect
for number in range(5):
    User.objects.create_superuser(f"person{number}", password="seven-lotus-parcels")
print(connect.store("MA_BENCH000001", "only-for-measuring-0123456789", now=timezone.now())[0].callback_key)
"""
A_LINK = """
from django.contrib.auth.models import User
from recordings.mail import password_link
print(password_link(User.objects.get(username="person0")))
"""


class Target:
    """Where requests go, and from which address of this machine they come."""

    def __init__(self, port: int, authority: str = "") -> None:
        self.port, self.authority = port, authority

    def send(
        self, path: str, form: dict[str, str] | None = None, *, source: str = "127.0.0.1", cookie: str = ""
    ) -> tuple[int, dict[str, str]]:
        """Send one request on a connection of its own; return the status and the headers."""
        headers = {
            "Host": "localhost",
            "Cookie": f"csrftoken={TOKEN}; {cookie}",
            "Referer": "https://localhost/",
        }
        if self.authority:
            context = create_default_context(cafile=self.authority)
            connection: HTTPConnection = HTTPSConnection(
                "127.0.0.1", self.port, timeout=60, source_address=(source, 0), context=context
            )
        else:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
            headers["X-Forwarded-For"] = source
        with closing(connection):
            body = None if form is None else urlencode({**form, "csrfmiddlewaretoken": TOKEN})
            kind = {} if body is None else {"Content-Type": FORM}
            connection.request("GET" if body is None else "POST", path, body, {**headers, **kind})
            answer = connection.getresponse()
            answer.read()
            cookies = [text.partition(";")[0] for name, text in answer.getheaders() if name == "Set-Cookie"]
            return answer.status, {**dict(answer.getheaders()), "Set-Cookie": "; ".join(cookies)}

    def guess(self, name: str, password: str, source: str, cookie: str = "") -> int:
        """Try to sign in; return the status."""
        return self.send(
            "/admin/login/", {"username": name, "password": password}, source=source, cookie=cookie
        )[0]


def address(number: int) -> str:
    """Return an address of this machine; each number has its own."""
    return f"127.{10 + number // 60_000}.{number // 250 % 240}.{number % 250 + 1}"


@contextmanager
def guessing(target: Target, guessers: int) -> Iterator[Counter[int]]:
    """Have so many guess side by side, each try from another address; count the answers.

    They are processes, five guessers in each: their own work must not slow down who sends callbacks.
    """
    answers: Counter[int] = Counter()
    spawning = get_context("spawn")
    over, results = spawning.Event(), spawning.Queue()
    processes = [
        spawning.Process(target=guess_on, args=(target, first, min(5, guessers - first), over, results))
        for first in range(0, guessers, 5)
    ]
    for one in processes:
        one.start()
    for _each in processes:
        results.get()  # they begin
    try:
        yield answers
    finally:
        over.set()
        for _each in processes:
            answers.update(results.get())
        for one in processes:
            one.join()


def guess_on(target: Target, first: int, count: int, over: Any, results: Any) -> None:
    """Guess in so many threads until it is over; put one word at the beginning, and the answers at the end."""
    answers: Counter[int] = Counter()

    def guess(number: int) -> None:
        for tries in itertools.count():
            if over.is_set():
                return
            try:
                status = target.guess(f"person{tries % 5}", f"guess{tries}", address(number * 997 + tries))
            except (OSError, HTTPException):
                status = 0
            answers[status] += 1

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(first, first + count)]
    results.put("began")
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    results.put(answers)


def callbacks(target: Target, key: str, seconds: float) -> list[float]:
    """Send one callback after the other, and return how long each took."""
    took, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        status, _headers = target.send(
            f"/callbacks/account/{key}/",
            {"recording_id": f"of-{began}", "call_uuid": "a-call", "recording_duration": "5"},
        )
        if status != 200:
            raise RuntimeError(f"a callback was answered with {status}")
        took.append(time.monotonic() - began)
    return took


def measure_callbacks(ways: dict[str, Target], key: str, guessers: list[int], seconds: float) -> None:
    """Print a table of how long callbacks take while so many guess."""
    print("| | guessers | callbacks | median, s | 95 % | longest | guesses worked on | refused |")
    print("|---|---|---|---|---|---|---|---|")
    for (way, target), count in itertools.product(ways.items(), guessers):
        with guessing(target, count) as answers:
            took = sorted(callbacks(target, key, seconds))
        refused = sum(number for status, number in answers.items() if status in {429, 503})
        middle, late = statistics.median(took), took[int(len(took) * 0.95)]
        times = f"{len(took)} | {middle:.2f} | {late:.2f} | {took[-1]:.2f}"
        print(f"| {way} | {count} | {times} | {answers[200]} | {refused} |", flush=True)


def exhaust(target: Target, rig: Rig, guesses: int, addresses: int, threads: int) -> None:
    """Guess at five accounts until each guess was decided on, then let the right person in."""
    known = known_browser(target)
    numbers, lock, answers = iter(range(guesses)), threading.Lock(), Counter[int]()

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            while (
                status := target.guess(f"person{number % 5}", f"guess{number}", address(number % addresses))
            ) == 503:
                answers[status] += 1
                time.sleep(0.2)
            answers[status] += 1

    began = time.monotonic()
    running = [threading.Thread(target=work) for _each in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    print(
        f"{guesses} guesses from {addresses} addresses in {time.monotonic() - began:.0f} s; answers: {dict(answers)}"
    )
    with closing(sqlite3.connect(rig.folder / "portal.sqlite3")) as rows:
        worked = rows.execute(
            "SELECT username, count(*) FROM recordings_accessevent WHERE action = 'sign_in' AND result = 'refused' "
            "GROUP BY username ORDER BY username"
        ).fetchall()
    print("evaluated for each account:", dict(worked))
    right, elsewhere = "seven-lotus-parcels", address(50_000)
    print("right password, new browser:", target.guess("person0", right, elsewhere))
    print("right password, known browser:", target.guess("person0", right, elsewhere, known))
    link = rig.manage("shell", "-v0", "-c", A_LINK).stdout.strip().partition("/admin/")[2]
    status, headers = target.send(f"/admin/{link}", source=elsewhere)
    session = cookie_of(headers, "sessionid")
    new = {"new_password1": "eight-lotus-parcels", "new_password2": "eight-lotus-parcels"}
    status, headers = target.send(
        headers.get("Location", f"/admin/{link}"), new, source=elsewhere, cookie=session
    )
    known = cookie_of(headers, "device") if status == 302 else ""
    print(
        "after a link to set a password, that browser:",
        target.guess("person0", "eight-lotus-parcels", elsewhere, known),
    )


def cookie_of(headers: dict[str, str], name: str) -> str:
    """Return a cookie that was set, as it is sent back."""
    return next(one for one in headers["Set-Cookie"].split("; ") if one.startswith(f"{name}="))


def known_browser(target: Target) -> str:
    """Sign in as person0, and return the cookie by which the browser is known from then on."""
    while True:
        status, headers = target.send(
            "/admin/login/",
            {"username": "person0", "password": "seven-lotus-parcels"},
            source=address(55_000),
        )
        if status == 302:
            return cookie_of(headers, "device")
        if status != 503:
            raise RuntimeError(f"the sign-in was answered with {status}")
        time.sleep(0.5)


def main() -> int:
    """Measure what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guessers", type=int, nargs="*", default=[0, 8, 40])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--guesses", type=int, default=10_000, help="0: only the callbacks")
    parser.add_argument("--addresses", type=int, default=1_000)
    parser.add_argument("--threads", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), api_url="http://127.0.0.1:9/api/v1", prepared=prepared())
        port = free_ports(2)
        rig.environment["PORTAL_URL"] = f"https://localhost:{port}"
        rig.environment["CSRF_TRUSTED_ORIGINS"] = "https://localhost,https://127.0.0.1"
        key = rig.manage("shell", "-v0", "-c", MAKE_PEOPLE).stdout.strip().splitlines()[-1]
        rig.start("web")
        try:
            with nginx(Path(folder) / "nginx", rig.port, host="localhost", proxy_port=port) as proxy:
                ways = {
                    "without a proxy": Target(rig.port),
                    "behind nginx": Target(proxy.port, proxy.authority),
                }
                if given.guessers:
                    measure_callbacks(ways, key, given.guessers, given.seconds)
                if given.guesses:
                    exhaust(ways["behind nginx"], rig, given.guesses, given.addresses, given.threads)
        finally:
            rig.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
