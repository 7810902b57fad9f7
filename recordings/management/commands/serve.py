"""Serve pages and callbacks until stopped."""

from __future__ import annotations

import resource
import signal
import sys
from argparse import ArgumentParser
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import waitress
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.utils.module_loading import import_string
from waitress.task import ThreadedTaskDispatcher

from recordings.management.documented_command import USAGE, DocumentedCommand
from recordings.webhooks.waiting import CallbacksFirst

CONNECTIONS = 8_000
OTHER_FILES = (
    500  # database, static files, audio, its readers, and bodies on their way through a temporary file
)
LARGEST_BODY = 5_000_000  # bytes; waitress writes a body to disk before the portal can refuse it


class Command(DocumentedCommand):
    """The command `serve`: waitress with the limits that the portal needs."""

    help = (
        "Serve pages and callbacks until stopped: the web server of production, behind a proxy that ends TLS. It does "
        "not start with wrong settings."
    )
    examples = ("", "--listen 127.0.0.1:8001", "--listen 10.0.0.5:8000 --trusted-proxy 10.0.0.4")
    done = "stopped by SIGTERM or Ctrl-C"
    failure = "the address cannot be listened on"
    requires_system_checks = ()  # vobiz_portal.wsgi runs them, with those of production

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--listen", metavar="HOST:PORT", default="127.0.0.1:8000", help="default: 127.0.0.1:8000"
        )
        parser.add_argument(
            "--trusted-proxy",
            metavar="ADDRESS",
            default="127.0.0.1",
            help="whose X-Forwarded-For and X-Forwarded-Proto are believed (default: 127.0.0.1)",
        )
        parser.add_argument("--threads", type=int, default=8, help="requests worked on at once (default: 8)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Listen until a signal comes."""
        try:
            application = import_string(settings.WSGI_APPLICATION)
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=USAGE) from None
        signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(0))
        try:
            server = make_server(application, options["listen"], options["threads"], options["trusted_proxy"])
        except (OSError, ValueError) as error:
            raise CommandError(f"Cannot listen on {options['listen']}: {error}") from None
        self.stdout.write(f"Serving on http://{options['listen']}")
        self.stdout.flush()
        server.run()


def make_server(application: Any, listen: str, threads: int, trusted_proxy: str) -> Any:
    """Return a waitress that listens already. Raises OSError or ValueError where it cannot."""
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.queue = CallbacksFirst()
    dispatcher.set_thread_count(threads)
    return waitress.create_server(
        with_whole_addresses(application),
        _dispatcher=dispatcher,
        listen=listen,
        trusted_proxy=trusted_proxy,
        trusted_proxy_headers="x-forwarded-for x-forwarded-proto",
        # Slow clients hold connections, not threads. Waitress' own limit of 100 is theirs in a moment.
        connection_limit=_allowed_connections(),
        asyncore_use_poll=True,  # select() knows no file descriptor above 1023
        max_request_body_size=LARGEST_BODY,
        ident="",
    )


def with_whole_addresses(application: Any) -> Any:
    """Return the application with a REMOTE_ADDR that is the client's whole address; an IPv4 one in its usual spelling.

    Waitress takes what follows the last colon of `::ffff:192.0.2.1` in X-Forwarded-For for a port, and the port of
    `[2001:db8::1]:4711` for a part of the address. So all clients of a proxy that listens for IPv4 and IPv6 on one
    socket would be one, `::ffff`, with one budget of guesses; and those of a proxy that sends ports none.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        address, port = str(environ.get("REMOTE_ADDR", "")), str(environ.get("REMOTE_PORT", ""))
        whole = f"{address}:{port}" if "." in port else address
        whole = whole.removeprefix("[").partition("]")[0]
        with suppress(ValueError):
            known = ip_address(whole)
            environ["REMOTE_ADDR"] = environ["REMOTE_HOST"] = str(
                getattr(known, "ipv4_mapped", None) or known
            )
        return application(environ, start_response)

    return serve


def _allowed_connections() -> int:
    """Let this process open as many files as it needs; return how many connections that allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES
    files = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(100, files - OTHER_FILES)
