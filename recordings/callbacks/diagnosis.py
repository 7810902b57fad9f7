"""Diagnosis of a refused callback: the address its signature was expected for, and the one it was made for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from recordings.callbacks.deliveries import body_verdicts
from recordings.callbacks.endpoints import CallbackEndpoint
from recordings.choices import Trust
from recordings.models import CallbackEvent
from recordings.vobiz.signature import Verdict, verify


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a refused event's signature was made for. Addresses have `…` in place of the key.

    `expected`: the addresses that count today. `used`: the one it verifies under, None if none of those tried.
    `same` is what `used` and the first expected begin with, `expected_rest` and `used_rest` what follows from their
    first difference on. `words`: what that means and what to do.
    """

    expected: tuple[str, ...]
    used: str | None
    same: str
    expected_rest: str
    used_rest: str
    words: str


def diagnosis(event: CallbackEvent, *, now: datetime) -> Diagnosis:
    """Compare what was expected with what can be found out, by trying."""
    if event.trust != Trust.UNSIGNED and event.raw_body is None and event.account.lacks_signing_token:
        return _unexplained((), event.account.rejection(event.trust).words)
    endpoint = CallbackEndpoint.of_event(event)
    if endpoint is None:
        return _unexplained(
            (), _("The address it was sent to is no longer in use, so this callback cannot be verified.")
        )
    expected = tuple(endpoint.redact(base) for base in endpoint.signed_bases)
    if event.raw_body is not None and not event.is_unreadable:
        return _unexplained(expected, _body_words(event, endpoint))
    if event.trust == Trust.UNSIGNED:
        words = _(
            "This callback has no signature. The account requires one: change that on the account's page, "
            "or in Vobiz's console."
        )
        return _unexplained(expected, words)
    tokens = endpoint.account.callback_tokens(now)
    if not tokens:
        words = _(
            "The account has no token that can be read, so nothing verifies: enter it on the account's page."
        )
        return _unexplained(expected, words)
    used = _used(event, endpoint, tokens)
    if used is None:
        words = _(
            "The signature is valid for none of the addresses tried. The callback may be signed with a token that "
            "is not stored here, or was sent to an address that differs in more than host, port and scheme."
        )
        return _unexplained(expected, words)
    if used in endpoint.signed_bases:
        words = _("The signature is valid now: process the callback again.")
    else:
        words = _(
            "Vobiz was given another address than PORTAL_URL makes. Make them one, then process it again."
        )
    shown = endpoint.redact(used)
    same = _common_beginning(expected[0], shown)
    return Diagnosis(expected, shown, same, expected[0][len(same) :], shown[len(same) :], words)


def _body_words(event: CallbackEvent, endpoint: CallbackEndpoint) -> str:
    """Return what stands between a trunk webhook and its verification."""
    if any(verdict.trust == "signed" for verdict in body_verdicts(event, endpoint)):
        return _("The signature is valid now: process the callback again.")
    return _(
        "This looks like a trunk webhook: its body is signed in the header %(headers)s. Compare the secret and the "
        "name of the signature header on the account's page with the trunk's webhook in Vobiz's console."
    ) % {"headers": ", ".join(dict.fromkeys(name for given in event.signature_headers for name in given))}


def _common_beginning(one: str, other: str) -> str:
    differs = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return one[: next(differs, min(len(one), len(other)))]


def _unexplained(expected: tuple[str, ...], words: str) -> Diagnosis:
    return Diagnosis(expected, None, expected[0] if expected else "", "", "", words)


def _used(event: CallbackEvent, endpoint: CallbackEndpoint, tokens: tuple[str, ...]) -> str | None:
    def verdicts(*bases: str) -> Iterator[Verdict]:
        return (verify(given, bases=bases, tokens=tokens) for given in event.signature_headers)

    candidates = list(dict.fromkeys([*endpoint.signed_bases, *_candidates(event, endpoint)]))
    if not any(verdict.trust == "signed" for verdict in verdicts(*candidates)):
        return None
    return next(base for base in candidates if any(verdict.trust == "signed" for verdict in verdicts(base)))


def _candidates(event: CallbackEvent, endpoint: CallbackEndpoint) -> Iterator[str]:
    """Yield the endpoint's address in the spellings others may use: scheme, host, port, slashes."""
    expected = urlsplit(endpoint.signed_bases[0])
    hosts, ports = (
        [expected.hostname or ""],
        ["", ":443", ":80", f":{expected.port}" if expected.port else ""],
    )
    origins = [urlsplit(origin).netloc for origin in settings.CSRF_TRUSTED_ORIGINS]
    for named in (*event.hosts, *settings.ALLOWED_HOSTS, *origins):
        host, _colon, port = named.partition(":") if named.count(":") < 2 else (named, "", "")
        hosts.append(host)
        ports.append(f":{port}" if port else "")
    path = expected.path
    paths = (path, path.rstrip("/"), f"/{path}", f"{path}/")
    unique = (dict.fromkeys(("https", "http")), dict.fromkeys(hosts), dict.fromkeys(ports), paths)
    for scheme, host, port, written in product(*unique):
        yield f"{scheme}://{host}{port}{written}"
