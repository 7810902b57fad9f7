"""Signing and checking Vobiz callbacks: pure functions over text, no framework.

Vobiz docs, "Validating callbacks": a delivery carries up to four signatures, each the Base64 of an
HMAC-SHA256 under an account's auth token.

    scheme   header                       signed text           key
    v2       X-Vobiz-Signature-V2         base + nonce2         token of the account that owns the call
    ma-v2    X-Vobiz-Signature-MA-V2      base + nonce2         token of its parent (main) account
    v3       X-Vobiz-Signature-V3         base + "." + nonce3   as v2
    ma-v3    X-Vobiz-Signature-MA-V3      base + "." + nonce3   as ma-v2

`base` is the callback URL as it was given to Vobiz, without userinfo, query and fragment. So a signature
covers neither body, nor query, nor method, nor time: it proves that Vobiz once signed this path, no more.
The older `X-Vobiz-Signature` (V1, SHA-1) signs an undocumented text and proves nothing; it is ignored.

Webhooks of SIP trunks are signed otherwise (Vobiz docs, trunk webhooks): one header, by default of that same name,
holds the hexadecimal HMAC-SHA256 of the body under a secret of its own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Scheme = Literal["v2", "v3", "ma-v2", "ma-v3", "body", "none"]
Trust = Literal["signed", "unsigned", "refused"]

SIGNATURE_V1 = "X-Vobiz-Signature"
SIGNATURE_V2 = "X-Vobiz-Signature-V2"
SIGNATURE_MA_V2 = "X-Vobiz-Signature-MA-V2"
NONCE_V2 = "X-Vobiz-Signature-V2-Nonce"
SIGNATURE_V3 = "X-Vobiz-Signature-V3"
SIGNATURE_MA_V3 = "X-Vobiz-Signature-MA-V3"
NONCE_V3 = "X-Vobiz-Signature-V3-Nonce"

# Every header the check reads, for whoever keeps a refused delivery's evidence.
SIGNATURE_HEADERS = (SIGNATURE_V2, SIGNATURE_MA_V2, NONCE_V2, SIGNATURE_V3, SIGNATURE_MA_V3, NONCE_V3)

# Each signature goes with its own nonce and joint, never with another's. An account's own signature is
# named before its parent's, because both are present and equal on a main account's callbacks.
_SCHEMES: tuple[tuple[Scheme, str, str, str], ...] = (
    ("v3", SIGNATURE_V3, NONCE_V3, "."),
    ("v2", SIGNATURE_V2, NONCE_V2, ""),
    ("ma-v3", SIGNATURE_MA_V3, NONCE_V3, "."),
    ("ma-v2", SIGNATURE_MA_V2, NONCE_V2, ""),
)

# V2 joins base and nonce without a separator, so anything but digits could move part of a path into it.
_NONCE = re.compile(r"[0-9]{1,64}", re.ASCII)
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{43}=", re.ASCII)  # 32 bytes in Base64
_BODY_SIGNATURE = re.compile(r"(?:sha256=)?(?:[0-9A-Fa-f]{64}|[A-Za-z0-9+/]{43}=)", re.ASCII)
_BODY_HEADER = re.compile(r"signature|hmac", re.IGNORECASE)
_CANDIDATES = 8  # signatures tried in one header, which may be a comma-separated list


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the headers of one delivery prove.

    `trust`: signed (at least one signature verifies), unsigned (no V2 or V3 signature header at all) or
    refused (there are some, and none verifies). `scheme`: the one that verified, else "none".
    `nonces`: every well-formed nonce of the delivery, whichever scheme verified: all of them are spent.
    """

    trust: Trust
    scheme: Scheme
    nonces: tuple[str, ...]


def base_of(url: str) -> str:
    """Return the part of a callback URL that is signed: `scheme://host[:port]/path`.

    Query, fragment and userinfo go; nothing else is touched: slashes, percent-escapes, letter case and an
    explicit port stay as given, since Vobiz signs the text it was given.
    """
    kept = url.partition("#")[0].partition("?")[0]
    scheme, mark, rest = kept.partition("://")
    if not mark:
        return kept
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def sign_v2(token: str, base: str, nonce: str) -> str:
    """Return the V2 (or, with the parent's token, MA-V2) signature: 44 characters of Base64."""
    return _sign(token, base + nonce)


def sign_v3(token: str, base: str, nonce: str) -> str:
    """Return the V3 (or, with the parent's token, MA-V3) signature: 44 characters of Base64."""
    return _sign(token, f"{base}.{nonce}")


def signed_headers(
    base: str, *, token: str, parent_token: str | None, nonce_v2: str, nonce_v3: str
) -> dict[str, str]:
    """Return all signature headers of one delivery, as Vobiz sends them.

    A main account has no parent; its MA signatures are there all the same, made with its own token.
    """
    parent = parent_token or token
    return {
        SIGNATURE_V2: sign_v2(token, base, nonce_v2),
        SIGNATURE_MA_V2: sign_v2(parent, base, nonce_v2),
        NONCE_V2: nonce_v2,
        SIGNATURE_V3: sign_v3(token, base, nonce_v3),
        SIGNATURE_MA_V3: sign_v3(parent, base, nonce_v3),
        NONCE_V3: nonce_v3,
    }


def verify(headers: Mapping[str, str], *, bases: Sequence[str], tokens: Sequence[str]) -> Verdict:
    """Check one delivery. Never raises, whatever the headers hold.

    `headers`: all headers of the request, names in any case. `bases`: the signed URLs it may have been
    given out under (see `base_of`). `tokens`: every token that may have signed it: the account's current
    and former ones, and its parent's. Any scheme may verify under any of them. Without a usable token
    nothing verifies.
    """
    folded = _fold(headers)
    nonces = {
        name: folded[name.lower()]
        for name in (NONCE_V2, NONCE_V3)
        if _NONCE.fullmatch(folded.get(name.lower(), ""))
    }
    every_nonce = tuple(dict.fromkeys(nonces.values()))
    present = [scheme for scheme in _SCHEMES if scheme[1].lower() in folded]
    if not present:
        return Verdict("unsigned", "none", every_nonce)
    for scheme, signature_name, nonce_name, joint in present:
        nonce = nonces.get(nonce_name)
        if nonce is None:
            continue
        given = list(_candidates(folded[signature_name.lower()]))
        if given and _any_matches(given, joint + nonce, bases, tokens):
            return Verdict("signed", scheme, every_nonce)
    return Verdict("refused", "none", every_nonce)


def verify_body(value: str, body: bytes, secret: str) -> Verdict:
    """Check a trunk webhook: `value` is the signature header, hexadecimal or Base64, with or without `sha256=`."""
    if not secret:
        return Verdict("refused", "none", ())
    digest = hmac.new(secret.encode("utf-8", "surrogatepass"), body, hashlib.sha256).digest()
    expected = (digest.hex().encode(), base64.b64encode(digest))
    given = value.strip(" \t").removeprefix("sha256=").encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(given, expected[1]), hmac.compare_digest(given.lower(), expected[0])]
    return Verdict("signed", "body", ()) if any(matches) else Verdict("refused", "none", ())


def body_signatures(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that may be a signature over the body, by name and shape: tokens and passwords are not."""
    return {
        name: value.strip(" \t")
        for name, value in headers.items()
        if _BODY_HEADER.search(name) and _BODY_SIGNATURE.fullmatch(value.strip(" \t"))
    }


def _sign(token: str, signed_text: str) -> str:
    key, message = (part.encode("utf-8", "surrogatepass") for part in (token, signed_text))
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode("ascii")


def _fold(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers under lower-case names; a repeated name becomes a comma list, as HTTP has it."""
    folded: dict[str, str] = {}
    for name, value in headers.items():
        key = str(name).lower()
        text = value.strip(" \t") if isinstance(value, str) else ""
        folded[key] = f"{folded[key]},{text}" if key in folded else text
    return folded


def _candidates(value: str) -> Iterator[bytes]:
    """Return the well-formed signatures of a header: 44 characters each, Base64 of 32 bytes."""
    for part in value.split(",", _CANDIDATES)[:_CANDIDATES]:
        candidate = part.strip(" \t")
        if _SIGNATURE.fullmatch(candidate):
            yield candidate.encode("ascii")


def _any_matches(given: list[bytes], tail: str, bases: Sequence[str], tokens: Sequence[str]) -> bool:
    # Base64 text is compared, not the bytes it decodes to: a last character with stray bits decodes to
    # the same bytes, and nothing but the one spelling that Vobiz writes is a signature.
    for token in tokens:
        if not token:  # an HMAC under an empty key is one that anybody can make
            continue
        for base in bases:
            expected = _sign(token, base + tail).encode("ascii")
            if any(hmac.compare_digest(expected, candidate) for candidate in given):
                return True
    return False
