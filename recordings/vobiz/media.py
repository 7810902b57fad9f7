"""Download audio from listed hosts only, safe against SSRF, without passing the credentials to any other host.

Vobiz docs, "Download a recording": the URL is to be used as given, needs both secret headers, and may
redirect to a signed address elsewhere. `requests` would take the headers along. So every address, the
redirected ones too, is checked on its own, and its request is built from nothing.
"""

from __future__ import annotations

import hashlib
import re
import time
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import requests

from recordings.vobiz.addresses import Address, plain_address
from recordings.vobiz.connection import (
    AddressRefusedError,
    AnswerTooLargeError,
    Exchange,
    ExchangeError,
    GuardedAdapter,
    body_of,
)
from recordings.vobiz.errors import (
    MediaRefusedError,
    RefusedError,
    UnexpectedReplyError,
    UnreachableError,
    VobizError,
    Where,
)
from recordings.vobiz.media_hosts import MediaHosts
from recordings.vobiz.replies import Reply, named, refusal, retry_after
from recordings.vobiz.transport import CONNECTIONS, USER_AGENT, Transport, worth_repeating
from recordings.vobiz.wire import one_line

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

AUDIO_CAP = 2 * 1024**3  # bytes
AUDIO_TOTAL = 1800.0  # seconds
MAX_REDIRECTS = 2

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ERROR_BODY_CAP = 64 * 1024
_LENGTH = re.compile(r"[0-9]{1,15}", re.ASCII)
_PART = re.compile(r"bytes (?:([0-9]{1,15})-([0-9]{1,15})|\*)/([0-9]{1,15}|\*)", re.ASCII)
_WHOLE = (200, 203)  # 203: something on the way changed its headers
_PARTIAL = 206
_UNSATISFIABLE = 416
_PACKED = ("gzip", "x-gzip", "deflate")
_GZIP = b"\x1f\x8b"
# What hosts write under Content-Encoding and is no compression: S3 keeps `aws-chunked` of an upload for ever
_NO_ENCODING = frozenset({"", "identity", "none", "aws-chunked", "binary", "7bit", "8bit", "utf-8", "utf8"})
_BLOCK = 64 * 1024  # bytes unpacked at once
_DOING = "fetch the audio"


@dataclass(frozen=True, slots=True)
class Download:
    """What was written: its SHA-256 (hex) and size in bytes, and what the server said it would be.

    `ended`: the answer itself said where it ends, by a Content-Length or in chunks. Else a connection that was cut
    looks like an end: whether the file is whole is for the file to say.
    """

    sha256: str
    bytes: int
    content_type: str | None
    ended: bool


@dataclass(frozen=True, slots=True)
class AudioStream:
    """Audio as it comes: the bytes from `start` up to `stop` of a file of `size` bytes; None is not known yet.

    A server may answer a range with the whole file: then `start` is 0. With `unsatisfiable` the file ends before the
    range begins, and nothing comes. Whoever opened it closes it.
    """

    start: int
    stop: int | None
    size: int | None
    pieces: Generator[bytes, None, None] = field(repr=False)
    _answer: requests.Response = field(repr=False)
    _adapter: GuardedAdapter = field(repr=False)
    unsatisfiable: bool = False

    def close(self) -> None:
        """Ask for no more. The connection is not used again: what is left of the answer is on its way."""
        self.pieces.close()
        self._answer.close()  # a generator that never began closes nothing
        self._adapter.close()


class Media:
    """The way to one account's audio."""

    def __init__(self, transport: Transport, hosts: MediaHosts) -> None:
        self._transport = transport
        self._hosts = hosts
        # Of downloads. A connection that is kept leads to the address that was checked when it was opened.
        self._adapter = GuardedAdapter(pool_maxsize=CONNECTIONS)

    def close(self) -> None:
        """Close the connections that are kept open for the next download."""
        self._adapter.close()

    def download(self, url: str, into: SupportsWrite[bytes], *, max_bytes: int, total: float) -> Download:
        """Write the audio at `url` into a file, hashing on the way; see `VobizClient.download`."""
        deadline = time.monotonic() + total
        return _write(self._open(self._adapter, url, deadline, max_bytes), into, max_bytes)

    def open(self, url: str, wanted: str | None, *, max_bytes: int, total: float) -> AudioStream:
        """Open the audio at `url`, or the range `wanted` of it; see `VobizClient.open_audio`."""
        deadline = time.monotonic() + total
        adapter = GuardedAdapter()
        try:
            hop = self._open(adapter, url, deadline, max_bytes, wanted)
            return _stream(hop, adapter, max_bytes)
        except BaseException:
            adapter.close()
            raise

    def _open(
        self, adapter: GuardedAdapter, url: str, deadline: float, max_bytes: int, wanted: str | None = None
    ) -> _Hop:
        """Return the answer whose body is the audio, after retries. No byte of it is written yet."""
        policy = self._transport.retry_policy
        retry_until = min(deadline, time.monotonic() + policy.total)
        url = self._hosts.meant(url)
        tried = 0
        while True:
            tried += 1
            asked_for: float | None = None
            try:
                hop = self._follow(adapter, url, deadline, max_bytes, wanted)
            except _FetchError as failed:
                error, retryable = failed.error, failed.retryable
            else:
                if _is_good(hop, wanted):
                    return hop
                reply = _error_reply(hop, self._transport.credentials.auth_token)
                error, retryable = _declined(hop, reply), worth_repeating(reply.status)
                asked_for = retry_after(reply) if retryable else None
            if not retryable or tried >= policy.tries or not policy.wait(tried, retry_until, asked_for):
                raise error

    def _follow(
        self, adapter: GuardedAdapter, url: str, deadline: float, max_bytes: int, wanted: str | None
    ) -> _Hop:
        """Follow redirects and return the first answer that is none."""
        previous: Address | None = None
        for _ in range(MAX_REDIRECTS + 1):
            address = self._hosts.checked(url, previous)
            exchange = self._transport.exchange_until(
                deadline, body_cap=max_bytes, public_only=not self._hosts.local
            )
            hop = self._ask(adapter, url, address, exchange, wanted)
            if hop.answer.status_code not in _REDIRECTS:
                return hop
            location = hop.answer.headers.get("Location", "")
            hop.answer.close()
            if not location:
                raise MediaRefusedError("The audio's address redirects to nowhere.", **hop.where())
            try:
                url = urljoin(url, location)
            except ValueError:
                url = location  # not to be joined, and not to be asked either
            previous = address
        raise MediaRefusedError(
            f"The audio's address redirects more than {MAX_REDIRECTS} times.", **hop.where()
        )

    def _ask(
        self, adapter: GuardedAdapter, url: str, address: Address, exchange: Exchange, wanted: str | None
    ) -> _Hop:
        trusted = self._hosts.trusts(address)
        headers = {"Accept": "audio/*, */*", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        if wanted is not None:
            headers["Range"] = wanted
        if trusted:
            headers |= self._transport.secret_headers()
        request = requests.Request("GET", url, headers=headers).prepare()
        if plain_address(request.url or "").origin != address.origin:
            raise MediaRefusedError("The audio's address is read in two ways, so it is not asked.")
        where: Where = {"method": "GET", "path": address.path}
        try:
            answer = adapter.exchange(request, exchange)
        except AddressRefusedError as refused:
            raise MediaRefusedError(
                f"The audio's address must not be asked: {refused.why}.", **where
            ) from None
        except ExchangeError as failure:
            raise _FetchError(
                UnreachableError(f"The audio could not be fetched: {failure.why}.", **where),
                retryable=failure.retryable,
            ) from None
        return _Hop(address, trusted, answer, exchange)


@dataclass(frozen=True, slots=True)
class _Hop:
    """One answer on the way to the audio."""

    address: Address
    trusted: bool
    answer: requests.Response
    exchange: Exchange

    @property
    def encoding(self) -> str:
        """The Content-Encoding, in lower case; empty where what it names changes no byte."""
        given = self.answer.headers.get("Content-Encoding", "").lower().split(",")
        return ", ".join(name.strip() for name in given if name.strip() not in _NO_ENCODING)

    @property
    def is_packed(self) -> bool:
        """The body is compressed, and says itself where it ends."""
        return self.encoding in _PACKED

    def where(self) -> Where:
        return {"status": self.answer.status_code, "method": "GET", "path": self.address.path}


class _FetchError(Exception):
    """No answer came; `retryable`: another try may bring one."""

    def __init__(self, error: VobizError, *, retryable: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.retryable = retryable


def _is_good(hop: _Hop, wanted: str | None) -> bool:
    """Whether the answer brings what was asked for: the audio, or a part of it only where one was `wanted`."""
    status = hop.answer.status_code
    if wanted is None:
        return status in _WHOLE or (status == _PARTIAL and _is_all(hop))
    return status in (*_WHOLE, _PARTIAL, _UNSATISFIABLE)


def _is_all(hop: _Hop) -> bool:
    """Whether a part is the whole: some hosts answer 206 whatever is asked."""
    found = _PART.fullmatch(hop.answer.headers.get("Content-Range", "").strip())
    return found is not None and found[1] == "0" and found[3] != "*" and int(found[2]) + 1 == int(found[3])


def _write(hop: _Hop, into: SupportsWrite[bytes], max_bytes: int) -> Download:
    headers = hop.answer.headers
    claimed = _claimed(hop, max_bytes)
    digest, size = hashlib.sha256(), 0
    with closing(_pieces(hop, max_bytes)) as body:
        for chunk in body:
            digest.update(chunk)
            into.write(chunk)
            size += len(chunk)
    kind = one_line(headers.get("Content-Type", "").partition(";")[0]).lower()[:100]
    in_chunks = headers.get("Transfer-Encoding", "").strip().lower() == "chunked"
    ended = claimed is not None or in_chunks or hop.is_packed
    return Download(digest.hexdigest(), size, kind or None, ended)


def _claimed(hop: _Hop, max_bytes: int) -> int | None:
    """Return the Content-Length, if there is one; raise UnexpectedReplyError for an answer that must not be read."""
    headers = hop.answer.headers
    length = headers.get("Content-Length", "").strip()
    claimed = int(length) if _LENGTH.fullmatch(length) else None
    trouble: str | None = None
    if hop.encoding and (not hop.is_packed or hop.answer.status_code == _PARTIAL):
        trouble = "The audio came compressed, which was not asked for."
    elif claimed is not None and claimed > max_bytes:
        trouble = f"The audio is larger than {max_bytes} bytes."
    if trouble is not None:
        hop.answer.close()
        raise UnexpectedReplyError(trouble, **hop.where())
    return None if hop.is_packed else claimed  # the length is that of the packed bytes


def _pieces(hop: _Hop, max_bytes: int) -> Generator[bytes, None, None]:
    """Yield the body as it arrives; raise UnreachableError where it breaks off."""
    size = 0
    try:
        with closing(body_of(hop.answer, hop.exchange)) as body:
            for chunk in _unpacked(body, hop, max_bytes) if hop.is_packed else body:
                size += len(chunk)
                yield chunk
    except AnswerTooLargeError:
        raise UnexpectedReplyError(f"The audio is larger than {max_bytes} bytes.", **hop.where()) from None
    except ExchangeError as failure:
        raise UnreachableError(
            f"The audio broke off after {size} bytes: {failure.why}.", **hop.where()
        ) from None


def _unpacked(body: Iterable[bytes], hop: _Hop, max_bytes: int) -> Iterator[bytes]:
    """Yield the content of an unrequested encoding, in blocks that stay small whatever they unpack to.

    Some hosts keep the header of a file that is not compressed any more: that is passed on as it is.
    """
    chunks = iter(body)
    head = b""
    while len(head) < len(_GZIP) and (chunk := next(chunks, None)) is not None:
        head += chunk
    if hop.encoding != "deflate" and not head.startswith(_GZIP):
        yield from (part for part in chain((head,), chunks) if part)
        return
    decoder, size = zlib.decompressobj(_window_bits(head)), 0
    try:
        for chunk in chain((head,), chunks):
            while chunk and not decoder.eof:
                if block := decoder.decompress(chunk, _BLOCK):
                    size += len(block)
                    if size > max_bytes:
                        raise UnexpectedReplyError(
                            f"The audio is larger than {max_bytes} bytes.", **hop.where()
                        )
                    yield block
                chunk = decoder.unconsumed_tail
    except zlib.error:
        raise UnexpectedReplyError(
            "The audio came compressed, and cannot be unpacked.", **hop.where()
        ) from None
    if not decoder.eof:
        raise UnreachableError("The audio broke off: what came compressed is incomplete.", **hop.where())


def _window_bits(head: bytes) -> int:
    """Return how zlib is to read what begins so: gzip, zlib, or a bare deflate stream, all of which are sent."""
    if head.startswith(_GZIP):
        return zlib.MAX_WBITS | 16
    is_zlib = len(head) > 1 and head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS


def _stream(hop: _Hop, adapter: GuardedAdapter, max_bytes: int) -> AudioStream:
    """Return the audio stream, and which part of the whole file it says it is."""
    claimed = _claimed(hop, max_bytes)
    status = hop.answer.status_code
    if status in _WHOLE:
        return AudioStream(0, claimed, claimed, _pieces(hop, max_bytes), hop.answer, adapter)
    found = _PART.fullmatch(hop.answer.headers.get("Content-Range", "").strip())
    size = int(found[3]) if found and found[3] != "*" else None
    if status == _UNSATISFIABLE:
        hop.answer.close()
        return AudioStream(0, 0, size, _nothing(), hop.answer, adapter, unsatisfiable=True)
    if found is None or size is None or found[1] is None or not int(found[1]) <= int(found[2]) < size:
        hop.answer.close()
        raise UnexpectedReplyError("A part of the audio came without saying which part it is.", **hop.where())
    start, stop = int(found[1]), int(found[2]) + 1
    if claimed is not None and claimed != stop - start:
        hop.answer.close()
        raise UnexpectedReplyError("A part of the audio came that is not as long as it says.", **hop.where())
    return AudioStream(start, stop, size, _pieces(hop, max_bytes), hop.answer, adapter)


def _nothing() -> Generator[bytes, None, None]:
    yield from ()


def _error_reply(hop: _Hop, secret: str) -> Reply:
    """Return an answer that is not the audio, with as much of its body as an error message needs."""
    hop.exchange.body_cap = _ERROR_BODY_CAP
    headers = {name.lower(): value for name, value in hop.answer.headers.items()}
    body: bytes | None = None
    with suppress(ExchangeError):  # the status says enough
        body = b"".join(body_of(hop.answer, hop.exchange))
    return Reply(hop.answer.status_code, headers, body, secrets=(secret,))


def _declined(hop: _Hop, reply: Reply) -> VobizError:
    where, status = hop.where(), reply.status
    where["api_id"] = reply.api_id()
    if status in (401, 403) and not hop.trusted:
        return RefusedError(
            f"{hop.address.host} refused the audio ({named(status)}). It was asked without the account's "
            "credentials, because it is not one of Vobiz's own hosts.",
            **where,
        )
    if 400 <= status < 500 and status != 408:
        return refusal(reply, _DOING, where)
    if status == 408 or status >= 500:
        return UnreachableError(f"The audio could not be fetched: the answer was {named(status)}.", **where)
    return UnexpectedReplyError(f"The audio could not be fetched: the answer was {named(status)}.", **where)
