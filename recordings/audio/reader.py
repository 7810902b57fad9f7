"""The reader processes as the portal sees them: started when needed, used again, replaced after any failure."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from recordings.audio.answers import audio_from
from recordings.audio.report import Audio, Reason
from recordings.audio.wire import SOCKET, Answer, MessageError, Task, receive, send

logger = logging.getLogger(__name__)

FILES_EACH = 100  # after which a reader is replaced: what a library leaks, it leaks no longer
SECONDS = 900  # for one file, by the clock on the wall; its CPU time ends sooner
MOVED = "import os; os.dup2({descriptor}, {socket}); os.close({descriptor})\n"
ROOT = Path(__file__).parents[2]
PROGRAM = "import sys; sys.path.insert(0, {root!r}); from recordings.audio.child import main; main()"
DONE = (Answer.AUDIO, Answer.UNREADABLE, Answer.CONVERTED)
# Where the machine keeps its libraries, if not where all do. Nothing else of the environment is handed on.
ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class ReaderError(Exception):
    """The reader died, hung or talked nonsense. `began`: what it had found by the first sample, if it came so far."""

    def __init__(self, words: str, reason: Reason, began: Audio | None) -> None:
        super().__init__(words)
        self.reason = reason
        self.began = began


class Reader:
    """One child process."""

    def __init__(self, program: str | None = None) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            descriptor = theirs.fileno()
            # the socket gets the lowest free number, so that no number below a file's own is left for another
            code = "" if descriptor == SOCKET else MOVED.format(descriptor=descriptor, socket=SOCKET)
            code += program or PROGRAM.format(root=str(ROOT))
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
                [sys.executable, "-I", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
                | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                pass_fds=(descriptor,),
                cwd="/",
            )
        self._channel = ours
        self.files = 0

    @property
    def pid(self) -> int:
        """Process ID of the child."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """The child has not ended."""
        return self._process.poll() is None

    def ask(
        self,
        task: Task,
        *files: int,
        wanted: str = "",
        most_output: int = 0,
        cpu_seconds: int = 86_400,
        seconds: float = SECONDS,
    ) -> dict[str, Any]:
        """Return the answer about one file. ReaderError, after which the reader is of no use."""
        self.files += 1
        began: Audio | None = None
        deadline = time.monotonic() + seconds
        said = {"task": task, "wanted": wanted, "cpu_seconds": cpu_seconds, "most_output": most_output}
        try:
            self._channel.settimeout(seconds)
            send(self._channel, said, files)
            while (answer := receive(self._channel)).get("answer") == Answer.BEGAN:
                began = audio_from(answer)
                self._channel.settimeout(max(0.01, deadline - time.monotonic()))
        except TimeoutError:
            self.kill()
            raise ReaderError("out of time", Reason.OUT_OF_TIME, began) from None
        except (MessageError, OSError) as error:
            ended = self.kill()
            reason = Reason.OUT_OF_TIME if ended == -signal.SIGXCPU else Reason.CRASHED
            raise ReaderError(f"exit status {ended}: {error}", reason, began) from error
        if answer.get("answer") == Answer.OUT_OF_MEMORY:
            raise ReaderError("out of memory", Reason.OUT_OF_MEMORY, began)
        if answer.get("answer") not in DONE:
            raise ReaderError(f"broken: {answer.get('detail')}"[:200], Reason.CRASHED, began)
        return answer

    def kill(self) -> int:
        """End the child, whatever it does, and return its exit status."""
        self._channel.close()
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(0.2)  # one that died has a status of its own
        self._process.kill()
        return self._process.wait()


class ReaderPool:
    """Readers that wait for the next file: as many as there are threads that read at the same time."""

    def __init__(self, start: Callable[[], Reader] = Reader) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._idle: list[Reader] = []

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Lend a reader for one file. After a failure, or its last file, it is not used again."""
        reader = self._take()
        try:
            yield reader
        except BaseException:
            reader.kill()
            raise
        if reader.files >= FILES_EACH or not reader.is_alive:
            reader.kill()
            return
        with self._lock:
            self._idle.append(reader)

    def _take(self) -> Reader:
        while True:
            with self._lock:
                reader = self._idle.pop() if self._idle else None
            if reader is None:
                return self._start()
            if reader.is_alive:
                return reader
            reader.kill()

    def close(self) -> None:
        """End the readers that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.kill()

    def forget(self) -> None:
        """Start afresh in a forked process: the readers are its parent's."""
        self._lock = threading.Lock()
        self._idle = []


POOL = ReaderPool()
os.register_at_fork(after_in_child=POOL.forget)
