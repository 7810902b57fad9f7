"""The simulated clock: scheduled steps, and random ids that a seed decides."""

from __future__ import annotations

import base64
import random
import threading
import time
import uuid
from collections.abc import Callable
from heapq import heappop, heappush

Step = Callable[[str, float], None]


class Timeline:
    """A lock, a clock that may be moved, and scheduled steps.

    `clock` gives seconds since the epoch, by default the real time; `advance` moves the timeline ahead of it.
    `changed` is notified when waiting for the timeline may be over.
    """

    def __init__(self, clock: Callable[[], float] | None, seed: int | str) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.seed = seed
        self.generation = 0
        self._clock = clock or time.time
        self.ahead = 0.0
        self._rng = random.Random(str(seed))
        self._count = 0
        self._ticking = False
        self._due: list[tuple[float, int, Step, str]] = []

    def now(self) -> float:
        """Return the simulated time, in seconds since the epoch."""
        return self._clock() + self.ahead

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`, and run everything that falls due, in order."""
        with self.changed:
            self.ahead += seconds
            self.tick()
            self.changed.notify_all()

    def tick(self) -> None:
        """Run the steps that are due: calls answered and ended, time limits, files, transcripts."""
        with self.lock:
            if self._ticking:  # a step that looks around must not run the steps after it
                return
            self._ticking = True
            try:
                now = self.now()
                while self._due and self._due[0][0] <= now:
                    when, _, step, subject = heappop(self._due)
                    step(subject, when)
            finally:
                self._ticking = False

    def plan(self, when: float, step: Step, subject: str) -> None:
        """Schedule `step(subject, when)` at `when`; at one time, in the order of scheduling."""
        with self.lock:
            heappush(self._due, (when, self.next_number(), step, subject))

    def next_number(self) -> int:
        """Return the next number of a counter."""
        with self.lock:
            self._count += 1
            return self._count

    def new_id(self) -> str:
        """Return a UUID that the seed decides."""
        with self.lock:
            return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def new_nonce(self) -> str:
        """Return 20 decimal digits."""
        with self.lock:
            return f"{self._rng.randrange(10**20):020d}"

    def new_v1_signature(self) -> str:
        """Return 28 random characters: what V1 signs is not documented."""
        with self.lock:
            return base64.b64encode(self._rng.randbytes(20)).decode("ascii")

    def next_generation(self, generation: int) -> None:
        """Change the seed after a restart, so that ids differ from those given out before."""
        with self.lock:
            self.generation = generation
            self._rng = random.Random(f"{self.seed}/{generation}")
