"""The sandbox on real sockets: the API and its control on one port, the media host on another."""

from __future__ import annotations

import errno
import http.client
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from vobiz_portal.sandbox import request_faults
from vobiz_portal.sandbox.api import Api
from vobiz_portal.sandbox.control import ROOT, Control
from vobiz_portal.sandbox.entities import Entry
from vobiz_portal.sandbox.exchange import Reply, Request, as_json
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.media import MediaHost
from vobiz_portal.sandbox.outbox import DELIVERY_TIMEOUT, Outbox
from vobiz_portal.sandbox.state import SandboxState

logger = logging.getLogger(__name__)

LONGEST_BODY = 1024 * 1024
TICK = 0.2  # seconds
IDLE = 60.0  # seconds a connection may wait for its next request
NOTICES_STOP = 0.02  # seconds until a server that is told to stop does: every test waits for it


class PortInUseError(OSError):
    """The port is in use; the text says which."""


class Sandbox:
    """The running sandbox: the API, the media host, the outbox and the clock over one SandboxState.

    `port`, `media_port`: 0 for any free one. `deliver`: whether callbacks go out by themselves; if not, tests
    send them with `outbox.deliver_now()`. `every_tick`: what else is to be called five times a second.
    """

    def __init__(
        self,
        state: SandboxState,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        media_port: int = 0,
        deliver: bool = True,
        retry_base: float = 1.0,
        timeout: float = DELIVERY_TIMEOUT,
    ) -> None:
        self.state = state
        self.host = host
        self.outbox = Outbox(state, retry_base=retry_base, timeout=timeout)
        self.control = Control(state, self.outbox)
        self.every_tick: list[Callable[[], object]] = []
        self.stopping = threading.Event()
        self._ports = (port, media_port)
        self._deliver = deliver
        self._servers: list[_Server] = []
        self._threads: list[threading.Thread] = []

    def start(self) -> Self:
        """Listen on both ports; raise PortInUseError if one is taken."""
        try:
            services: list[Api | MediaHost] = [Api(self.state), MediaHost(self.state)]
            for port, service in zip(self._ports, services, strict=True):
                self._servers.append(_Server((self.host, port), self, service))
        except PortInUseError:
            self.stop()
            raise
        self.state.media_base = self.media_url
        if self._deliver:
            self.outbox.start()
        serving = [partial(server.serve_forever, NOTICES_STOP) for server in self._servers]
        loops: list[Callable[[], None]] = [*serving, self._tick]
        for run in loops:
            thread = threading.Thread(target=run, name="sandbox", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def stop(self) -> None:
        """Stop answering, drop every open connection, and stop delivering."""
        self.stopping.set()
        for server in self._servers:
            if self._threads:
                server.shutdown()
            server.close_all()
        self.outbox.stop()
        for thread in self._threads:
            thread.join(timeout=5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def api_url(self) -> str:
        """Return `http://127.0.0.1:PORT/api/v1`."""
        return f"{self._origin(0)}/api/v1"

    @property
    def control_url(self) -> str:
        """Return `http://127.0.0.1:PORT/_sandbox`."""
        return f"{self._origin(0)}{ROOT}"

    @property
    def media_url(self) -> str:
        """Return `http://127.0.0.1:PORT` of the media host."""
        return self._origin(1)

    def _origin(self, which: int) -> str:
        return f"http://{self.host}:{self._servers[which].server_address[1]}"

    def _tick(self) -> None:
        """Run what falls due, five times a second, until stopped."""
        while not self.stopping.wait(TICK):
            try:
                self.state.tick()
                for call in self.every_tick:
                    call()
            except Exception:
                logger.exception("A scheduled step of the sandbox failed")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], sandbox: Sandbox, service: Api | MediaHost) -> None:
        self.sandbox = sandbox
        self.service = service
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUseError(error.errno, f"port {address[1]} on {address[0]} is in use") from error
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that a stop can drop it."""
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_all(self) -> None:
        """Close the listening socket and every connection, so that a stopped sandbox answers nothing."""
        self.server_close()
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # the other side was quicker
                    logger.debug("A connection was gone before it was dropped")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a broken connection at debug level only."""
        if isinstance(sys.exc_info()[1], OSError):
            logger.debug("A connection broke off")
        else:
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Vobiz"
    sys_version = ""
    timeout = IDLE
    wbufsize = -1  # an answer leaves in one piece
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Handle a request of any method."""
        request = self._request()
        if request is None:
            return
        if request.path.startswith(ROOT) and isinstance(self.server.service, Api):
            self._send(self.server.sandbox.control.answer(request), None)
            return
        operation = self.server.service.operation(request)
        faults = self.server.sandbox.state.faults
        fault = faults.take(operation, method=request.method, path=request.path)
        reply: Reply | None = None
        try:
            reply = self._answer(request, fault)
        except request_faults.DroppedError:
            self.close_connection = True
        finally:
            self._note(request, operation, reply, fault)
        if reply is not None:
            self._send(reply, fault)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET  # noqa: N815 - http.server's names

    def _answer(self, request: Request, fault: Fault | None) -> Reply:
        """Return the reply, changed by the fault if there is one; a bug gives 500."""
        service, state = self.server.service, self.server.sandbox.state
        stopping = self.server.sandbox.stopping
        try:
            if fault is None:
                return service.answer(request, state.quirks)
            early = request_faults.before_effect(fault, state, request, stopping)
            if early is None:
                reply = service.answer(request, replace(state.quirks, **fault.quirks))
                early = request_faults.after_effect(fault, state, reply, stopping)
            return request_faults.change_reply(fault, early)
        except request_faults.DroppedError:
            raise
        except Exception:
            logger.exception("The sandbox failed to answer %s %s", request.method, request.path)
            return as_json({"error": "internal server error"}, 500)

    def _request(self) -> Request | None:
        """Return the request with its body; None when it was refused."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > LONGEST_BODY:
            self.close_connection = True
            self._send(as_json({"message": "Request Entity Too Large"}, 413), None)
            return None
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(length))
        return Request(self.command, self.path, headers, body, str(self.client_address[0]))

    def _note(self, request: Request, operation: str, reply: Reply | None, fault: Fault | None) -> None:
        state = self.server.sandbox.state
        detail = {
            "host": "api" if isinstance(self.server.service, Api) else "media",
            "operation": operation,
            "status": None if reply is None else reply.status,
            **request.shown(),
        }
        if fault is not None:
            detail["fault"] = fault.as_json()
        parts = request.path.split("/")
        auth_id = next((part for part in parts if part in state.accounts), None)
        call_uuid = next((part for part in parts if part in state.calls), None)
        recording_id = next(
            (one for one in (part.partition(".")[0] for part in parts) if one in state.recordings.all), None
        )
        state.ledger.write(Entry("request", state.now(), auth_id, call_uuid, recording_id, detail))

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        stopping = self.server.sandbox.stopping
        bodiless = reply.status in {204, 304} or reply.status < 200
        self.send_response(reply.status, http.client.responses.get(reply.status, "Unknown"))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if fault is not None and fault.no_length:
            self.send_header("Connection", "close")
            self.close_connection = True
        elif not bodiless:
            self.send_header("Content-Length", str(reply.size))
        self.end_headers()
        if self.command != "HEAD" and not bodiless:
            self._write(request_faults.body_pieces(fault, reply, stopping), flush=fault is not None)
        if fault is not None and fault.cut is not None:
            self.close_connection = True
        self.wfile.flush()

    def _write(self, pieces: Iterator[bytes], *, flush: bool) -> None:
        """Write the body, flushing each piece where a fault times them."""
        for piece in pieces:
            self.wfile.write(piece)
            if flush:
                self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Log nothing: the ledger has every request."""
