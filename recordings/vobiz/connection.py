"""One HTTP exchange on a socket that keeps its limits.

`requests` has a timeout for each read, so a server that drips one byte at a time holds a caller for as
long as it likes; it decodes what a server compressed into 1000 times its size; and it connects wherever a
name points. Here every single read, of headers too, is bounded by what is left of a total deadline and of a
byte cap, and a name that points into a private network is refused before anything is sent.
No environment proxy, no .netrc, no cookies, no redirect: those belong to a Session, which is not used.
"""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from recordings.vobiz.addresses import is_public

_CHUNK = 262_144
# What headers and the framing of chunks may add to a body.
_FRAMING = 1024 * 1024


class ExchangeError(Exception):
    """No complete answer came. `why` is a clause for people: "the name x could not be found".

    `sent`: whether any byte of the request left. `retryable`: whether trying again may help.
    """

    def __init__(self, why: str, *, sent: bool, retryable: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent
        self.retryable = retryable


class AddressRefusedError(ExchangeError):
    """The host's name points to an address that is not on the public internet. Nothing was sent."""


class AnswerTooLargeError(ExchangeError):
    """The answer was cut off at the byte cap."""


class DeadlineExceededError(Exception):
    """The deadline passed, perhaps in the middle of a read."""


class _TooLargeError(Exception):
    """The byte cap was reached."""


@dataclass(slots=True)
class Exchange:
    """The limits of one request and its answer, and how far it got.

    `deadline`: on the clock of `time.monotonic()`. `connect_timeout` for each address tried, `read_timeout`
    for each read: seconds. `body_cap`: bytes. `public_only`: refuse hosts outside the public internet.
    """

    deadline: float
    connect_timeout: float
    read_timeout: float
    body_cap: int
    public_only: bool = False
    sent: bool = False
    received: int = 0
    trouble: BaseException | None = None

    def left(self) -> float:
        """Return the seconds until the deadline; raise DeadlineExceededError when none are left."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise DeadlineExceededError
        return seconds

    def read(self, sock: socket.socket, into: Callable[[], int]) -> int:
        """Read once from the socket, within what is left of time and bytes."""
        left = self.left()
        sock.settimeout(min(self.read_timeout, left))
        try:
            count = into()
        except TimeoutError:
            self.left()
            raise
        self.received += count
        if self.received > 2 * self.body_cap + _FRAMING:
            raise _TooLargeError
        return count


_current: ContextVar[Exchange] = ContextVar("exchange")


class _PlainSocket(socket.socket):
    exchange: Exchange | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        into = partial(super().recv_into, *args, **kwargs)
        return into() if self.exchange is None else self.exchange.read(self, into)


class _TlsSocket(_PlainSocket, ssl.SSLSocket):
    """The same over TLS: what `super` of _PlainSocket is here, decrypts."""


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _dial(self.host, self.port or self.default_port, self.socket_options or [])

    def connect(self) -> None:
        with _noting_trouble():
            super().connect()

    def send(self, data: Any) -> None:
        _begin_sending(self)
        super().send(data)


class _TlsConnection(_PlainConnection, HTTPSConnection):
    """The same over TLS: what `super` of _PlainConnection is here, speaks it."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class GuardedAdapter(HTTPAdapter):
    """Sends prepared requests, one exchange at a time for each thread; keeps connections for the next.

    Used without a `requests.Session`, so that nothing but the prepared request decides what is sent where.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        self.tls = create_urllib3_context()
        self.tls.sslsocket_class = _TlsSocket
        super().init_poolmanager(*args, ssl_context=self.tls, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def exchange(
        self, request: requests.PreparedRequest, exchange: Exchange, *, verify: bool | str = True
    ) -> requests.Response:
        """Send and wait for the headers of the answer; its body is still to be read, by `body_of`.

        `verify`: a file with the authorities that are believed, instead of the usual ones.
        Raises ExchangeError. Whatever happened, `exchange.sent` says whether anything left.
        """
        token = _current.set(exchange)
        try:
            timeouts = (exchange.connect_timeout, exchange.read_timeout)
            return self.send(request, stream=True, timeout=timeouts, verify=verify)
        except _TROUBLES as trouble:
            raise _failure(exchange, trouble, _host_of(request)) from None
        finally:
            _current.reset(token)


def body_of(answer: requests.Response, exchange: Exchange) -> Generator[bytes, None, None]:
    """Yield the body in pieces; raise ExchangeError when it breaks off, is too slow or too large.

    An end before the promised Content-Length is a break. A body without any promised length ends where the
    connection does.
    """
    size = 0
    try:
        for chunk in _as_it_comes(answer.raw):
            size += len(chunk)
            if size > exchange.body_cap:
                raise _TooLargeError
            yield chunk
    except _TROUBLES as trouble:
        raise _failure(exchange, trouble, _host_of(answer.request)) from None
    finally:
        answer.close()


def _as_it_comes(raw: Any) -> Iterator[bytes]:
    """Yield each piece as soon as it arrives, so that the reader of a slow answer can stop in between."""
    if raw.chunked:
        yield from raw.stream(_CHUNK, decode_content=False)
        return
    while piece := raw.read1(_CHUNK, decode_content=False):
        yield piece


_TROUBLES = (
    DeadlineExceededError,
    _TooLargeError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
)


@contextmanager
def _noting_trouble() -> Iterator[None]:
    """Keep the error of a failed connection before urllib3 and requests wrap it several times."""
    try:
        yield
    except BaseException as trouble:
        _current.get().trouble = trouble
        raise


def _begin_sending(connection: HTTPConnection) -> None:
    """Note that bytes of the request leave now, and set on the socket whose limits its reads keep."""
    if connection.sock is None:
        connection.connect()
    exchange, sock = _current.get(), connection.sock
    if not isinstance(sock, _PlainSocket):
        raise TypeError(f"a socket without limits: {type(sock).__name__}")
    sock.exchange = exchange
    exchange.sent = True


def _dial(host: str, port: int, options: Any) -> socket.socket:
    """Return a connected socket. It connects to the very addresses that were checked (no DNS rebinding)."""
    exchange = _current.get()
    found = _look_up(host, port, exchange.left())
    if exchange.public_only and not all(is_public(str(entry[4][0])) for entry in found):
        raise AddressRefusedError(f"{host} is not on the public internet", sent=False, retryable=False)
    trouble: OSError = socket.gaierror(f"no address for {host}")
    for family, kind, protocol, _, address in found:
        sock = _PlainSocket(family, kind, protocol)
        try:
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(min(exchange.connect_timeout, exchange.left()))
            sock.connect(address)
        except OSError as refusal:
            sock.close()
            trouble = refusal
        except DeadlineExceededError:
            sock.close()
            raise
        else:
            return sock
    raise trouble


def _look_up(host: str, port: int, seconds: float) -> list[Any]:
    """Resolve the name in a thread, because the system's resolver has no timeout."""
    outcome: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def look() -> None:
        try:
            outcome.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except UnicodeError:  # a label that is too long, or empty
            outcome.put(socket.gaierror(f"{host} is not a name"))
        except OSError as trouble:
            outcome.put(trouble)

    threading.Thread(target=look, name="vobiz-look-up", daemon=True).start()
    try:
        found: list[Any] | OSError = outcome.get(timeout=seconds)
    except queue.Empty:
        raise socket.gaierror(f"{host} was not found in time") from None
    if isinstance(found, OSError):
        raise found
    return found


def _host_of(request: requests.PreparedRequest) -> str:
    return urlsplit(request.url or "").hostname or "the server"


def _failure(exchange: Exchange, trouble: BaseException, host: str) -> ExchangeError:
    sent = exchange.sent
    if isinstance(trouble, ExchangeError):
        return trouble
    cause = trouble if sent else (exchange.trouble or trouble)
    if isinstance(cause, _TooLargeError):
        return AnswerTooLargeError("the answer was larger than allowed", sent=sent, retryable=False)
    if isinstance(cause, DeadlineExceededError):
        return ExchangeError(
            "the answer was not complete within the time allowed", sent=sent, retryable=False
        )
    if sent and isinstance(cause, (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError, TimeoutError)):
        why = f"{host} did not answer within {exchange.read_timeout:g} s"
    elif sent:
        why = f"the connection to {host} broke before the answer was complete"
    elif isinstance(cause, socket.gaierror):
        why = f"the name {host} could not be found"
    elif isinstance(cause, TimeoutError):
        why = f"{host} did not accept a connection in time"
    elif isinstance(cause, ssl.SSLError):
        detail = getattr(cause, "verify_message", "") or cause.reason or "handshake failed"
        why = f"no secure connection to {host} could be made ({detail})"
    elif isinstance(cause, ConnectionRefusedError):
        why = f"{host} refused the connection"
    else:
        why = f"no connection to {host} could be made"
    return ExchangeError(why, sent=sent)
