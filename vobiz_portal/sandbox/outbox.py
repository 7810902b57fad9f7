"""Delivery of callbacks: encoded, signed, sent over HTTP, retried, and changed by planned faults.

As documented: POST form-encoded (or GET with a query), every value text; a timeout of 3 seconds; only 200 is
success; else up to 3 retries with exponential backoff, the same body each time. Deliveries run in parallel, so their
order is not guaranteed. V2, V3 and their MA twins sign the path; V1 is there and means nothing.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from recordings.vobiz.signature import SIGNATURE_V1, base_of, signed_headers
from vobiz_portal.sandbox.entities import Callback, Entry
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

logger = logging.getLogger(__name__)

DELIVERY_TIMEOUT = 3.0  # seconds for one delivery
RETRIES = 3
MAX_CONCURRENT = 8  # deliveries under way at once
POLL_INTERVAL = 0.05  # seconds between looks at what has fallen due


class Outbox:
    """Deliver the pending callbacks from threads of its own (`start`) or in the caller's (`deliver_now`).

    `retry_base`: seconds of simulated time before the first retry; it doubles. `timeout`: seconds of real time.
    """

    def __init__(
        self, state: SandboxState, *, retry_base: float = 1.0, timeout: float = DELIVERY_TIMEOUT
    ) -> None:
        self.state = state
        self.retry_base = retry_base
        self.timeout = timeout
        self._under_way = 0
        self._draining = 0  # how many are in `drain`, where retries do not wait
        self._running = False
        self._dispatcher: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None

    # From threads

    def start(self) -> None:
        """Start the dispatcher and its pool of threads."""
        self._running = True
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT, thread_name_prefix="sandbox-callback")
        self._dispatcher = threading.Thread(target=self._dispatch, name="sandbox-outbox", daemon=True)
        self._dispatcher.start()

    def stop(self) -> None:
        """Stop taking callbacks that become due; running deliveries end by themselves."""
        with self.state.changed:
            self._running = False
            self.state.changed.notify_all()
        if self._dispatcher is not None:
            self._dispatcher.join(timeout=5)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def drain(self, timeout: float = 10.0) -> bool:
        """Wait until no callback is due; return False after `timeout` seconds of real time.

        Retries do not wait for their pauses meanwhile. What is held, or due later, does not count.
        """
        deadline = time.monotonic() + timeout
        with self.state.changed:
            self._draining += 1
            self.state.tick()
            self.state.changed.notify_all()
        try:
            while self._has_work():
                if time.monotonic() > deadline:
                    return False
                if self._running:
                    with self.state.changed:
                        self.state.changed.wait(POLL_INTERVAL)
                else:
                    self.deliver_now()
            return True
        finally:
            with self.state.lock:
                self._draining -= 1

    def _has_work(self) -> bool:
        with self.state.lock:
            return bool(self._under_way or self._due())

    def _dispatch(self) -> None:
        """Submit due callbacks to the pool until stopped."""
        while True:
            with self.state.changed:
                if not self._running:
                    return
                taken = self._take(lambda callback: True)
                if not taken:
                    self.state.changed.wait(POLL_INTERVAL)
            for callback in taken:
                self._submit(callback)

    def _submit(self, callback: Callback) -> None:
        try:
            if self._pool is not None:
                self._pool.submit(self._attempt, callback)
        except RuntimeError:  # stopped in between
            with self.state.changed:
                self._under_way -= 1
                self.state.callbacks.enqueue(callback)

    # By hand

    def pending(self) -> list[Callback]:
        """Return the callbacks that wait, due or not, held or not; not those being delivered."""
        with self.state.lock:
            self.state.tick()
            return list(self.state.callbacks.pending)

    def deliver_now(
        self, kind: str | None = None, *, recording_id: str | None = None, limit: int | None = None
    ) -> list[int | None]:
        """Deliver what is due (of one kind, of one recording, at most `limit`) in this thread, in order.

        Each delivery's HTTP status, or None where none came. A failed one is owed again, due after its pause.
        """

        def wanted(callback: Callback) -> bool:
            """Return whether the caller asked for this callback."""
            return kind in {None, callback.kind} and recording_id in {None, callback.recording_id}

        statuses: list[int | None] = []
        while True:  # until nothing more is due: a planned fault may have made copies
            with self.state.lock:
                self.state.tick()
                taken = self._take(wanted, None if limit is None else limit - len(statuses))
            if not taken:
                return statuses
            statuses += [self._attempt(callback) for callback in taken]

    def release(self) -> int:
        """Release the callbacks that faults held back; return how many."""
        with self.state.changed:
            held = [callback for callback in self.state.callbacks.pending if callback.held]
            for callback in held:
                callback.held = False
            self.state.changed.notify_all()
            return len(held)

    # What is due

    def _due(self) -> list[Callback]:
        """Return the callbacks that are due. While draining, retries are due at once."""
        now = self.state.now()
        return [
            one
            for one in self.state.callbacks.pending
            if not one.held and (one.due <= now or (self._draining and one.attempt))
        ]

    def _take(self, wanted: Callable[[Callback], bool], limit: int | None = None) -> list[Callback]:
        """Remove due callbacks from the pending ones and apply planned faults. The caller holds the lock."""
        taken: list[Callback] = []
        for callback in self._due():
            if not wanted(callback) or (limit is not None and len(taken) >= limit):
                continue
            self.state.callbacks.pending.remove(callback)
            if self._goes_out(callback):
                taken.append(callback)
        self._under_way += len(taken)
        return taken

    def _goes_out(self, callback: Callback) -> bool:
        """Apply the fault planned for a callback, once; return whether the callback is sent now."""
        if self.state.callbacks.muted:
            self._note("callback.muted", callback)
            return False
        if callback.planned:
            return True
        callback.planned = True
        fault = self.state.faults.take(
            f"callback.{callback.kind}", recording_id=callback.recording_id, call_uuid=callback.call_uuid
        )
        if fault is None:
            return True
        self._note("fault", callback, fault=fault.as_json())
        if fault.mute:
            self._note("callback.muted", callback)
            return False
        apply_fault(callback, fault)
        for _ in range(fault.duplicate):
            self.state.callbacks.enqueue(replace(callback, callback_id=self.state.new_id()))
        if fault.delay:
            callback.due = self.state.now() + fault.delay
        if fault.delay or fault.reorder or fault.hold:
            callback.held = fault.hold
            if fault.reorder:
                callback.after_next = True
                callback.held = True
            self.state.callbacks.enqueue(callback)
            return False
        return True

    # One delivery

    def _attempt(self, callback: Callback) -> int | None:
        """Deliver a callback once; return the HTTP status, or None where none came."""
        callback.attempt += 1
        status: int | None = None
        error = ""
        try:
            status = self._deliver(callback)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            error = f"{type(problem).__name__}: {problem}"
        except Exception:
            logger.exception("A callback could not be delivered")
            raise
        finally:
            self._record_attempt(callback, status, error)
        return status

    def _record_attempt(self, callback: Callback, status: int | None, error: str) -> None:
        """Record the outcome of an attempt and schedule the next one."""
        with self.state.changed:
            self._under_way -= 1
            self._note(
                "callback.tried",
                callback,
                attempt=callback.attempt,
                status=status,
                error=error,
                nonces=callback.nonces,
            )
            if status == 200:
                self._note("callback.delivered", callback, attempt=callback.attempt)
            elif callback.attempt <= RETRIES:
                callback.due = self.state.now() + self.retry_base * 2 ** (callback.attempt - 1)
                self.state.callbacks.enqueue(callback)
            else:
                self._note("callback.given_up", callback, status=status, error=error)
            for held in self.state.callbacks.pending:
                if held.after_next and held is not callback:
                    held.held = held.after_next = False
            self.state.changed.notify_all()

    def _deliver(self, callback: Callback) -> int:
        """Send one request and return its status; raise OSError or HTTPException where none comes in time."""
        url, body, headers = encoded(callback)
        headers |= {"User-Agent": self.state.quirks.user_agent, "Accept": "*/*", "Connection": "close"}
        headers |= self._signatures(callback)
        parts = urlsplit(url)
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.timeout)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        method = "GET" if body is None else "POST"
        timer = threading.Timer(self.timeout, _abandon, [connection])
        timer.daemon = True
        timer.start()
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            response.read(4096)
            return response.status
        finally:
            timer.cancel()
            connection.close()

    def _signatures(self, callback: Callback) -> dict[str, str]:
        """Return the signature headers under the account's and its main account's token."""
        quirks = self.state.quirks
        if callback.unsigned or not quirks.sign_callbacks:
            return {}
        if callback.nonces is None or quirks.nonce_changes_on_retry:
            callback.nonces = (self.state.new_nonce(), self.state.new_nonce())
        account = self.state.accounts[callback.auth_id]
        token = callback.token or account.token
        parent = self.state.accounts.get(account.parent or "")
        parent_token = callback.token or (parent.token if parent else token)
        base = callback.base or base_of(callback.url)
        v2, v3 = callback.nonces
        signed = signed_headers(base, token=token, parent_token=parent_token, nonce_v2=v2, nonce_v3=v3)
        if callback.schemes is not None:
            signed = {name: value for name, value in signed.items() if _kept(name, callback.schemes)}
        if quirks.tokens_in_headers:
            signed |= {"auth-token": token, "parent-auth-token": parent_token}
        return {SIGNATURE_V1: self.state.new_v1_signature(), **signed}

    def _note(self, what: str, callback: Callback, **detail: Any) -> None:
        path = urlsplit(callback.url).path
        detail = {"kind": callback.kind, "path": path, "callback_id": callback.callback_id, **detail}
        self.state.ledger.write(
            Entry(what, self.state.now(), callback.auth_id, callback.call_uuid, callback.recording_id, detail)
        )


def encoded(callback: Callback) -> tuple[str, bytes | None, dict[str, str]]:
    """Return the URL, the body (None for GET) and the content type of a callback."""
    encoding = callback.encoding or ("get" if callback.method == "GET" else "form")
    if encoding == "json":
        return callback.url, json.dumps(callback.fields).encode(), {"Content-Type": "application/json"}
    pairs = urlencode({name: "" if value is None else value for name, value in callback.fields.items()})
    if encoding == "get":
        bare = callback.url.partition("#")[0]
        return f"{bare}{'&' if '?' in bare else '?'}{pairs}", None, {}
    return callback.url, pairs.encode("ascii"), {"Content-Type": "application/x-www-form-urlencoded"}


def apply_fault(callback: Callback, fault: Fault) -> None:
    """Apply a fault's changes to a callback."""
    callback.unsigned = fault.unsigned
    callback.token, callback.base, callback.schemes = fault.token, fault.base, fault.schemes
    callback.encoding = fault.encoding
    changed = {**callback.fields, **fault.fields}
    callback.fields = {
        name: value for name, value in changed.items() if fault.fields.get(name, 0) is not None
    }


def _kept(header: str, schemes: tuple[str, ...]) -> bool:
    """Return whether a signature header belongs to one of these schemes."""
    name = header.lower().removeprefix("x-vobiz-signature-")
    if name.endswith("-nonce"):
        return any(scheme.endswith(name.removesuffix("-nonce")) for scheme in schemes)
    return name in schemes


def _abandon(connection: http.client.HTTPConnection) -> None:
    """Break the connection at the deadline, even while the receiver sends bytes slowly."""
    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:  # closed already
            logger.debug("A callback's connection was closed before its time was over")
