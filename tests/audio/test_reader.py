"""The reader process: what it is allowed, what becomes of one that dies, and that none of it costs the portal."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from recordings import audio
from recordings.audio import Reason, Verdict, reader
from recordings.audio.reader import FILES_EACH, PROGRAM, ROOT, Reader, ReaderError, ReaderPool
from recordings.audio.wire import Answer, Task
from tests.audio.making import KINDS, encoded, look, pcm, wav

CHILD = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
import ctypes, os, resource, signal, time
from recordings.audio import child
from recordings.audio.report import Audio
from recordings.audio.wire import Answer, Task, send

def run(act):
    child.main({{task: act for task in Task}})
"""


def program(act: str) -> str:
    """A reader that does this with a file, within the limits of every reader."""
    return CHILD + "def act(job):\n" + textwrap.indent(textwrap.dedent(act), "    ") + "\nrun(act)\n"


@pytest.fixture
def a_file() -> Iterator[int]:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(wav(pcm()))
        yield file.fileno()


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The portal's pool, whose next readers do what stands here."""
    acts: list[str] = []
    pool = ReaderPool(lambda: Reader(program(acts.pop(0)) if acts else None))
    monkeypatch.setattr(audio, "POOL", pool)
    yield acts
    pool.close()


def child_of(reader_: Reader, what: str) -> str:
    return Path(f"/proc/{reader_.pid}/{what}").read_text(encoding="utf-8", errors="replace")


def test_a_reader_has_no_environment_and_no_descriptor_of_the_portal(a_file: int, tmp_path: Path) -> None:
    inherited = os.open(tmp_path / "secret", os.O_CREAT | os.O_RDWR)
    fcntl.fcntl(inherited, fcntl.F_SETFD, 0)
    os.environ["PORTAL_SECRET_FOR_TEST"] = "secret"
    one = Reader()
    try:
        assert one.ask(Task.INSPECT, a_file)["answer"] == Answer.AUDIO
        variables = child_of(one, "environ").split("\0")
        assert {line.partition("=")[0] for line in variables if line} <= {
            "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", *reader.ENVIRONMENT,
        }  # fmt: skip
        held = {int(entry.name): str(entry.readlink()) for entry in Path(f"/proc/{one.pid}/fd").iterdir()}
        assert [held[number] for number in range(3)] == ["/dev/null"] * 3
        assert [path.partition(":")[0] for number, path in held.items() if number > 2] == ["socket"]
        assert "numpy" in child_of(one, "maps")
    finally:
        one.kill()
        del os.environ["PORTAL_SECRET_FOR_TEST"]
        os.close(inherited)


@pytest.mark.parametrize(
    "act",
    [
        "open('/etc/passwd')",
        "import socket; socket.socket()",
        "os.pipe()",
        "if os.getuid(): os.fork()\n    raise OSError",
        "os.write(job.files[0], b'x' * 100)",
    ],
)
def test_within_a_file_nothing_else_can_be_opened_or_written(act: str, a_file: int) -> None:
    trying = f"try:\n    {act}\nexcept OSError:\n    return {{'answer': Answer.CONVERTED}}\n"
    one = Reader(program(f"{trying}return {{'answer': 'broken'}}"))
    try:
        assert one.ask(Task.INSPECT, a_file)["answer"] == Answer.CONVERTED
    finally:
        one.kill()


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", Reason.CRASHED),
        ("ctypes.string_at(0)", Reason.CRASHED),
        ("os._exit(0)", Reason.CRASHED),
        ("x = bytearray(2**31)", Reason.OUT_OF_MEMORY),
        ("raise ValueError('no')", Reason.CRASHED),
        ("os.write(3, b'\\xff\\xff\\xff\\xff' * 10); time.sleep(60)", Reason.CRASHED),
        ("return {'answer': 'audio', 'audio': {'container': '../../etc', 'peaks': 'x'}}", Reason.CRASHED),
        ("return {'answer': 'audio', 'audio': 'x' * 300000}", Reason.CRASHED),
    ],
    ids=["fault", "null", "exit", "memory", "error", "nonsense", "lies", "too much"],
)
def test_a_reader_that_fails_proves_nothing_and_the_next_file_is_read(
    pool: list[str], act: str, reason: Reason
) -> None:
    pool.append(act)
    found = look(wav(pcm()))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, reason)
    assert look(wav(pcm())).verdict == Verdict.AUDIO


def test_what_was_heard_before_a_crash_is_audio_without_a_picture(pool: list[str]) -> None:
    pool.append("""
        import socket
        channel = socket.socket(fileno=os.dup2(3, 3))
        heard = child.asdict(Audio("wav", "pcm_s16le", channels=1, sample_rate=8000))
        send(channel, {"answer": Answer.BEGAN, "audio": heard})
        os.kill(os.getpid(), signal.SIGSEGV)
    """)
    found = look(wav(pcm()))
    assert (found.verdict, found.reason) == (Verdict.AUDIO, Reason.CRASHED)
    assert found.audio is not None
    assert (found.audio.container, found.audio.codec, found.audio.peaks) == ("wav", "pcm_s16le", None)


def test_a_reader_that_loops_is_ended_by_its_cpu_time(a_file: int) -> None:
    one = Reader(program("while True: pass"))
    with pytest.raises(ReaderError) as failed:
        one.ask(Task.INSPECT, a_file, cpu_seconds=0)
    assert failed.value.reason == Reason.OUT_OF_TIME
    assert not one.is_alive


def test_a_reader_that_hangs_is_ended_by_the_clock(a_file: int) -> None:
    one = Reader(program("time.sleep(60)"))
    with pytest.raises(ReaderError) as failed:
        one.ask(Task.INSPECT, a_file, seconds=1.0)
    assert failed.value.reason == Reason.OUT_OF_TIME
    assert not one.is_alive


def test_a_reader_serves_many_files_and_is_then_replaced(a_file: int) -> None:
    started: list[Reader] = []

    def start() -> Reader:
        started.append(Reader())
        return started[-1]

    pool = ReaderPool(start)
    for _ in range(FILES_EACH + 1):
        with pool.reader() as one:
            assert one.ask(Task.PROBE, a_file)["answer"] == Answer.AUDIO
    assert [one.files for one in started] == [FILES_EACH, 1]
    assert [one.is_alive for one in started] == [False, True]
    pool.close()
    assert not started[1].is_alive


def test_a_reader_that_died_while_it_waited_is_not_used(a_file: int) -> None:
    pool = ReaderPool()
    with pool.reader() as first:
        first.ask(Task.PROBE, a_file)
    first.kill()
    with pool.reader() as second:
        assert second.ask(Task.PROBE, a_file)["answer"] == Answer.AUDIO
    pool.close()


def test_readers_end_with_the_portal() -> None:
    """Killed, it leaves none behind."""
    code = """
from recordings.audio.reader import Reader
import os
print(Reader().pid, flush=True)
input()
os._exit(9)
"""
    portal = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert portal.stdin is not None
    assert portal.stdout is not None
    ended = os.pidfd_open(int(portal.stdout.readline()))
    portal.communicate("end\n")
    try:
        assert select.select([ended], [], [], 30)[0] == [ended]
    finally:
        os.close(ended)


def test_the_files_position_stays_where_it_was() -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(encoded(KINDS[0]))
        file.seek(17)
        audio.inspect(file)
        assert file.tell() == 17


def test_the_program_names_the_root_of_the_portal() -> None:
    assert (ROOT / "recordings" / "audio" / "child.py").is_file()
    assert "{root!r}" in PROGRAM
