"""Time and rng in the sandbox: one clock that may be moved, what is due when, ids that a seed decides."""

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
    """A lock, a clock, and steps that fall due.

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
        return self._clock() + self.ahead

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once, with everything that falls due in them, in order."""
        with self.changed:
            self.ahead += seconds
            self.tick()
            self.changed.notify_all()

    def tick(self) -> None:
        """Settle all that is due: calls answered and ended, time limits, files made, transcripts."""
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
        """Have `step(subject, when)` carried out at `when`; at one moment, in the order of planning."""
        with self.lock:
            heappush(self._due, (when, self.next_number(), step, subject))

    def next_number(self) -> int:
        with self.lock:
            self._count += 1
            return self._count

    def new_id(self) -> str:
        with self.lock:
            return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def new_nonce(self) -> str:
        """20 decimal digits."""
        with self.lock:
            return f"{self._rng.randrange(10**20):020d}"

    def new_v1_signature(self) -> str:
        """28 characters that mean nothing: what V1 signs is not documented."""
        with self.lock:
            return base64.b64encode(self._rng.randbytes(20)).decode("ascii")

    def next_generation(self, generation: int) -> None:
        """After a restart: ids that differ from those given out before."""
        with self.lock:
            self.generation = generation
            self._rng = random.Random(f"{self.seed}/{generation}")
