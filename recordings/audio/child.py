"""The reader process: it takes open files from a socket, one after the other, and says what they are.

`python -I -c` starts it without any environment and with no descriptor but its socket. It imports what it needs, then
takes away from itself the means to open anything else; each file has its own limits on CPU time, memory and output.
"""

from __future__ import annotations

import resource
import socket
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recordings.audio.converting import convert
from recordings.audio.decoding import UnreadableError, read
from recordings.audio.report import Audio
from recordings.audio.wire import MOST_FILES, SOCKET, Answer, Job, Task, receive_job, send

MEMORY = 640 * 1024**2  # bytes of address space beyond what the imports take
CPU_SECONDS = 60  # for any file
CPU_SECONDS_PER_BYTE = 1 / 4_000_000  # and for its size
IDLE_SECONDS = 600  # after which it ends; the next file starts another

# 0.2 s of a square wave at 8 kHz in a WAV file
SAMPLE = (
    b"RIFF\xa4\x0c\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\x80\x0c\0\0"
    + (b"\0\x10" * 20 + b"\0\xf0" * 20) * 40
)

Handler = Callable[[Job], dict[str, Any]]


def main(handlers: dict[Task, Handler] | None = None) -> None:
    """Answer until the socket is closed."""
    channel = socket.socket(fileno=SOCKET)
    channel.settimeout(IDLE_SECONDS)
    handlers = handlers or _handlers(channel)
    _limit_for_good()
    while (job := _next_job(channel)) is not None:
        try:
            _limit_for_one(job)
            answer = _answer(handlers[job.task], job)
        finally:
            job.close()
        send(channel, answer)


def _next_job(channel: socket.socket) -> Job | None:
    _soften(resource.RLIMIT_NOFILE, SOCKET + 1 + MOST_FILES)
    return receive_job(channel)


def _answer(handle: Handler, job: Job) -> dict[str, Any]:
    try:
        return handle(job)
    except MemoryError:
        return {"answer": Answer.OUT_OF_MEMORY}
    except Exception as error:  # noqa: BLE001 - whatever a library raises, the parent is told and starts another reader
        return {"answer": Answer.BROKEN, "detail": type(error).__name__}


def _handlers(channel: socket.socket) -> dict[Task, Handler]:
    def began(first: Audio) -> None:
        send(channel, {"answer": Answer.BEGAN, "audio": asdict(first)})

    def inspect(job: Job) -> dict[str, Any]:
        try:
            audio = read(job.files[0], on_first=began, only_first=job.task == Task.PROBE)
        except UnreadableError as error:
            return {"answer": Answer.UNREADABLE, "detail": str(error)[:200]}
        found = asdict(audio)
        if audio.peaks is not None:
            found["peaks"] = {
                "channels": audio.peaks.channels,
                "points": b64encode(audio.peaks.points).decode("ascii"),
            }
        return {"answer": Answer.AUDIO, "audio": found}

    def converted(job: Job) -> dict[str, Any]:
        try:
            convert(job.files[0], job.files[1], job.wanted)
        except UnreadableError as error:
            return {"answer": Answer.UNREADABLE, "detail": str(error)[:200]}
        return {"answer": Answer.CONVERTED}

    with tempfile.TemporaryFile() as sample, tempfile.TemporaryFile() as copy:
        # libraries import parts of themselves when they are first used: not possible under the limits
        sample.write(SAMPLE)
        sample.flush()
        read(sample.fileno(), on_first=lambda _first: None)
        convert(sample.fileno(), copy.fileno(), "mp3")
    return {Task.INSPECT: inspect, Task.PROBE: inspect, Task.CONVERT: converted}


def _limit_for_good() -> None:
    """Set the limits for every file: memory, no core dumps, no other process."""
    for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NPROC, 0)):
        resource.setrlimit(kind, (most, most))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        taken = pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))


def _limit_for_one(job: Job) -> None:
    """CPU time and output for one file, and no descriptor beside those it came with: a file cannot open another."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime + CPU_SECONDS + job.size * CPU_SECONDS_PER_BYTE
    _soften(resource.RLIMIT_CPU, int(min(seconds, used.ru_utime + used.ru_stime + job.cpu_seconds)) + 1)
    _soften(resource.RLIMIT_FSIZE, job.most_output)
    _soften(resource.RLIMIT_NOFILE, max(job.files) + 1)


def _soften(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
