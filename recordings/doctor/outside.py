"""Checks of what is outside: the public address and the proxy behind it, Vobiz, mail, the issuer of single sign-on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from smtplib import SMTPAuthenticationError, SMTPException
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import get_connection
from django.http.request import validate_host
from django.urls import reverse
from django.utils import timezone

from recordings import connect, mirror
from recordings.callbacks import rehearsal
from recordings.doctor.findings import Finding, Findings, failed, ok, skipped, warning
from recordings.doctor.machine import judge_clock
from recordings.models import Account, Recording
from recordings.provider import client_for, explain, public_url
from recordings.vobiz.client import INTERACTIVE
from recordings.vobiz.connection import ExchangeError
from recordings.vobiz.errors import NotConnectedError, VobizError
from recordings.vobiz.probe import Answer, ask, certificate_end

ENDS_SOON = timedelta(days=14)
FORGED = "203.0.113.77"  # an address of documentation, which no client has
LARGE = b"x" * 4_000_000  # bytes: as long as a transcript may be
PROXY_FILE = "deploy/nginx.conf"


def look_at_address() -> Findings:
    """Open the login page by the public address, as a person does."""
    url = public_url(reverse("admin:login"))
    try:
        answer = ask("GET", url)
    except ExchangeError as error:
        yield failed(f"{settings.PORTAL_URL} cannot be opened: {error.why}.", _cure_of_connection(error.why))
        return
    target = answer.headers.get("Location", "")
    if answer.status == 200:
        yield ok(f"{settings.PORTAL_URL} shows the login page.")
    elif 300 <= answer.status < 400 and _without_port(target) == _without_port(url):
        yield failed(
            f"{url} redirects to itself: the portal takes the request for plain http.",
            "Have the proxy set X-Forwarded-Proto to https, and start the server with --trusted-proxy and the "
            f"address of the proxy ({PROXY_FILE}).",
        )
    elif 300 <= answer.status < 400:
        yield failed(
            f"{url} redirects to {target}: Vobiz follows no redirect.",
            "Set PORTAL_URL to the address that answers without one.",
        )
    elif answer.status in {502, 503, 504}:
        yield failed(
            f"The proxy at {settings.PORTAL_URL} reaches no web server ({answer.status}).",
            "Start it: systemctl start vobiz-portal-web, and compare its --listen with the proxy's address for it.",
        )
    elif answer.status == 400:
        yield failed(
            f"The portal refuses the host name it is given by {settings.PORTAL_URL} (400).",
            f"Have the proxy pass the Host header on ({PROXY_FILE}), or add that name to ALLOWED_HOSTS.",
        )
    else:
        yield failed(
            f"{url} is answered with {answer.status}, by something else than the portal.",
            "Have the proxy pass every path on to the portal, unchanged.",
        )


def _without_port(url: str) -> tuple[str, str | None, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.path


def _cure_of_connection(why: str) -> str:
    if "could not be found" in why:
        return "Make a DNS entry for the host of PORTAL_URL, or correct PORTAL_URL."
    if "secure connection" in why:
        return "Renew the certificate, for this very name and with its intermediates, and reload the proxy."
    if "refused" in why:
        return "Start the proxy, and have it listen on the port of PORTAL_URL."
    return "Open the port of PORTAL_URL in the firewall, for Vobiz and for people."


def look_at_certificate() -> Findings:
    """Look how long the certificate is good."""
    address = urlsplit(settings.PORTAL_URL)
    if address.scheme != "https":
        yield skipped("PORTAL_URL is not https.")
        return
    try:
        ends = certificate_end(address.hostname or "", address.port or 443)
    except OSError:
        yield skipped("It cannot be read; see the public address.")
        return
    left = ends - datetime.now(UTC)
    words = f"The certificate of {address.hostname} ends on {ends:%Y-%m-%d}, in {left.days} days."
    if left > ENDS_SOON:
        yield ok(words)
    else:
        yield warning(words, "Renew it, and see that it is renewed by itself: certbot renew --dry-run")


def look_at_callbacks() -> Findings:
    """Rehearse a callback: sign it as Vobiz does, send it to the public address, and compare what arrived."""
    try:
        practised = rehearsal.begin()
    except Exception as error:  # noqa: BLE001 - whatever the cache's library raises
        yield skipped(f"The shared cache does not work ({type(error).__name__}).")
        return
    try:
        yield from _rehearsed(practised)
    finally:
        rehearsal.end(practised)


def _rehearsed(practised: rehearsal.Rehearsal) -> Findings:
    """Yield what became of a callback, first a short one, then one as long as they come."""
    url = public_url(practised.path)
    headers = {**practised.headers(), "X-Forwarded-For": FORGED, "Content-Type": "application/json"}
    for body in (json.dumps({"rehearsal": True}).encode(), LARGE):
        try:
            answer = ask("POST", url, headers=headers, body=body)
        except ExchangeError as error:
            yield failed(
                f"A callback of {len(body)} bytes did not arrive at {settings.PORTAL_URL}: {error.why}.",
                _cure_of_connection(error.why),
            )
            return
        found = list(_judged(practised, answer, body))
        yield from found
        if found:
            return
    yield ok("A rehearsed callback arrived as it was signed, also one of 4 MB. Nothing was stored.")


def _judged(practised: rehearsal.Rehearsal, answer: Answer, body: bytes) -> Iterator[Finding]:
    """Yield what is wrong with how a rehearsal arrived."""
    try:
        arrived = json.loads(answer.body) if answer.status == 200 else None
    except ValueError:
        arrived = None
    if not isinstance(arrived, dict) or "trust" not in arrived:
        yield _lost(answer.status, len(body))
        return
    yield from _judged_signature(practised, arrived)
    yield from _judged_headers(arrived)
    if arrived["method"] != "POST" or arrived["body_digest"] != hashlib.sha256(body).hexdigest():
        yield failed(
            "A callback's method or body was changed on the way.",
            "Have the proxy pass requests on unchanged.",
        )
    other = rehearsal.digests(practised.token)
    differing = [name for name in rehearsal.COMPARED if arrived["settings"].get(name) != other[name]]
    if differing:
        yield failed(
            f"The web server runs with other settings than this command: {', '.join(differing)}.",
            "Restart the web server and the worker, or run this command with their ENV_FILE.",
        )


def _lost(status: int, size: int) -> Finding:
    if status == 413:
        return failed(
            f"The proxy refuses a callback of {size} bytes (413): long transcripts are lost.",
            "Allow 5 MB: client_max_body_size 5m; in nginx.",
        )
    if status in {502, 503, 504}:
        return failed(
            f"A callback reached no web server ({status}).", "Start it: systemctl start vobiz-portal-web"
        )
    if 300 <= status < 400:
        return failed(
            f"A callback is answered with a redirect ({status}), which Vobiz does not follow.",
            "Set PORTAL_URL to the address that answers without one.",
        )
    return failed(
        f"A callback is answered with {status}, and this portal knows nothing of it: {settings.PORTAL_URL} leads "
        "elsewhere, or the web server uses another database.",
        "Have the proxy pass /callbacks/ on with every header; restart the web server with this command's ENV_FILE.",
    )


def _judged_signature(practised: rehearsal.Rehearsal, arrived: dict[str, Any]) -> Iterator[Finding]:
    def shown(text: str) -> str:
        return text.replace(practised.key, "…")

    if arrived["path"] != practised.path:
        yield failed(
            f"The proxy changes the path. Expected {shown(practised.path)}, received {shown(arrived['path'])}.",
            "Have it pass the path on unchanged: proxy_pass without a path in nginx, nothing cut off or decoded.",
        )
    if arrived["missing_headers"]:
        yield failed(
            f"The proxy drops headers of the signature: {', '.join(arrived['missing_headers'])}.",
            "Have it pass every header on.",
        )
    elif arrived["trust"] != "signed":
        yield failed(
            f"The signature does not verify. Signed {shown(practised.base)}, expected {shown(arrived['expected'])}.",
            "Set PORTAL_URL to the public address, letter for letter, and restart the web server.",
        )


def _judged_headers(arrived: dict[str, Any]) -> Iterator[Finding]:
    if arrived["address"] == FORGED and settings.PORTAL_URL.startswith("https:"):
        yield failed(
            "Clients may say which address they have: the access log and the limits of sign-in believe it.",
            "Have the proxy replace X-Forwarded-For: proxy_set_header X-Forwarded-For $remote_addr; in nginx.",
        )
    if settings.LOCAL_MODE:
        return
    if not arrived["is_secure"]:
        yield failed(
            "The portal takes callbacks and pages for plain http.",
            "Have the proxy set X-Forwarded-Proto to https, and name its address in --trusted-proxy.",
        )
    if not arrived["is_forwarded"]:
        yield failed(
            f"The portal sees everybody under one address, {arrived['address']}: one guesser locks out all.",
            "Have the proxy set X-Forwarded-For, and name its address in --trusted-proxy.",
        )
    if not validate_host(arrived["host"].rpartition(":")[0] or arrived["host"], settings.ALLOWED_HOSTS):
        yield failed(
            f"The proxy passes on the host {arrived['host']}, which is not in ALLOWED_HOSTS: no page opens.",
            "Have it pass the Host header on: proxy_set_header Host $host; in nginx.",
        )


def look_at_vobiz() -> Findings:
    """Ask Vobiz's API without credentials, for its clock alone."""
    before = datetime.now(UTC)
    try:
        answer = ask("GET", f"{settings.VOBIZ_API_URL.rstrip('/')}/auth/me")
    except ExchangeError as error:
        yield failed(
            f"{settings.VOBIZ_API_URL} cannot be asked: {error.why}.",
            "Let this machine reach it on port 443, and correct VOBIZ_API_URL if it was changed.",
        )
        return
    try:
        theirs = parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        yield ok(f"{settings.VOBIZ_API_URL} answers, and says no time.")
        return
    yield from judge_clock("Vobiz's", theirs, before)


def look_at_accounts() -> Findings:
    """Try the credentials of every active account."""
    accounts = list(Account.objects.active().order_by("pk"))
    if not accounts:
        yield warning("No account is connected.", "Run: manage.py connect_account")
    for account in accounts:
        try:
            connect.check(account.auth_id, account.token)
        except NotConnectedError as error:
            yield failed(str(error), "Enter its token on the account's page.")
        except VobizError as error:
            yield failed(
                f"{account.auth_id}: {explain(error, account)}",
                "If it was rotated, enter the new token on the account's page, or run connect_account again.",
            )
        else:
            yield ok(f"Vobiz accepts the token of {account.auth_id}.")


def look_at_media() -> Findings:
    """Ask for the first bytes of the newest recording, at the host where Vobiz keeps it."""
    rows = Recording.objects.filter(
        account__is_active=True, account__encrypted_token__isnull=False, gone_at_provider_at=None,
        status="completed", recording_id__isnull=False, recording_url__isnull=False,
    )  # fmt: skip
    row = rows.select_related("account").order_by("-happened_at").first()
    if row is None:
        yield skipped("There is no recording to ask for.")
        return
    try:
        with client_for(row.account, retry_policy=INTERACTIVE) as client:
            asked = mirror.fetch_recording(
                row.account, str(row.recording_id), client=client, now=timezone.now(), known=row, dry_run=True
            )
            url = asked.seen.recording_url if asked.seen is not None else None
            if url is None:
                yield skipped("The newest recording is not at Vobiz any more.")
                return
            with closing(client.open_audio(url, "bytes=0-1023")) as stream:
                next(stream.pieces, b"")
    except VobizError as error:
        yield failed(
            f"Audio cannot be fetched: {explain(error, row.account)}",
            "Add the host to VOBIZ_MEDIA_HOSTS if it is Vobiz's, and let this machine reach it.",
        )
        return
    yield ok(f"Audio comes from {urlsplit(url).hostname}.")


def look_at_mail() -> Findings:
    """Connect to the mail server, and send nothing."""
    if not settings.EMAIL_URL:
        yield skipped("EMAIL_URL is not set: invitations are links to copy.")
        return
    try:
        with get_connection():
            pass
    except SMTPAuthenticationError:
        yield failed("The mail server refuses the user or password.", "Correct them in EMAIL_URL.")
    except (OSError, SMTPException) as error:
        yield failed(
            f"The mail server cannot be reached: {type(error).__name__}: {str(error)[:200]}",
            "Correct host, port and kind of encryption in EMAIL_URL: smtp+tls:// for port 587, smtp+ssl:// for 465.",
        )
    else:
        yield ok(f"The mail server {settings.EMAIL_HOST} lets the portal in.")


def look_at_single_sign_on() -> Findings:
    """Read the issuer's discovery document."""
    if not settings.OIDC_ISSUER:
        yield skipped("OIDC_ISSUER is not set.")
        return
    url = f"{settings.OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration"
    cure = "Set OIDC_ISSUER to what the issuer calls itself, and let this machine reach it."
    try:
        said = json.loads(ask("GET", url).body)
        issuer = said["issuer"]
    except ExchangeError as error:
        yield failed(f"The issuer cannot be reached: {error.why}.", cure)
        return
    except (ValueError, KeyError, TypeError):
        yield failed(f"{url} is no discovery document.", cure)
        return
    if issuer == settings.OIDC_ISSUER:
        yield ok(f"{issuer} names itself so.")
    else:
        yield failed(f"The issuer calls itself {issuer}, not {settings.OIDC_ISSUER}.", cure)
