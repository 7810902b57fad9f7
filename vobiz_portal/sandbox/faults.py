"""A plan of faults, which tests or the control interface make.

A fault waits for what it matches (an operation, or a method and path), happens `times` times, and is spent.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from vobiz_portal.sandbox.routes import ROUTES

if TYPE_CHECKING:
    from vobiz_portal.sandbox.state import SandboxState

    Hook = Callable[[SandboxState], object]

# What a request can be, and what a callback can be: the names faults are planned on.
OPERATIONS = (
    *(operation for operation, _method, _path in ROUTES),
    "media.get",
    "unknown",
    "callback.recording",
    "callback.transcription",
    "callback.flow",
)
REPLIES = ("garbage", "cut_json", "html", "empty", "error_200", "list", "deep")
STAGES = ("before", "after")
ENCODINGS = ("form", "json", "get")


@dataclass
class Fault:
    """One planned fault.

    Which: `on` is a pattern over OPERATIONS ("record.start", "recording.*", "*"); `method` and `path` narrow
    it further (`path` a pattern over the path as sent); `recording_id`, `call_uuid` narrow callbacks. `skip`
    lets that many matches pass first, `times` is how many are hit (None: until cleared).

    What happens to a request, in this order:
      first         a hook (SandboxState) called before anything else; `drift` inserts or deletes rows then
      delay_before  seconds of waiting before the effect
      drop="before" the connection is closed, nothing happened
      status, reply, body, redirect with stage="before": answered so, nothing happened
      quirks        switches of `facts.Quirks` that hold for this request only
      (the effect)
      then          a hook called after the effect, before the answer
      delay_after   seconds of waiting after the effect
      drop="after"  the connection is closed, the effect stays
      status, reply, body, redirect with stage="after" replace the true answer
      edit          a hook that gets the decoded JSON answer and returns another
      headers       extra answer headers
      gzip, pad     the answer compressed though not asked; padded to that many bytes
      cut           the connection closes after that many bytes of the body
      no_length     without Content-Length: the end of the connection ends the body
      drip          seconds between the bytes of the answer

    What happens to a callback: mute; delay (seconds later); duplicate (that many extra copies); reorder (it
    goes after the next one); hold (until `outbox.release()`); unsigned; token, base (signed with another);
    schemes (only these of v2, v3, ma-v2, ma-v3); encoding (form, json, get); fields (changed or, None, left
    out).
    """

    on: str = "*"
    method: str | None = None
    path: str | None = None
    recording_id: str | None = None
    call_uuid: str | None = None
    times: int | None = 1
    skip: int = 0
    first: Hook | None = None
    then: Hook | None = None
    drift: dict[str, int] = field(default_factory=dict)
    delay_before: float = 0.0
    delay_after: float = 0.0
    drop: str | None = None
    stage: str = "before"
    status: int | None = None
    reply: str | None = None
    body: Any = None
    redirect: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    edit: Callable[[Any], Any] | None = None
    quirks: dict[str, Any] = field(default_factory=dict)
    gzip: bool = False
    pad: int = 0
    cut: int | None = None
    no_length: bool = False
    drip: float = 0.0
    mute: bool = False
    delay: float = 0.0
    duplicate: int = 0
    reorder: bool = False
    hold: bool = False
    unsigned: bool = False
    token: str | None = None
    base: str | None = None
    schemes: tuple[str, ...] | None = None
    encoding: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    fault_id: int = 0

    def __post_init__(self) -> None:
        for name, allowed in (
            ("drop", STAGES),
            ("stage", STAGES),
            ("reply", REPLIES),
            ("encoding", ENCODINGS),
        ):
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise ValueError(f"{name} is one of {', '.join(allowed)}, not {value!r}")
        if not any(fnmatchcase(operation, self.on) for operation in OPERATIONS):
            raise ValueError(f"nothing is called {self.on!r}; there are {', '.join(OPERATIONS)}")

    @property
    def answers(self) -> bool:
        """Whether it brings an answer of its own."""
        return (
            self.status is not None or self.reply is not None or self.body is not None or bool(self.redirect)
        )

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Fault:
        """Build a fault from posted JSON; raise ValueError with what is wrong."""
        known = {item.name for item in fields(cls)} - {"first", "then", "edit", "fault_id"}
        strange = sorted(set(data) - known)
        if strange:
            raise ValueError(f"a fault has no {', '.join(strange)}; it has {', '.join(sorted(known))}")
        try:
            return cls(**data)
        except TypeError as error:
            raise ValueError(str(error)) from error

    def as_json(self) -> dict[str, Any]:
        """Return the fields that are set."""
        default, shown = Fault(), {}
        for name in (item.name for item in fields(self)):
            value = getattr(self, name)
            if value != getattr(default, name):
                shown[name] = repr(value) if callable(value) or isinstance(value, bytes) else value
        return shown


class Faults:
    """The planned faults. Thread-safe; the first that matches is applied."""

    def __init__(self) -> None:
        self._plan: list[Fault] = []
        self._lock = threading.Lock()
        self._ids = itertools.count(1)

    def plan(self, fault: Fault) -> Fault:
        """Add a fault and give it an id."""
        with self._lock:
            fault.fault_id = next(self._ids)
            self._plan.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> int:
        """Remove one fault, or all; return how many."""
        with self._lock:
            kept = [] if fault_id is None else [fault for fault in self._plan if fault.fault_id != fault_id]
            gone = len(self._plan) - len(kept)
            self._plan = kept
        return gone

    def planned(self) -> list[Fault]:
        """Return the faults that are still planned."""
        with self._lock:
            return list(self._plan)

    def take(self, operation: str, *, method: str = "", path: str = "", **ids: str) -> Fault | None:
        """Return the first fault that applies, and count it as used; None when there is none."""
        with self._lock:
            for fault in self._plan:
                if not _meets(fault, operation, method, path, ids):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._plan.remove(fault)
                return fault
        return None


def _meets(fault: Fault, operation: str, method: str, path: str, ids: dict[str, str]) -> bool:
    # "*" on its own is meant for requests; callbacks are named.
    if operation.startswith("callback.") and not fault.on.startswith("callback"):
        return False
    if not fnmatchcase(operation, fault.on):
        return False
    if fault.method is not None and fault.method.upper() != method.upper():
        return False
    if fault.path is not None and not fnmatchcase(path, fault.path):
        return False
    return all(
        getattr(fault, name) is None or getattr(fault, name) == ids.get(name)
        for name in ("recording_id", "call_uuid")
    )
