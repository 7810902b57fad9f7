"""What goes on at Vobiz and in front of the portal while faults happen: calls, operators, commands."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from queue import Queue
from uuid import UUID

import psycopg
import requests

from tests.faults.rig import Rig
from vobiz_portal.sandbox.state import NotFoundError, SandboxState

BOSS, PASSWORD = "boss", "a-password-of-the-fault-tests"
AWAY = (requests.RequestException, psycopg.Error, OSError)
SENT_AGAIN = 4  # times that a browser or its person sends one form


class Life:
    """Everything that happens by itself until `stop` is set. One seed makes the same choices."""

    def __init__(self, rig: Rig, state: SandboxState, accounts: tuple[str, str, str], seed: int) -> None:
        self.rig, self.state, self.seed = rig, state, seed
        self.main, self.sub, self.other = accounts
        self.stop = threading.Event()
        self.counts: Counter[str] = Counter()
        self.trouble: list[BaseException] = []
        self.intents: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._browsers: Queue[requests.Session] = Queue()

    def begin(self) -> None:
        """Begin all of it, each part in a thread of its own, once the operators are signed in."""
        for _ in range(2):
            self._browsers.put(sign_in(self.rig))
        parts: list[tuple[str, Callable[[random.Random], None]]] = [
            ("calls", self._calls), ("commands", self._commands),
            ("operator-1", self._operate), ("operator-2", self._operate),
        ]  # fmt: skip
        for name, part in parts:
            rng = random.Random(f"{self.seed}/{name}")
            thread = threading.Thread(target=self._guarded, args=(part, rng), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def end(self) -> None:
        """Stop it all; raise what went wrong in the harness itself."""
        self.stop.set()
        for thread in self._threads:
            thread.join(timeout=120)
        for trouble in self.trouble:
            raise trouble

    def _guarded(self, part: Callable[[random.Random], None], rng: random.Random) -> None:
        try:
            part(rng)
        except BaseException as trouble:  # noqa: BLE001 - raised by `end`
            self.trouble.append(trouble)
            self.stop.set()

    # At Vobiz

    def _calls(self, rng: random.Random) -> None:
        """Call flows that record by themselves, recordings of others, and deletions in Vobiz's console."""
        while not self.stop.wait(rng.uniform(0.3, 1.2)):
            what = rng.random()
            if what < 0.5:
                self.state.place_call(self.other, lasts=rng.uniform(1, 4), flow=True)
                self.counts["calls of a call flow"] += 1
            elif what < 0.9:
                self.state.add_recording(self.main, age_days=rng.uniform(0, 5), duration=rng.randint(1, 8))
                self.counts["recordings of others"] += 1
            else:
                _count, listed = self.state.page([self.main], limit=50)
                if listed:
                    with suppress(NotFoundError):
                        self.state.delete_recording(rng.choice(listed).recording_id)
                        self.counts["deletions at Vobiz"] += 1

    # At the portal

    def _commands(self, rng: random.Random) -> None:
        """An operator's commands, some of which are killed."""
        while not self.stop.wait(rng.uniform(1, 3)):
            command = rng.choice(
                [("sync_recordings", "--full"), ("archive_recordings",), ("sync_recordings",)]
            )
            process = self.rig.begin(*command)
            self.counts["commands"] += 1
            lives = rng.uniform(0.5, 4)
            with suppress(Exception):
                process.wait(timeout=lives if rng.random() < 0.5 else 60)
            if process.poll() is None:
                process.kill()
                self.counts["kills of a command"] += 1
            process.wait()

    def _operate(self, rng: random.Random) -> None:
        """Start and stop recordings by the portal's pages, with double clicks and forms sent again."""
        browser = self._browsers.get()
        for number in count():
            if self.stop.wait(rng.uniform(0.05, 0.4)):
                return
            auth_id = self.main if number % 2 else self.sub
            call = self.state.place_call(auth_id, lasts=rng.uniform(2, 7))
            with suppress(*AWAY):
                browser.get(f"{self.rig.url}/admin/recordings/call/live/", timeout=20)
                found = self.rig.rows(f"SELECT id FROM recordings_call WHERE call_uuid = '{call.call_uuid}'")  # noqa: S608
                if not found:
                    continue
                intent = str(UUID(int=rng.getrandbits(128), version=4))
                self._start(browser, rng, int(found[0]["id"]), intent)
                if rng.random() < 0.5:
                    self.stop.wait(rng.uniform(0, 2))
                    self._stop(browser, intent)

    def _start(self, browser: requests.Session, rng: random.Random, call: int, intent: str) -> None:
        form = {
            "intent": intent, "running": "", "limit": "other", "other_limit": rng.choice(["2 s", "20 s", "15 min"]),
            "file_format": "mp3", "channels": "stereo", "transcribe": rng.choice(["on", ""]),
            "csrfmiddlewaretoken": browser.cookies.get("csrftoken", ""),
        }  # fmt: skip
        self.intents.add(intent)
        url = f"{self.rig.url}/admin/recordings/call/{call}/record/"

        def press() -> int:
            with suppress(requests.RequestException):
                return browser.post(url, data=form, allow_redirects=False, timeout=20).status_code
            return 0

        if rng.random() < 0.2:
            second = threading.Thread(target=press)
            second.start()
            self.counts["double clicks"] += 1
        for _ in range(SENT_AGAIN):
            self.counts["starts sent"] += 1
            if press() in {302, 404, 409, 422, 429}:
                return
            if self.stop.wait(0.3):
                return

    def _stop(self, browser: requests.Session, intent: str) -> None:
        pk = {"sqlite": intent.replace("-", ""), "postgres": intent}[self.rig.database_url.partition(":")[0]]
        found = self.rig.rows(f"SELECT id FROM recordings_recording WHERE intent = '{pk}'")  # noqa: S608
        if found:
            url = f"{self.rig.url}/admin/recordings/recording/{found[0]['id']}/stop/"
            form = {"csrfmiddlewaretoken": browser.cookies.get("csrftoken", "")}
            browser.post(url, data=form, allow_redirects=False, timeout=20)
            self.counts["stops sent"] += 1


def sign_in(rig: Rig) -> requests.Session:
    """Return a browser that is signed in, as soon as the portal lets it."""
    for _ in range(60):
        browser = requests.Session()
        with suppress(requests.RequestException, AttributeError):
            page = browser.get(f"{rig.url}/admin/login/", timeout=20)
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            form = {"username": BOSS, "password": PASSWORD, "csrfmiddlewaretoken": token[1] if token else ""}
            answer = browser.post(f"{rig.url}/admin/login/?next=/admin/", data=form, timeout=20)
            if answer.ok and "sessionid" in browser.cookies:
                return browser
        time.sleep(0.5)
    raise AssertionError("nobody could sign in")
