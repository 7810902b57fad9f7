"""Child processes that are watched together: each one ends, whatever it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import eventually
from vobiz_portal.sandbox import processes
from vobiz_portal.sandbox.processes import ProcessFailedError, ProcessGroup, StopRequestedError

FOREVER = "import time\nwhile True: time.sleep(60)"
DEAF = f"import signal\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\nprint('ready', flush=True)\n{FOREVER}"


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def gone(pid: int) -> bool:
    """True when there is no such process, or only what is left of one until its parent looks."""
    state = Path(f"/proc/{pid}/stat")
    if sys.platform == "linux":
        try:
            return state.read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def group(tmp_path: Path) -> Iterator[ProcessGroup]:
    found = ProcessGroup(cwd=tmp_path, env={"PATH": os.environ["PATH"], "SHARED": "yes"}, logs=tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield found
    found.end_all()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_child_that_does_its_work_gives_its_answer_and_its_log_holds_the_rest(
    group: ProcessGroup, tmp_path: Path
) -> None:
    program = (
        "import os, sys; print(os.environ['SHARED'], os.environ['OWN']); print('noise', file=sys.stderr)"
    )

    answer = group.finish(group.start("first step", python(program), {"OWN": "too"}))

    assert answer == "yes too\n"
    assert (tmp_path / "first-step.log").read_text() == "noise\n"
    assert (tmp_path / "first-step.log").stat().st_mode & 0o777 == 0o600


def test_a_child_that_fails_is_reported_with_its_status_and_last_words(group: ProcessGroup) -> None:
    child = group.start("portal", python("import sys; sys.exit('no database here')"))

    with pytest.raises(
        ProcessFailedError, match=r"(?s)The portal ended.*exit 1.*portal\.log.*no database here"
    ):
        group.finish(child)


def test_a_child_that_ends_before_it_answers_is_not_waited_for(group: ProcessGroup) -> None:
    child = group.start("portal", python("import sys; sys.exit(3)"))

    with pytest.raises(ProcessFailedError, match="exit 3"):
        group.wait_until_up(child, lambda: False, within=60)


def test_a_child_that_never_answers_is_given_up(group: ProcessGroup) -> None:
    child = group.start("portal", python(FOREVER))

    with pytest.raises(ProcessFailedError, match="did not answer within 0 s"):
        group.wait_until_up(child, lambda: False, within=0.2)


def test_a_signal_to_stop_ends_the_waiting_and_then_the_children(group: ProcessGroup) -> None:
    group.listen_to_signals()
    child = group.start("portal", python(FOREVER))
    signal.raise_signal(signal.SIGTERM)

    with pytest.raises(StopRequestedError):
        group.wait(lambda: False)
    group.end_all()

    assert child.status is not None


def test_a_child_that_ends_when_asked_is_not_killed(group: ProcessGroup) -> None:
    polite = (
        "import sys\ntry:\n print('ready', flush=True)\n import time; time.sleep(60)\n"
        "except KeyboardInterrupt: sys.exit(7)"
    )
    child = group.start("portal", python(polite))
    eventually(child.answer)

    group.end_all()

    assert child.status == 7


def test_a_second_signal_ends_a_child_that_does_not_listen_by_force_and_at_once(
    group: ProcessGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_TIMEOUT", 60.0)
    group.listen_to_signals()
    child = group.start("portal", python(DEAF))
    eventually(child.answer)
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)

    began = time.monotonic()
    group.end_all()

    assert child.status == -signal.SIGKILL
    assert time.monotonic() - began < 30


def test_what_a_child_started_itself_ends_with_it(group: ProcessGroup) -> None:
    nested = (
        f"import subprocess, sys\nprint(subprocess.Popen([sys.executable, '-c', {DEAF!r}]).pid, flush=True)"
    )
    child = group.start("portal", python(f"{nested}\n{FOREVER}"))
    grandchild = int(eventually(child.answer).split()[0])

    group.end_all()

    eventually(lambda: gone(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_children_do_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom vobiz_portal.sandbox.processes import ProcessGroup\n"
        f"h = ProcessGroup(cwd=Path('.'), env={{}}, logs=Path({str(tmp_path)!r}))\n"
        f"print(h.start('portal', [sys.executable, '-c', {FOREVER!r}]).pid, flush=True)\n"
        "h.wait(lambda: False)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    parent.kill()
    parent.communicate()

    eventually(lambda: gone(child))
