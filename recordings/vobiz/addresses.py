r"""Parse and check URLs before any request, against SSRF: only URLs that all parsers read alike pass.

`https://evil.test\@media.vobiz.ai/` is media.vobiz.ai to one parser and evil.test to another. So only plain
URLs pass: printable ASCII, no backslash, no userinfo, no percent sign in the host.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>(?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63}|\[[0-9a-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?P<fragment>#.*)?",
    re.IGNORECASE | re.ASCII,
)
_PRINTABLE = re.compile(r"[!-\[\]-~]{1,4096}", re.ASCII)  # no space, no control, no backslash
_API_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", re.ASCII)
_USUAL_PORTS = {"http": 80, "https": 443}

# Networks that `ipaddress` calls global and that still lead elsewhere than the public internet: NAT64,
# 6to4 and Teredo embed an IPv4 address, which may be a private one; the last is a retired relay.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "192.88.99.0/24")
)


class InvalidAddressError(ValueError):
    """A URL that must not be asked. `str()` is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Address:
    """A plain URL's parts: `host` in lower case (IPv6 in brackets), `path` and `query` as given."""

    scheme: str
    host: str
    port: int
    path: str
    query: str
    fragment: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What is connected to."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """`host`, with its port where that is not the scheme's usual one."""
        return self.host if self.port == _USUAL_PORTS[self.scheme] else f"{self.host}:{self.port}"


def plain_address(url: str) -> Address:
    """Return the parts of a plain http or https URL; raise InvalidAddressError for any other."""
    match = _URL.fullmatch(url) if _PRINTABLE.fullmatch(url) else None
    if match is None:
        raise InvalidAddressError("This is not a plain web address.")
    scheme = match["scheme"].lower()
    port = int(match["port"]) if match["port"] else _USUAL_PORTS[scheme]
    if not 0 < port < 65536:
        raise InvalidAddressError("This address names a port that does not exist.")
    return Address(
        scheme,
        match["host"].lower(),
        port,
        match["path"] or "",
        match["query"] or "",
        match["fragment"] or "",
    )


def checked_api_url(url: str, *, local: bool = False) -> str:
    """Return the API's address without a final slash: https, no query and no fragment.

    `local` allows http too, but to this machine only; elsewhere the token must not go to an address of a private or
    link-local network. InvalidAddressError for anything else.
    """
    address = plain_address(url)
    if address.scheme != "https" and not (local and is_loopback(address.host)):
        raise InvalidAddressError("The API's address must begin with https://.")
    if _is_ip(address.host) and not is_public(address.host.strip("[]")) and not local:
        raise InvalidAddressError("The API's address must not be one of a private or link-local network.")
    path = address.path.rstrip("/")
    if address.query or address.fragment or not _API_PATH.fullmatch(path):
        raise InvalidAddressError("The API's address must be a host and a plain path, without a query.")
    return f"{address.scheme}://{address.authority}{path}"


def checked_receiver_url(url: str, *, local: bool = False) -> str:
    """Return the address of a receiver of webhooks: https, no fragment, no IP address that is not public.

    `local` allows http, and any address. Where a name leads is checked when it is connected to. InvalidAddressError for
    anything else.
    """
    address = plain_address(url)
    if address.scheme != "https" and not local:
        raise InvalidAddressError("The address must begin with https://.")
    if not local and (
        is_loopback(address.host) or (_is_ip(address.host) and not is_public(address.host.strip("[]")))
    ):
        raise InvalidAddressError("The address must be on the public internet.")
    if address.fragment:
        raise InvalidAddressError("The address must not have a # part.")
    return url


def _is_ip(host: str) -> bool:
    """Return whether a host is an IP address, in any spelling that some resolver takes for one."""
    if host.startswith("[") or host.rpartition(".")[2].isdecimal():
        return True
    return re.fullmatch(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*", host, re.ASCII) is not None


def bracketed(host: str) -> str:
    """Return a host as a URL and ALLOWED_HOSTS have it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Return whether a host, as written in a URL, is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_public(ip: str) -> bool:
    """Return whether an IP address is public, and embeds none that is not."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
