"""How often a password or code may be guessed, and how many guesses are worked on at once.

Three budgets, each checked before anything costly and counted in the cache that all processes share: per address; per
account for browsers unknown to it; per account and known browser, which guesses from elsewhere cannot use up. A browser
is known to an account by a signed cookie that it got at a sign-in. Passkeys, single sign-on and links draw on none.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils.translation import gettext as _

logger = logging.getLogger("recordings.signin")

HOUR, DAY = 3_600, 86_400
DEVICE, DEVICE_AGE = "device", 180 * DAY
SALT = "recordings.signin.device"
MOST_PEOPLE = 8  # who share one browser
BUSY = HTTPStatus.SERVICE_UNAVAILABLE
TURN_TIMEOUT = 1.0  # seconds that a sign-in waits for its turn


@dataclass(frozen=True, slots=True)
class Budget:
    """So many guesses within so many seconds, counted from the first."""

    name: str
    limit: int
    seconds: int

    def is_used_up(self, subject: str) -> bool:
        """Return whether the limit is reached."""
        return int(cache.get(self._key(subject), 0)) >= self.limit

    def take(self, subject: str) -> bool:
        """Count one guess about or from `subject`; return whether it may be made. A refused one writes nothing."""
        if self.is_used_up(subject):
            return False
        key = self._key(subject)
        if cache.add(key, 1, self.seconds):
            return True
        try:
            number = cache.incr(key)
        except ValueError:  # it expired just now
            return bool(cache.add(key, 1, self.seconds))
        if number == self.limit:
            logger.warning(
                "Budget of guesses used up: %s, %d within %d s",
                self.name,
                self.limit,
                self.seconds,
                extra={"budget": "budgets of guesses"},
            )
        return bool(number <= self.limit)

    def give_back(self, subject: str) -> None:
        """Count one guess less, for it was right."""
        key = self._key(subject)
        if int(cache.get(key, 0)) > 0:
            with suppress(ValueError):  # it expired just now, and all guesses with it
                cache.incr(key, -1)

    def _key(self, subject: str) -> str:
        return f"guesses-{self.name}-{hashlib.sha256(subject.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is guessed: its budget for an account from unknown browsers, and for one known browser."""

    account: Budget
    browser: Budget


ADDRESS = Budget("address", 50, HOUR)
PASSWORD = Kind(Budget("password", 100, DAY), Budget("password-known", 50, DAY))
CODE = Kind(Budget("code", 20, DAY), Budget("code-known", 20, DAY))
RESET = Budget("reset", 5, DAY)
RESETS_FROM = Budget("resets-from", 20, HOUR)
SSO = Budget("sso", 200, HOUR)
PASSKEYS = Budget("passkeys", 200, HOUR)
# those that are logged; passkeys themselves draw on none
PASSKEY_FAILURES = Budget("passkey-failures", 20, DAY)
NO_ACCESS = Budget("no-access", 20, DAY)


class Turns:
    """So many at once; a few more wait shortly, and everybody else is refused at once.

    Hashing a password takes a thread for half a second. What anybody may ask for must leave threads to callbacks.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._running, self._admitted = threading.Semaphore(at_once), threading.Semaphore(at_once + waiting)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Wait for a turn; give False where there is none."""
        if not self._admitted.acquire(blocking=False):
            yield False
            return
        try:
            if not self._running.acquire(timeout=TURN_TIMEOUT):
                yield False
                return
            try:
                yield True
            finally:
                self._running.release()
        finally:
            self._admitted.release()


# Per process, of eight threads; a known browser has turns of its own.
STRANGERS, KNOWN = Turns(1, 1), Turns(1, 1)


class GuessRefusedError(Exception):
    """A guess that is not worked on. `status`: what the answer is."""

    def __init__(self, words: str, status: HTTPStatus) -> None:
        super().__init__(words)
        self.words, self.status = words, status

    def page(self) -> HttpResponse:
        """Return the page that says so. It computes nothing and has no request: whoever guesses must cost little."""
        return HttpResponse(
            loader.get_template("signin/refused.html").render({"words": self.words}),
            status=self.status,
            headers={"Cache-Control": "no-store"},
        )


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess that is worked on, and what it was taken from."""

    taken: list[tuple[Budget, str]]

    def was_right(self) -> None:
        """Give back what was taken."""
        for budget, subject in self.taken:
            budget.give_back(subject)


@contextmanager
def guess(request: HttpRequest, kind: Kind, user: Any, name: str = "") -> Iterator[Guess]:
    """Wait for a turn and take one guess from its budgets; raise GuessRefusedError where there is none.

    `user`: whose password or code it is; None where nobody is called `name`, which counts as an account does. Who is
    refused costs two reads at most: the turn comes before the writing.
    """
    device = known_device(request, user)
    if device:
        draws = [(kind.browser, f"{user.pk} {device}")]
    else:
        account = f"user {user.pk}" if user is not None else f"name {name.casefold()}"
        draws = [(kind.account, account), (ADDRESS, network_of(request))]
    if any(budget.is_used_up(subject) for budget, subject in draws):
        raise _used_up()
    with (KNOWN if device else STRANGERS).turn() as has_turn:
        if not has_turn:
            raise GuessRefusedError(_("Many people are logging in. Try again in a few seconds."), BUSY)
        made = Guess(draws)
        for at, (budget, subject) in enumerate(draws):
            if not budget.take(subject):  # another process was faster
                Guess(draws[:at]).was_right()
                raise _used_up()
        yield made


def _used_up() -> GuessRefusedError:
    words = _("Too many wrong tries. Use a passkey or a link to set a new password, or try again tomorrow.")
    return GuessRefusedError(words, HTTPStatus.TOO_MANY_REQUESTS)


def network_of(request: HttpRequest) -> str:
    """Return the client's address; of an IPv6 address the network, for one client has all of it."""
    text = (request.META.get("REMOTE_ADDR") or "").partition("%")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return "local"
    address = getattr(address, "ipv4_mapped", None) or address  # on a socket that takes both
    return str(ip_network(f"{address}/64", strict=False) if address.version == 6 else address)


# Known browsers


def _cookie_name() -> str:
    return DEVICE if settings.LOCAL_MODE else f"__Host-{DEVICE}"


def _devices(request: HttpRequest) -> dict[str, str]:
    """Return the device ids in the cookie, by user; none where it is not signed by the portal, or too old."""
    try:
        held = signing.loads(request.COOKIES.get(_cookie_name(), ""), salt=SALT, max_age=DEVICE_AGE)
    except signing.BadSignature:
        return {}
    return dict(held)


def known_device(request: HttpRequest, user: Any) -> str:
    """Return the id by which this browser is known to the account; empty where it is not."""
    return _devices(request).get(str(user.pk), "") if user is not None else ""


def remember_device(request: HttpRequest, response: HttpResponse, user: Any) -> None:
    """Make this browser known to the account."""
    held = _devices(request)
    own = held.pop(str(user.pk), None) or secrets.token_urlsafe(16)
    latest = dict([*held.items(), (str(user.pk), own)][-MOST_PEOPLE:])
    response.set_cookie(
        _cookie_name(), signing.dumps(latest, salt=SALT), max_age=DEVICE_AGE, httponly=True, samesite="Lax",
        secure=not settings.LOCAL_MODE,
    )  # fmt: skip
