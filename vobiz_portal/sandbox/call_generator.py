"""A generator of calls: they ring, live some minutes, end, and are replaced by others."""

from __future__ import annotations

import random
from collections.abc import Sequence

from vobiz_portal.sandbox.seed_data import NumberGenerator
from vobiz_portal.sandbox.state import SandboxState

LASTS = (60.0, 480.0)  # seconds
RINGS = (3.0, 12.0)
AT_MOST = 12  # open calls


class CallGenerator:
    """Places calls for some accounts, `per_minute` on average, most for the first. `tick` places what is due."""

    def __init__(self, state: SandboxState, auth_ids: Sequence[str], *, per_minute: float) -> None:
        self._state = state
        self._auth_ids = auth_ids
        self._pause = 60.0 / per_minute
        self._rng = random.Random(f"{state.seed}/traffic/{state.generation}")
        self._numbers = NumberGenerator(self._rng)
        self._next = state.now()

    def open(self, calls: int) -> None:
        """Place calls that are already live."""
        for _ in range(calls):
            lasts = self._rng.uniform(*LASTS)
            self._place(lasts=lasts, answered_ago=lasts * self._rng.uniform(0.0, 0.6))

    def tick(self) -> None:
        """Place a call if one is due."""
        now = self._state.now()
        if now < self._next:
            return
        self._next = now + self._rng.expovariate(1.0) * self._pause
        if sum(call.state != "ended" for call in self._state.calls.values()) < AT_MOST:
            self._place(lasts=self._rng.uniform(*LASTS), rings_for=self._rng.uniform(*RINGS))

    def _place(self, *, lasts: float, rings_for: float = 0.0, answered_ago: float = 0.0) -> None:
        """Place one call with random numbers; the first account gets the most."""
        shares = [1 / (place + 1) for place in range(len(self._auth_ids))]
        auth_id = self._rng.choices(self._auth_ids, shares)[0]
        caller, callee, direction = self._numbers.pair()
        self._state.place_call(
            auth_id,
            from_number=caller,
            to_number=callee,
            direction=direction,
            lasts=lasts,
            rings_for=rings_for,
            answered_ago=answered_ago,
            flow=self._state.accounts[auth_id].flow is not None and self._rng.random() < 0.5,
        )
