"""A small real HTTP server on loopback that answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Asked:
    """One request as it arrived. `headers`: names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    client_port: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        asked = Asked(self.command, self.path, headers, body, self.client_address[1])
        self.server.owner.next_answer(asked)(self)

    def do_POST(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing is logged: the tests look at `WireServer.asked`."""

    def put(self, raw: bytes) -> None:
        self.wfile.write(raw)
        self.wfile.flush()


Answer = Callable[[Handler], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: WireServer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is what many tests are about."""


class WireServer:
    """Answers each request with the next of its answers, the last one again and again."""

    def __init__(self, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._answers: list[Answer] = []
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = _Server((host, 0), Handler)
        self._server.owner = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{self._server.server_address[0]!s}:{self.port}"

    def answers(self, *answers: Answer) -> None:
        with self._lock:
            self._answers = list(answers)

    def next_answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    @property
    def last(self) -> Asked:
        return self.asked[-1]


def says(
    body: object = b"", status: int = 200, headers: Mapping[str, str] | None = None, *, kind: str = ""
) -> Answer:
    """An ordinary answer: bytes as they are, text as UTF-8, anything else as JSON."""
    if isinstance(body, bytes):
        raw, guess = body, "application/octet-stream"
    elif isinstance(body, str):
        raw, guess = body.encode(), "text/html"
    else:
        raw, guess = json.dumps(body).encode(), "application/json"

    def answer(handler: Handler) -> None:
        handler.send_response_only(status)
        handler.send_header("Content-Type", kind or guess)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        if status != 204:
            handler.put(raw)

    return answer


def sends(*pieces: bytes) -> Answer:
    """Exactly these bytes, headers included, and then the end of the connection."""

    def answer(handler: Handler) -> None:
        for piece in pieces:
            handler.put(piece)
        handler.close_connection = True

    return answer


def drips(head: bytes, drop: bytes = b" ", every: float = 0.05) -> Answer:
    """`head` at once, and then one drop after the other, until the client goes or the server closes."""

    def answer(handler: Handler) -> None:
        handler.put(head)
        while not handler.server.owner.closing.wait(every):
            handler.put(drop)

    return answer


def hangs(handler: Handler) -> None:
    """No answer at all, for as long as the server lives."""
    handler.server.owner.closing.wait()


def drops(handler: Handler) -> None:
    """The end of the connection instead of an answer."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def drops_and_goes(handler: Handler) -> None:
    """The end of the connection, and of the server: the next try finds nobody."""
    handler.server.shutdown()
    handler.server.server_close()
    drops(handler)


def redirects(to: str, status: int = 302) -> Answer:
    return says(b"", status, {"Location": to})
