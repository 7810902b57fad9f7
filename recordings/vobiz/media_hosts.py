"""Which hosts audio may be fetched from, and which of them get the credentials: the rule against SSRF.

`recordings/vobiz/connection.py` refuses an address off the public internet once a name is resolved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from recordings.vobiz.addresses import Address, InvalidAddressError, is_loopback, plain_address
from recordings.vobiz.errors import MediaRefusedError


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
        """Return the hosts. Trusted are Vobiz's own among those listed, and the API's; in local mode all."""
        listed = frozenset(name for given in names if (name := _bare(given.strip().lower())))
        own = {"vobiz.ai", _bare(plain_address(api_url).host)}
        trusted = {name for name in listed if local or name in own or name.endswith(".vobiz.ai")}
        return cls(listed, frozenset(trusted), local)

    def meant(self, url: str) -> str:
        """Return an address as it is meant: without blanks around it, and `//host/…` with its scheme."""
        url = url.strip()
        if not url.startswith("//"):
            return url
        host = urlsplit(f"https:{url}").hostname or ""
        return f"http:{url}" if self.local and is_loopback(host) else f"https:{url}"

    def trusts(self, address: Address) -> bool:
        """Return whether the credentials may be sent to this host."""
        return _bare(address.host) in self.trusted

    def checked(self, url: str, previous: Address | None = None) -> Address:
        """Return the address of `url`; raise MediaRefusedError, and send nothing, if it must not be fetched.

        `previous`: the address that redirected to it.
        """
        came = "Vobiz gave" if previous is None else "Vobiz redirected to"
        if not url:
            raise MediaRefusedError("Vobiz has given no address for this audio.")
        try:
            address = plain_address(url)
        except InvalidAddressError:
            raise MediaRefusedError(
                f"{came} an address for this audio that is not a plain web address."
            ) from None
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
            raise MediaRefusedError(f"{came} an address for this audio {problem}.", path=address.path)
        return address


def _bare(host: str) -> str:
    """Return an IPv6 address without the brackets that a URL needs."""
    return host.strip("[]")
