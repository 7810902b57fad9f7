"""How fast callbacks are answered: stored and applied, against a bare view that verifies and inserts one row.

    .venv/bin/python -m bench.callbacks [--count 400] [--connections 8] [--rounds 3] [--database postgres://…]

Three processes: the portal behind waitress; a view of Django REST framework with the middleware of `startproject`
behind waitress; and this one, which sends and measures. Each delivery is a recording callback, signed as Vobiz signs
it, for a recording of its own that was asked for here. A connection sends the next one when the last one is answered.
"""

from __future__ import annotations

import re
import socket
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bench.portal import AUTH_ID, SPAWN, TOKEN, make, on_database, options, ratio, serve, settle_in

if TYPE_CHECKING:
    from rest_framework.views import APIView

PORTAL = "http://127.0.0.1:8000"  # the PORTAL_URL of bench.portal, which is what is signed
BARE_KEY = "bare"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Burst:
    """What one round took: seconds of wall time, of the server's CPU, and of each request, sorted."""

    wall: float
    cpu: float
    waits: list[float]

    @property
    def rate(self) -> float:
        return len(self.waits) / self.wall

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share of the requests was answered."""
        return self.waits[min(len(self.waits) - 1, int(len(self.waits) * share))] * 1_000


# In the processes that serve


def serve_portal(folder: str, database: str, count: int, threads: int) -> tuple[int, list[bytes]]:
    """Serve the portal; return its port and one request for each of `count` recordings that were asked for."""
    make(folder, **on_database(database))
    from django.urls import reverse
    from django.utils import timezone

    from recordings.choices import Origin, RecordingStatus
    from recordings.models import Account, Call, Recording

    account, now = Account.objects.get(), timezone.now()
    calls = Call.objects.bulk_create(
        Call(account=account, call_uuid=f"{at:08x}-1111-4000-8000-000000000000", happened_at=now)
        for at in range(count)
    )
    Recording.objects.bulk_create(
        Recording(
            account=account, call=call, origin=Origin.PORTAL, status=RecordingStatus.REQUESTED,
            callback_key=f"key-of-a-recording-{at:013}", requested_at=now, happened_at=now, time_limit=14_400,
            file_format="mp3", channels="stereo",
        )
        for at, call in enumerate(calls)
    )  # fmt: skip
    paths = [reverse("callbacks:recording", args=[f"key-of-a-recording-{at:013}"]) for at in range(count)]
    return serve(threads).effective_port, [_request(path, serial) for serial, path in enumerate(paths)]


def serve_bare(folder: str, database: str, count: int, threads: int) -> tuple[int, list[bytes]]:
    """Serve the bare view behind the middleware of `startproject`; return its port and `count` requests."""
    settle_in(folder, **on_database(database)) if database else make(folder)
    from django.conf import settings
    from django.urls import path

    from vobiz_portal import urls

    settings.MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]
    urls.urlpatterns.insert(0, path(f"{BARE_KEY}/<int:serial>/", _bare_view().as_view()))
    return serve(threads).effective_port, [
        _request(f"/{BARE_KEY}/{serial}/", serial) for serial in range(count)
    ]


def _bare_view() -> type[APIView]:
    import hashlib

    from django.utils import timezone
    from rest_framework.exceptions import PermissionDenied
    from rest_framework.parsers import FormParser
    from rest_framework.request import Request
    from rest_framework.response import Response
    from rest_framework.views import APIView

    from recordings.models import Account, CallbackEvent
    from recordings.vobiz.signature import verify

    account_id = Account.objects.values_list("pk", flat=True).get()

    class Bare(APIView):
        authentication_classes: Sequence[Any] = ()
        permission_classes: Sequence[Any] = ()
        parser_classes = (FormParser,)

        def post(self, request: Request, serial: int) -> Response:
            if verify(request.headers, bases=[f"{PORTAL}{request.path}"], tokens=[TOKEN]).trust != "signed":
                raise PermissionDenied
            data: Any = request.data
            fields = data.dict()
            CallbackEvent.objects.create(
                account_id=account_id, door="recording", key_digest=str(serial), kind="recording",
                content_digest=hashlib.sha256(urlencode(fields).encode()).hexdigest(), payload=fields,
                outcome="applied", trust="signed", scheme="v3", received_at=timezone.now(),
            )  # fmt: skip
            return Response({"received": True})

    return Bare


def _request(path: str, serial: int) -> bytes:
    """Return a whole signed request, ready to be sent."""
    from recordings.vobiz.signature import base_of, signed_headers

    body = urlencode({
        "api_id": f"{serial:08x}-2222-4000-8000-000000000000", "record_url":
        f"https://media.vobiz.ai/v1/Account/{AUTH_ID}/Recording/{serial:08x}-0000-4000-8000-000000000000.mp3",
        "recording_id": f"{serial:08x}-0000-4000-8000-000000000000", "recording_duration": "61",
        "call_uuid": f"{serial:08x}-1111-4000-8000-000000000000", "recording_duration_ms": "61080",
        "recording_start_ms": str(1_790_000_000_000 + serial), "recording_end_ms": str(1_790_000_061_080 + serial),
    }).encode()  # fmt: skip
    nonces = {"nonce_v2": f"1{serial:019}", "nonce_v3": f"2{serial:019}"}
    signed = signed_headers(base_of(f"{PORTAL}{path}"), token=TOKEN, parent_token=None, **nonces)
    head = [
        f"POST {path} HTTP/1.1", "Host: 127.0.0.1:8000", "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in signed.items()), "", "",
    ]  # fmt: skip
    return "\r\n".join(head).encode() + body


def applied() -> int:
    """How many recordings are completed by their callback."""
    from recordings.models import Recording

    return Recording.objects.filter(status="completed", recording_id__isnull=False).count()


# In the process that measures


def send(port: int, requests: Sequence[bytes], connections: int) -> list[float]:
    """Send these over so many connections; the seconds of each, sorted."""
    shares = [requests[at::connections] for at in range(connections)]
    with ThreadPoolExecutor(connections) as pool:
        return sorted(
            wait for waits in pool.map(lambda share: _send_all(port, share), shares) for wait in waits
        )


def _send_all(port: int, requests: Sequence[bytes]) -> list[float]:
    waits = []
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            began = time.perf_counter()
            connection.sendall(request)
            _read_answer(connection)
            waits.append(time.perf_counter() - began)
    return waits


def _read_answer(connection: socket.socket) -> None:
    answer = b""
    while True:
        answer += connection.recv(65_536)
        head, mark, body = answer.partition(b"\r\n\r\n")
        if mark and (length := _LENGTH.search(head)) and len(body) >= int(length[1]):
            break
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"a callback was answered: {answer!r}")


def main() -> None:
    """Measure, and print a table."""
    parser = options(__doc__)
    parser.add_argument("--count", type=int, default=400, help="callbacks in each round (400)")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", default="", help="an empty PostgreSQL; SQLite without it")
    given = parser.parse_args()
    warm = 8 * given.connections
    count = given.count * given.rounds + warm
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers: dict[str, tuple[ProcessPoolExecutor, int, list[bytes]]] = {}
        bursts: dict[str, list[Burst]] = {}
        for name, start in (("portal", serve_portal), ("bare", serve_bare)):
            (folder / name).mkdir(mode=0o700)
            process = stack.enter_context(ProcessPoolExecutor(1, SPAWN))
            where = str(folder / name), given.database
            port, requests = process.submit(start, *where, count, given.connections).result()
            send(port, requests[:warm], given.connections)
            servers[name], bursts[name] = (process, port, requests[warm:]), []
        for at in range(given.rounds):
            for name, (process, port, requests) in servers.items():
                these = requests[at * given.count : (at + 1) * given.count]
                wall, spent = time.perf_counter(), process.submit(time.process_time).result()
                waits = send(port, these, given.connections)
                wall = time.perf_counter() - wall
                spent = process.submit(time.process_time).result() - spent
                bursts[name].append(Burst(wall, spent, waits))
        if (done := servers["portal"][0].submit(applied).result()) != count:
            raise SystemExit(f"{done} of {count} callbacks were applied.")
    _print(bursts)


def _print(bursts: dict[str, list[Burst]]) -> None:
    print("| callback | requests/s | CPU, ms | p50, ms | p99, ms | p99 : p50 |\n|---|---|---|---|---|---|")
    for name, rounds in bursts.items():
        figures = (
            [burst.rate for burst in rounds],
            [burst.cpu / len(burst.waits) * 1_000 for burst in rounds],
            [burst.percentile(0.5) for burst in rounds],
            [burst.percentile(0.99) for burst in rounds],
            [burst.percentile(0.99) / burst.percentile(0.5) for burst in rounds],
        )
        print(f"| {name} | {' | '.join(f'{statistics.median(each):.1f}' for each in figures)} |")
    ours, bare = bursts["portal"], bursts["bare"]
    wall = ratio([burst.rate for burst in ours], [burst.rate for burst in bare])
    spent = ratio([burst.cpu for burst in bare], [burst.cpu for burst in ours])
    print(f"| portal : bare | {wall:.2f}× | {spent:.2f}× | | | |")


if __name__ == "__main__":
    main()
