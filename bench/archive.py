"""How fast recordings are archived, and in how much memory, against a raw socket that reads the same bytes.

    .venv/bin/python -m bench.archive [--hours 4] [--many 100] [--rounds 3]

Three processes: a Vobiz (the sandbox), the portal, and this one, which measures. Each round reads the same recordings
three times: from a raw socket that forgets them; by the plainest code that keeps the archive's promises (a SHA-256 on
the way, on the disk before it counts, read back and compared); and by the portal, from the row that is due to the
picture. The socket and the plainest code use one connection, one recording after another; where every answer of the
server is `--latency` milliseconds late, the socket uses as many connections as the portal has workers.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from bench.portal import AUTH_ID, SPAWN, TOKEN, make, options, ratio, settle_in

BLOCK = 256 * 1024
MINUTE = 60.0
HALF_MEGABYTE = 62.5  # seconds of a sandbox's MP3
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Load:
    """What is archived in one round: so many recordings of `seconds` each, by so many workers."""

    name: str
    count: int
    seconds: float
    container: str
    workers: int
    latency: float = 0.0  # seconds before each answer of Vobiz


@dataclass(frozen=True, slots=True)
class Archived:
    """What the portal did in one round: bytes, seconds until the last copy counted, and until its picture was there."""

    size: int
    kept: float
    drawn: float
    decoded: float  # seconds that the reader alone takes for the same files, one after another
    peak: int  # the most memory since the process settled in, over what it had then, in KiB


# In the process that is Vobiz


def serve(load: Load, rounds: int) -> tuple[str, list[str]]:
    """Serve recordings for so many rounds; the API's address, and the recordings', oldest first."""
    from vobiz_portal.sandbox import serializers
    from vobiz_portal.sandbox.faults import Fault
    from vobiz_portal.sandbox.server import Sandbox
    from vobiz_portal.sandbox.state import SandboxState

    world = SandboxState(seed=load.name)
    world.add_account(AUTH_ID, TOKEN, name="Bench")
    made = [
        world.add_recording(
            AUTH_ID,
            age_days=5 - at / 10_000,
            duration=load.seconds,
            container=load.container,
            url_extension=load.container,
        )
        for at in range(load.count * rounds)
    ]
    if load.latency:
        for operation in ("media.get", "recording.retrieve"):
            world.faults.plan(Fault(on=operation, times=None, delay_before=load.latency))
    sandbox = Sandbox(world, deliver=False).start()
    return sandbox.api_url, [serializers.recording_url(one, sandbox.media_url, world.quirks) for one in made]


# In the process that is the portal


def get_ready(folder: str, api_url: str) -> None:
    """Prepare a portal that knows every recording and has archived none; memory is counted from here on."""
    settle_in(folder, VOBIZ_API_URL=api_url, VOBIZ_MEDIA_HOSTS="127.0.0.1")
    from django.utils import timezone

    from recordings import sync
    from recordings.models import Account
    from recordings.sync import SyncRequest

    sync.run(Account.objects.get(), SyncRequest(), now=timezone.now(), sync_run=None)
    if _STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    _memory["idle"] = _kib("VmRSS")


def archive(load: Load) -> Archived:
    """Archive the next of them, as the worker and `archive_recordings` do."""
    from django.utils import timezone

    from recordings import archive
    from recordings.models import Account, Recording

    now, began = timezone.now(), time.perf_counter()
    report = archive.run(Account.objects.all(), limit=load.count, workers=load.workers, by="bench", now=now)
    drawn = time.perf_counter() - began
    if report.archived != load.count:
        raise RuntimeError(f"{report.archived} of {load.count} were archived: {report}")
    last = Recording.objects.filter(archived_at__gte=now).latest("archived_at").archived_at
    peak = _kib("VmHWM") - _memory["idle"]
    return Archived(report.bytes, (last - now).total_seconds(), drawn, _decode(now), peak)


def _decode(since: datetime) -> float:
    from recordings import storage
    from recordings.audio import inspect
    from recordings.models import Recording

    names = list(Recording.objects.filter(archived_at__gte=since).values_list("audio", flat=True))
    began = time.perf_counter()
    for name in names:
        with storage.local_file(str(name)) as file:
            inspect(file)
    return time.perf_counter() - began


_memory: dict[str, int] = {}


def _kib(name: str) -> int:
    """Of this process; 0 where the system does not say (it is Linux's file)."""
    told = _STATUS.read_text() if _STATUS.exists() else ""
    found = re.search(rf"^{name}:\s*(\d+) kB", told, re.MULTILINE)
    return int(found[1]) if found else 0


# In the process that measures


def read(connection: socket.socket, url: str, buffer: bytearray) -> Iterator[memoryview]:
    """One recording from a raw socket, in pieces that are gone with the next one."""
    asked = (
        f"GET {urlsplit(url).path} HTTP/1.1",
        "Host: bench",
        f"X-Auth-ID: {AUTH_ID}",
        f"X-Auth-Token: {TOKEN}",
    )
    connection.sendall("\r\n".join((*asked, "", "")).encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(BLOCK)
    head, _end, first = head.partition(b"\r\n\r\n")
    promised = _LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200 ") or promised is None:
        raise RuntimeError(f"no audio came: {head!r}")
    left, view = int(promised[1]) - len(first), memoryview(buffer)
    yield memoryview(first)
    while left:
        count = connection.recv_into(buffer, min(left, BLOCK))
        if not count:
            raise EOFError(url)
        left -= count
        yield view[:count]


def forget(pieces: Iterator[memoryview], _folder: Path) -> int:
    """Only count the bytes."""
    return sum(len(piece) for piece in pieces)


def keep(pieces: Iterator[memoryview], folder: Path) -> int:
    """Write a file as safely as the archive does, and do nothing else."""
    part, copy = folder / "copy.part", folder / "copy"
    written, found = hashlib.sha256(), hashlib.sha256()
    with part.open("wb", buffering=0) as file:
        for piece in pieces:
            written.update(piece)
            file.write(piece)
        os.fsync(file.fileno())
    part.rename(copy)
    held = os.open(folder, os.O_RDONLY)
    os.fsync(held)
    os.close(held)
    with copy.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            found.update(block)
    if found.digest() != written.digest():
        raise RuntimeError("what was read back is not what was written")
    size = copy.stat().st_size
    copy.unlink()
    return size


def rate(
    urls: Sequence[str],
    take: Callable[[Iterator[memoryview], Path], int],
    folder: Path,
    *,
    connections: int = 1,
) -> float:
    """Bytes a second, of all these recordings, one after another on each connection."""
    began = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        shares = [urls[at::connections] for at in range(connections)]
        size = sum(pool.map(lambda share: _take_all(share, take, folder), shares))
    return size / (time.perf_counter() - began)


def _take_all(urls: Sequence[str], take: Callable[[Iterator[memoryview], Path], int], folder: Path) -> int:
    if not urls:
        return 0
    buffer, at = bytearray(BLOCK), urlsplit(urls[0])
    with closing(socket.create_connection((str(at.hostname), at.port or 80))) as connection:
        return sum(take(read(connection, url, buffer), folder) for url in urls)


def measure(load: Load, rounds: int, folder: Path) -> str:
    """Return one line of the table; each runs in processes of its own, so that memory is counted anew."""
    with ExitStack() as stack:
        vobiz, portal = (stack.enter_context(ProcessPoolExecutor(1, mp_context=SPAWN)) for _each in range(2))
        api_url, urls = vobiz.submit(serve, load, rounds).result()
        portal.submit(get_ready, str(folder / "portal"), api_url).result()
        rate(urls[:1], forget, folder)  # the sandbox reads its clips once
        sockets, plain, kept, drawn, decoded = [], [], [], [], []
        for at in range(rounds):
            these = urls[at * load.count : (at + 1) * load.count]
            sockets.append(rate(these, forget, folder, connections=load.workers if load.latency else 1))
            plain.append(rate(these, keep, folder))
            done = portal.submit(archive, load).result()
            kept.append(done.size / done.kept)
            drawn.append(done.size / done.drawn)
            decoded.append(done.size / done.decoded)
    speeds = (f"{statistics.median(each) / 1e6:.1f}" for each in (sockets, plain, kept, drawn, decoded))
    shares = (f"{ratio(kept, each):.2f}" for each in (sockets, plain))
    peak = f"{done.peak / 1024:.1f}" if _STATUS.exists() else "?"
    return f"| {load.name} | {' | '.join((*speeds, *shares, peak))} |"


def main() -> None:
    """Measure, and print a table."""
    parser = options(__doc__)
    parser.add_argument("--hours", type=float, default=4.0, help="length of the large recordings (4)")
    parser.add_argument("--many", type=int, default=100, help="how many small recordings (100)")
    parser.add_argument(
        "--late", type=int, default=100, help="how many recordings of 500 KB that come late (100)"
    )
    parser.add_argument(
        "--latency", type=float, default=50, help="milliseconds by which their answers are late (50)"
    )
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    long = chosen.hours * 60 * MINUTE
    print("| MB/s | raw socket | plainest code | kept | kept and drawn | decoding alone | kept : socket "
          "| kept : plainest | peak over idle, MB |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    loads = (
        Load(f"WAV of {chosen.hours:g} h", 1, long, "wav", 1),
        Load(f"MP3 of {chosen.hours:g} h", 1, long, "mp3", 1),
        Load(f"{chosen.many} MP3s of 1 min, 4 at once", chosen.many, MINUTE, "mp3", 4),
        Load(
            f"{chosen.late} of 500 KB, {chosen.latency:g} ms, 8 at once",
            chosen.late,
            HALF_MEGABYTE,
            "mp3",
            8,
            chosen.latency / 1_000,
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        with ProcessPoolExecutor(
            1, mp_context=SPAWN
        ) as maker:  # what migrates has memory to spare afterwards
            maker.submit(make, str(Path(folder) / "portal")).result()
        for load in loads:
            print(measure(load, chosen.rounds, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
