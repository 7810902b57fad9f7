"""Ports for the servers that tests start."""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack

BENEATH_THE_SYSTEMS = range(10_240, 32_000)  # Linux gives an outgoing connection one from 32768 on


def free_ports(count: int = 1) -> int:
    """The first of `count` ports in a row on which nobody listens, and which no connection is given meanwhile."""
    for _ in range(100):
        # Not of `random`, which begins anew in each test: all workers would be given the same one.
        first = secrets.choice(BENEATH_THE_SYSTEMS)
        with ExitStack() as held:
            try:
                for port in range(first, first + count):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports in a row")
