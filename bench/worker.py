"""What an idle worker costs: CPU and memory while nothing is due, beside a library of a million recordings.

    .venv/bin/python -m bench.worker [--rows 1000000] [--library FOLDER] [--database postgres://…] [--seconds 60]

The accounts of the library are active and archived on request, nothing is requested, and Vobiz lists nothing: every
sweep looks, and finds nothing to do. The worker is the command, in a process of its own. CPU is its own, its children's
and, on PostgreSQL, that of its backends; memory is its own and its children's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from bench.lists import TICKS, fill
from bench.portal import SPAWN, make, on_database, options
from bench.sync import serve

SETTLING = 45  # seconds in which it gathers statistics and reads Vobiz's empty lists


def prepare(folder: str, database: str, rows: int, api_url: str) -> dict[str, str]:
    """Make the library idle; return the environment of a worker for it."""
    make(folder, VOBIZ_API_URL=api_url, **on_database(database))
    fill(rows)
    from django.utils import timezone

    from bench.portal import TOKEN
    from recordings import connect
    from recordings.models import Account

    now = timezone.now()
    for auth_id in Account.objects.values_list("auth_id", flat=True):
        connect.store(auth_id, TOKEN, now=now)
    Account.objects.update(is_active=True, first_synced_at=now, archive_automatically=False)
    return dict(os.environ)


def used(pids: list[int]) -> float:
    """Return the seconds of CPU that these processes and their ended children have used."""
    total = 0
    for pid in pids:
        path = Path(f"/proc/{pid}/stat")
        if path.exists():
            numbers = path.read_text().rpartition(")")[2].split()
            total += sum(int(number) for number in numbers[11:15])
    return total / TICKS


def family(pid: int) -> list[int]:
    """Return a process and its children, as Linux tells them."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        children = (task / "children").read_text().split()
        for child in map(int, children):
            found += family(child)
    return found


def memory(pids: list[int]) -> int:
    """Return the MB that these processes have in memory."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def backends(database: str) -> list[int]:
    """Return the PostgreSQL backends of a database, but for the one that answers."""
    import psycopg

    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [int(pid) for (pid,) in rows]


def main() -> None:
    """Measure, and print a table of one line."""
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--library", default="", help="a folder that keeps the library between runs")
    parser.add_argument("--database", default="", help="an empty PostgreSQL; SQLite without it")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--settling", type=float, default=SETTLING)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = given.library or stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        vobiz = stack.enter_context(ProcessPoolExecutor(1, SPAWN))
        portal = stack.enter_context(ProcessPoolExecutor(1, SPAWN))
        api_url = vobiz.submit(serve, 0, 0.0).result()
        environment = portal.submit(prepare, folder, given.database, given.rows, api_url).result()
        portal.shutdown()
        worker = subprocess.Popen([sys.executable, "manage.py", "worker"], env=environment)
        try:
            time.sleep(given.settling)
            pids = family(worker.pid)
            served = backends(given.database) if given.database else []
            cpu, wall, most = used(pids + served), time.monotonic(), 0
            own = used(pids)
            while time.monotonic() - wall < given.seconds:
                most = max(most, memory(family(worker.pid)))
                time.sleep(1)
            wall = time.monotonic() - wall
            own, cpu = used(pids) - own, used(pids + served) - cpu
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait()
    print("| worker, nothing due | % of a core | with the database's | MB |\n|---|---|---|---|")
    print(f"| {given.rows:,} recordings | {100 * own / wall:.2f} | {100 * cpu / wall:.2f} | {most} |")


if __name__ == "__main__":
    main()
