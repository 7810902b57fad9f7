"""Calls that keep coming: they ring, live some minutes, end, and are replaced by others."""

from __future__ import annotations

import random
from collections.abc import Sequence

from vobiz_portal.sandbox.past import Numbers
from vobiz_portal.sandbox.world import World

LASTS = (60.0, 480.0)  # seconds
RINGS = (3.0, 12.0)
AT_MOST = 12  # open calls


class Traffic:
    """Places calls for some accounts, `per_minute` on average, the most for the first. `tick` does what is due."""

    def __init__(self, world: World, auth_ids: Sequence[str], *, per_minute: float) -> None:
        self._world = world
        self._auth_ids = auth_ids
        self._pause = 60.0 / per_minute
        self._chance = random.Random(f"{world.seed}/traffic/{world.generation}")
        self._numbers = Numbers(self._chance)
        self._next = world.now()

    def open(self, calls: int) -> None:
        """Begin with calls that are under way already."""
        for _ in range(calls):
            lasts = self._chance.uniform(*LASTS)
            self._place(lasts=lasts, answered_ago=lasts * self._chance.uniform(0.0, 0.6))

    def tick(self) -> None:
        now = self._world.now()
        if now < self._next:
            return
        self._next = now + self._chance.expovariate(1.0) * self._pause
        if sum(call.state != "ended" for call in self._world.calls.values()) < AT_MOST:
            self._place(lasts=self._chance.uniform(*LASTS), rings_for=self._chance.uniform(*RINGS))

    def _place(self, *, lasts: float, rings_for: float = 0.0, answered_ago: float = 0.0) -> None:
        shares = [1 / (place + 1) for place in range(len(self._auth_ids))]
        auth_id = self._chance.choices(self._auth_ids, shares)[0]
        caller, callee, direction = self._numbers.pair()
        self._world.place_call(
            auth_id,
            from_number=caller,
            to_number=callee,
            direction=direction,
            lasts=lasts,
            rings_for=rings_for,
            answered_ago=answered_ago,
            flow=self._world.accounts[auth_id].flow is not None and self._chance.random() < 0.5,
        )
