"""Post to an address that a tenant typed: to the public internet only, within 5 s, and without showing the answer.

The name is resolved once; every address that it has must be public, and the connection is made to one of those that
were checked. No redirect is followed, and no proxy of the environment is used. At most 64 KiB of the answer are read,
and nothing of it is kept or shown: else a tenant could read with it what only this machine can reach.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing, suppress

import requests

from recordings.vobiz.addresses import checked_receiver_url, plain_address
from recordings.vobiz.connection import AddressRefusedError, Exchange, ExchangeError, GuardedAdapter, body_of

TIMEOUT = 5.0  # seconds, for all of it
BODY_CAP = 64 * 1024  # bytes


def post(url: str, body: bytes, headers: Mapping[str, str], *, local: bool) -> int:
    """Return the status of the answer. Raises InvalidAddressError, and ExchangeError where none came.

    `local`: http, and addresses of private networks, are allowed too.
    """
    checked_receiver_url(url, local=local)
    sent = {"User-Agent": "VobizPortal", "Accept-Encoding": "identity", **headers}
    request = requests.Request("POST", url, headers=sent, data=body).prepare()
    if plain_address(request.url or "").origin != plain_address(url).origin:
        raise AddressRefusedError("the address is read in two ways", sent=False, retryable=False)
    exchange = Exchange(time.monotonic() + TIMEOUT, TIMEOUT, TIMEOUT, BODY_CAP, public_only=not local)
    with closing(GuardedAdapter()) as adapter:
        answer = adapter.exchange(request, exchange)
        with suppress(ExchangeError):  # the status says all
            for _piece in body_of(answer, exchange):
                pass
        return answer.status_code
