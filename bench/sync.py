"""How fast a sync is: first, unchanged and a day later, against pages one after another with `update_or_create`.

    .venv/bin/python -m bench.sync [--rows 50000] [--latency 50] [--database postgres://…]

Two processes: a list that answers each page after `latency` milliseconds, and the portal. The baseline reads the same
list through `requests` and stores `--sample` of its rows with `update_or_create`; its time for all rows is reckoned.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from bench.portal import AUTH_ID, SPAWN, make, on_database, options

Found = TypeVar("Found")
NEWEST_MS = 1_790_000_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of wall time and of this process's CPU."""

    wall: float
    cpu: float


# In the process that is Vobiz


def serve(rows: int, latency: float) -> str:
    """Serve a list of so many recordings; the API's address."""
    texts = [_row(serial, days=1) for serial in range(rows)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            limit, offset = int(query["limit"][0]), int(query["offset"][0])
            if "days" in query:  # a day later
                texts[:] = [_row(serial, days=int(query["days"][0])) for serial in range(rows)]
            time.sleep(latency)
            page = ",".join(texts[offset : offset + limit])
            following = '"more"' if offset + limit < rows else "null"
            body = f'{{"meta":{{"total_count":{rows},"next":{following}}},"objects":[{page}]}}'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/api/v1"


def _row(serial: int, *, days: int) -> str:
    began = NEWEST_MS - serial * 37_000
    number, ours = 919_000_000_000 + serial * 7_919 % 999_999_999, 918_045_123_400 + serial % 20
    return (
        f'{{"recording_id":"{serial:08x}-0000-4000-8000-000000000000",'
        f'"call_uuid":"{serial * 5 // 7:08x}-1111-4000-8000-0",'
        f'"conference_name":"","recording_type":"call","recording_format":"mp3","add_time":"2026-01-01 00:00:00+00:00",'
        f'"recording_start_ms":"{began}.00000","recording_end_ms":"{began + 61_080}.00000",'
        f'"recording_duration_ms":"61080.00000","rounded_recording_duration":120,"recording_storage_duration":{days},'
        f'"recording_storage_rate":0.005,"monthly_recording_storage_amount":0,'
        f'"recording_url":"https://media.vobiz.ai/v1/Account/{AUTH_ID}/Recording/{serial:08x}.mp3",'
        f'"from_number":"+{number}","to_number":"{ours}",'
        f'"resource_uri":"/v1/Account/{AUTH_ID}/Recording/{serial:08x}/"}}'
    )


# In the process that is the portal


def get_ready(folder: str, database: str) -> None:
    """Become a portal with one account."""
    make(folder, VOBIZ_API_URL="http://127.0.0.1:9/api/v1", **on_database(database))


def sync(api_url: str) -> tuple[Cost, dict[str, object], int]:
    """Run a whole sync as the worker does; its cost, its counts, and the process's peak memory in MB."""
    from django.conf import settings
    from django.db import connection

    from recordings import tasks
    from recordings.models import Account
    from recordings.sync import SyncRequest

    settings.VOBIZ_API_URL = api_url
    with _measured() as cost:
        done = tasks.sync_account(Account.objects.get(), SyncRequest(), by=None)
    connection.close()
    if not done.result.complete:
        raise SystemExit(f"The sync is not complete: {done.result.error}")
    return cost[0], done.result.counts(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def plain(api_url: str, sample: int, rows: int) -> Cost:
    """Read pages one after another and store each row with `update_or_create`; the cost for all rows."""
    import requests
    from django.utils import timezone

    from recordings.choices import Origin
    from recordings.models import Account, Call, Recording

    account, now = Account.objects.get(), timezone.now()
    session = requests.Session()
    with _measured() as cost:
        for offset in range(0, sample, 100):
            page = session.get(
                f"{api_url}/Recording/", params={"limit": 100, "offset": offset}, timeout=10
            ).json()
            for seen in page["objects"]:
                digits = {"from_digits": seen["from_number"].strip("+"), "to_digits": seen["to_number"]}
                named = {"from_number": seen["from_number"], "to_number": seen["to_number"], **digits}
                call, _ = Call.objects.update_or_create(
                    account=account, call_uuid=f"p{seen['call_uuid']}", defaults=named
                )
                Recording.objects.update_or_create(
                    recording_id=f"p{seen['recording_id']}",
                    defaults={
                        "account": account, "call": call, "origin": Origin.SYNC, "status": "completed",
                        "kind": "call", "file_format": "mp3", "recording_url": seen["recording_url"],
                        "happened_at": now, "duration_ms": 61_080, "billed_seconds": 120, "provider_data": seen,
                    },
                )  # fmt: skip
    return Cost(cost[0].wall * rows / sample, cost[0].cpu * rows / sample)


@contextmanager
def _measured() -> Iterator[list[Cost]]:
    found: list[Cost] = []
    wall, cpu = time.perf_counter(), time.process_time()
    yield found
    found.append(Cost(time.perf_counter() - wall, time.process_time() - cpu))


# In the process that measures


def main() -> None:
    """Print one line for each kind of sync."""
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--sample", type=int, default=2_000, help="rows that the baseline stores")
    parser.add_argument("--latency", type=float, default=50, help="milliseconds of each page")
    parser.add_argument("--database", default="", help="an empty PostgreSQL; SQLite without it")
    given = parser.parse_args()
    sample = min(given.sample, given.rows)
    with ExitStack() as closing:
        folder = closing.enter_context(tempfile.TemporaryDirectory())
        Path(folder).chmod(0o700)
        vobiz = closing.enter_context(ProcessPoolExecutor(1, SPAWN))
        portal = closing.enter_context(ProcessPoolExecutor(1, SPAWN))
        api_url = vobiz.submit(serve, given.rows, given.latency / 1_000).result()
        portal.submit(get_ready, folder, given.database).result()

        def run(work: Callable[..., Found], *arguments: object) -> Found:
            return portal.submit(work, *arguments).result()

        print("| sync | plain, s (CPU) | portal, s (CPU) | wall | CPU | rows/s | peak MB |")
        print("|---|---|---|---|---|---|---|")
        baseline = run(plain, api_url, sample, given.rows)
        for name in ("first", "unchanged", "a day later"):
            if name == "a day later":
                baseline = run(plain, api_url, sample, given.rows)
                _age(api_url)
            cost, counts, peak = run(sync, api_url)
            if counts["seen"] != given.rows:
                raise SystemExit(f"{counts['seen']} of {given.rows} recordings were seen.")
            print(
                f"| {name} | {baseline.wall:.1f} ({baseline.cpu:.1f}) | {cost.wall:.1f} ({cost.cpu:.1f}) "
                f"| {baseline.wall / cost.wall:.1f}× | {baseline.cpu / cost.cpu:.1f}× "
                f"| {given.rows / cost.wall:.0f} | {peak} |"
            )


def _age(api_url: str) -> None:
    import requests

    requests.get(f"{api_url}/?limit=1&offset=0&days=2", timeout=60)


if __name__ == "__main__":
    main()
