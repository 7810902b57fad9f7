"""Fetching audio, from listed hosts only, without ever handing the credentials to anybody else.

Vobiz docs, "Download a recording": the URL is to be used as given, needs both secret headers, and may
redirect to a signed address elsewhere. `requests` would take the headers along. So every address, the
redirected ones too, is looked at on its own, and its request is built from nothing.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import BinaryIO, Self
from urllib.parse import urljoin

import requests

from recordings.vobiz.addresses import Address, BadAddress, is_loopback, plain_address
from recordings.vobiz.connection import (
    AddressRefused,
    AnswerTooLarge,
    Exchange,
    ExchangeFailed,
    GuardedAdapter,
    body_of,
)
from recordings.vobiz.errors import MediaRefused, Refused, UnexpectedReply, Unreachable, VobizError, Where
from recordings.vobiz.replies import Reply, named, refusal, retry_after
from recordings.vobiz.transport import USER_AGENT, Transport, worth_repeating
from recordings.vobiz.wire import one_line

AUDIO_CAP = 2 * 1024**3  # bytes
AUDIO_TOTAL = 1800.0  # seconds
MAX_REDIRECTS = 2

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ERROR_BODY_CAP = 64 * 1024
_LENGTH = re.compile(r"[0-9]{1,15}", re.ASCII)
_DOING = "fetch the audio"


@dataclass(frozen=True, slots=True)
class Download:
    """What was written: its SHA-256 (hex) and size in bytes, and what the server said it would be.

    `claimed_length` is the Content-Length; where it was given, `bytes` equals it. Without one, a connection
    that was cut looks like an end: whether the file is whole is for the file to say.
    """

    sha256: str
    bytes: int
    content_type: str | None
    claimed_length: int | None


@dataclass(frozen=True, slots=True)
class MediaHosts:
    """From which hosts audio may be fetched, and which of them are handed the account's credentials.

    Exact names in lower case, IPv6 without brackets. `local`: the portal runs on this machine only, which
    allows http to this machine, any port of a listed host, and addresses off the public internet.
    """

    listed: frozenset[str]
    trusted: frozenset[str]
    local: bool = False

    @classmethod
    def of(cls, names: Sequence[str], *, api_url: str, local: bool) -> Self:
        """Trusted are Vobiz's own names, of those that are listed, and the API's host; in local mode all."""
        listed = frozenset(name for given in names if (name := _bare(given.strip().lower())))
        own = {"vobiz.ai", _bare(plain_address(api_url).host)}
        trusted = {name for name in listed if local or name in own or name.endswith(".vobiz.ai")}
        return cls(listed, frozenset(trusted), local)

    def trusts(self, address: Address) -> bool:
        """Whether the credentials may go there."""
        return _bare(address.host) in self.trusted

    def checked(self, url: str, previous: Address | None = None) -> Address:
        """Where `url` leads, if audio may be fetched from there; else MediaRefused, before anything is sent.

        `previous`: the address that redirected to it.
        """
        came = "Vobiz gave" if previous is None else "Vobiz redirected to"
        if not url:
            raise MediaRefused("Vobiz has given no address for this audio.")
        try:
            address = plain_address(url)
        except BadAddress:
            raise MediaRefused(f"{came} an address for this audio that is not a plain web address.") from None
        problem: str | None = None
        if _bare(address.host) not in self.listed:
            problem = f"on {address.host}, which is not one of the hosts that audio may be fetched from"
        elif address.scheme == "http" and not (self.local and is_loopback(address.host)):
            problem = "that is not https"
        elif previous is not None and (previous.scheme, address.scheme) == ("https", "http"):
            problem = "that is http, from one that was https"
        elif not self.local and address.port != 443:
            problem = "on an unusual port"
        if problem is not None:
            raise MediaRefused(f"{came} an address for this audio {problem}.", path=address.path)
        return address


class Media:
    """The way to one account's audio."""

    def __init__(self, transport: Transport, hosts: MediaHosts) -> None:
        self._transport = transport
        self._hosts = hosts

    def download(self, url: str, into: BinaryIO, *, max_bytes: int, total: float) -> Download:
        """Write the audio at `url` into a file, hashing on the way; see `VobizClient.download`."""
        deadline = time.monotonic() + total
        with closing(GuardedAdapter()) as adapter:
            hop = self._open(adapter, url, deadline, max_bytes)
            return _write(hop, into, max_bytes)

    def _open(self, adapter: GuardedAdapter, url: str, deadline: float, max_bytes: int) -> _Hop:
        """The answer whose body is the audio. Only until here may a try be repeated: no byte is written yet."""
        patience = self._transport.patience
        patient_until = min(deadline, time.monotonic() + patience.total)
        tried = 0
        while True:
            tried += 1
            asked_for: float | None = None
            try:
                hop = self._follow(adapter, url, deadline, max_bytes)
            except _Failed as failed:
                error, again = failed.error, failed.again
            else:
                if hop.answer.status_code == 200:
                    return hop
                reply = _error_reply(hop, self._transport.credentials.auth_token)
                error, again = _declined(hop, reply), worth_repeating(reply.status)
                asked_for = retry_after(reply) if again else None
            if not again or tried >= patience.tries or not patience.wait(tried, patient_until, asked_for):
                raise error

    def _follow(self, adapter: GuardedAdapter, url: str, deadline: float, max_bytes: int) -> _Hop:
        """The first answer that is no redirect."""
        previous: Address | None = None
        for _ in range(MAX_REDIRECTS + 1):
            address = self._hosts.checked(url, previous)
            exchange = self._transport.exchange_until(
                deadline, body_cap=max_bytes, public_only=not self._hosts.local
            )
            hop = self._ask(adapter, url, address, exchange)
            if hop.answer.status_code not in _REDIRECTS:
                return hop
            location = hop.answer.headers.get("Location", "")
            hop.answer.close()
            if not location:
                raise MediaRefused("The audio's address redirects to nowhere.", **hop.where())
            try:
                url = urljoin(url, location)
            except ValueError:
                url = location  # not to be joined, and not to be asked either
            previous = address
        raise MediaRefused(f"The audio's address redirects more than {MAX_REDIRECTS} times.", **hop.where())

    def _ask(self, adapter: GuardedAdapter, url: str, address: Address, exchange: Exchange) -> _Hop:
        trusted = self._hosts.trusts(address)
        headers = {"Accept": "audio/*, */*", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        if trusted:
            headers |= self._transport.secret_headers()
        request = requests.Request("GET", url, headers=headers).prepare()
        if plain_address(request.url or "").origin != address.origin:
            raise MediaRefused("The audio's address is read in two ways, so it is not asked.")
        where: Where = {"method": "GET", "path": address.path}
        try:
            answer = adapter.exchange(request, exchange)
        except AddressRefused as refused:
            raise MediaRefused(f"The audio's address must not be asked: {refused.why}.", **where) from None
        except ExchangeFailed as failure:
            raise _Failed(
                Unreachable(f"The audio could not be fetched: {failure.why}.", **where), again=failure.again
            ) from None
        return _Hop(address, trusted, answer, exchange)


@dataclass(frozen=True, slots=True)
class _Hop:
    """One answer on the way to the audio."""

    address: Address
    trusted: bool
    answer: requests.Response
    exchange: Exchange

    def where(self) -> Where:
        return {"status": self.answer.status_code, "method": "GET", "path": self.address.path}


class _Failed(Exception):
    """No answer came; `again`: another try may bring one."""

    def __init__(self, error: VobizError, *, again: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again


def _write(hop: _Hop, into: BinaryIO, max_bytes: int) -> Download:
    headers = hop.answer.headers
    length = headers.get("Content-Length", "").strip()
    claimed = int(length) if _LENGTH.fullmatch(length) else None
    too_large = UnexpectedReply(f"The audio is larger than {max_bytes} bytes.", **hop.where())
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        hop.answer.close()
        raise UnexpectedReply("The audio came compressed, which was not asked for.", **hop.where())
    if claimed is not None and claimed > max_bytes:
        hop.answer.close()
        raise too_large
    digest, size = hashlib.sha256(), 0
    try:
        with closing(body_of(hop.answer, hop.exchange)) as body:
            for chunk in body:
                digest.update(chunk)
                into.write(chunk)
                size += len(chunk)
    except AnswerTooLarge:
        raise too_large from None
    except ExchangeFailed as failure:
        raise Unreachable(f"The audio broke off after {size} bytes: {failure.why}.", **hop.where()) from None
    kind = one_line(headers.get("Content-Type", "").partition(";")[0]).lower()[:100]
    return Download(digest.hexdigest(), size, kind or None, claimed)


def _error_reply(hop: _Hop, secret: str) -> Reply:
    """An answer that is not the audio, with as much of its body as is needed to say why."""
    hop.exchange.body_cap = _ERROR_BODY_CAP
    headers = {name.lower(): value for name, value in hop.answer.headers.items()}
    body: bytes | None = None
    with suppress(ExchangeFailed):  # the status says enough
        body = b"".join(body_of(hop.answer, hop.exchange))
    return Reply(hop.answer.status_code, headers, body, secrets=(secret,))


def _declined(hop: _Hop, reply: Reply) -> VobizError:
    where, status = hop.where(), reply.status
    where["api_id"] = reply.api_id()
    if status in (401, 403) and not hop.trusted:
        return Refused(
            f"{hop.address.host} refused the audio ({named(status)}). It was asked without the account's "
            "credentials, because it is not one of Vobiz's own hosts.",
            **where,
        )
    if 400 <= status < 500 and status != 408:
        return refusal(reply, _DOING, where)
    if status == 408 or status >= 500:
        return Unreachable(f"The audio could not be fetched: the answer was {named(status)}.", **where)
    return UnexpectedReply(f"The audio could not be fetched: the answer was {named(status)}.", **where)


def _bare(host: str) -> str:
    """An IPv6 address without the brackets that a URL needs."""
    return host.strip("[]")
