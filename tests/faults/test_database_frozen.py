"""A PostgreSQL that is frozen under open connections, or killed: callbacks get 503 in time, and go on after."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests

from recordings.monitoring.readiness import HOLDS
from tests.faults.postgresql import Cluster, cluster, send
from tests.faults.rig import Rig
from tests.faults.test_database_away import CALLBACK, IN_TIME, timed
from tests.waiting import eventually

pytestmark = pytest.mark.once

BACK_TO_NORMAL = 30.0  # seconds after the database's return
TOKEN = "a-token-of-the-metrics-of-more-than-32-characters"
# what is answered before any page: by path, with its headers
PROBES = {
    "/readyz": {},
    "/metrics": {"Authorization": f"Bearer {TOKEN}"},
    "/callbacks/account/a-rehearsal/": {"X-Portal-Rehearsal": "k" * 43},
}


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture(scope="module")
def rig(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(
        tmp_path_factory.mktemp("frozen"), api_url="http://127.0.0.1:9/api/v1", database_url=server.url,
        METRICS_TOKEN=TOKEN,
    )  # fmt: skip
    rig.start("web")
    yield rig
    rig.stop()


@pytest.fixture(autouse=True)
def connected(rig: Rig) -> None:
    """Every thread of the server has a connection open."""
    eventually(lambda: set(statuses(rig, 40)) == {404}, within=BACK_TO_NORMAL)


def statuses(rig: Rig, count: int) -> list[int]:
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(timed, rig.url + CALLBACK, post=True) for _ in range(count)]
        return [one.result()[0].status_code for one in sent]


def test_while_it_is_frozen_callbacks_get_503_in_time_and_their_answer_after(
    rig: Rig, server: Cluster
) -> None:
    server.freeze()
    try:
        with ThreadPoolExecutor(24) as pool:  # pages that refresh themselves hold no thread either
            pages = [pool.submit(timed, f"{rig.url}/admin/") for _ in range(8)]
            sent = [pool.submit(timed, rig.url + CALLBACK, post=True) for _ in range(16)]
            answers = [one.result() for one in sent]
            assert {answer.status_code for answer, _took in answers} == {503}
            assert max(took for _answer, took in answers) < IN_TIME
            assert {page.result()[0].status_code for page in pages} == {503}
        time.sleep(1.5)  # now one of them asks whether it answers again
        with ThreadPoolExecutor(8) as pool:
            later = list(pool.map(lambda _: timed(rig.url + CALLBACK, post=True), range(16)))
        assert max(took for _answer, took in later) < IN_TIME
    finally:
        server.thaw()
        returned = time.monotonic()
    eventually(lambda: set(statuses(rig, 16)) == {404}, within=BACK_TO_NORMAL)
    assert time.monotonic() - returned < BACK_TO_NORMAL


def probed(rig: Rig, path: str) -> tuple[requests.Response, float]:
    began = time.monotonic()
    answer = requests.get(rig.url + path, headers=PROBES[path], timeout=30)
    return answer, time.monotonic() - began


@pytest.mark.parametrize("path", PROBES)
def test_while_it_is_frozen_what_comes_before_the_pages_takes_no_thread_from_callbacks(
    rig: Rig, server: Cluster, path: str
) -> None:
    probed(rig, path)
    time.sleep(HOLDS + 0.5)  # the answer to /readyz is looked up anew
    server.freeze()
    try:
        with ThreadPoolExecutor(24) as pool:
            probes = [pool.submit(probed, rig, path) for _ in range(16)]
            time.sleep(0.2)
            sent = [pool.submit(timed, rig.url + CALLBACK, post=True) for _ in range(8)]
            answers = [one.result() for one in (*probes, *sent)]
    finally:
        server.thaw()
    assert {answer.status_code for answer, _took in answers} == {503}
    assert max(took for _answer, took in answers) < IN_TIME
    if path == "/readyz":
        assert answers[0][0].json()["failed"] == ["database"]
        eventually(lambda: "database" not in probed(rig, path)[0].json()["failed"], within=BACK_TO_NORMAL)
    else:
        back = {"/metrics": 200}.get(path, 404)
        eventually(lambda: probed(rig, path)[0].status_code == back, within=BACK_TO_NORMAL)


def frozen_in_the_midst(
    server: Cluster, times: int, ask: Callable[[], tuple[requests.Response, float]]
) -> list[tuple[requests.Response, float]]:
    """The answers and how long they took; the backends stop one after the other, some in the midst of a statement."""
    postmaster, *children = server.processes()
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(ask) for _ in range(times)]
        eventually(lambda: any(one.done() for one in sent))
        for pid in (*children, postmaster):
            send(pid, signal.SIGSTOP)
        try:
            return [one.result() for one in sent]
        finally:
            server.thaw()


def test_frozen_in_the_midst_of_a_statement_it_holds_a_probe_for_seconds(rig: Rig, server: Cluster) -> None:
    answers = frozen_in_the_midst(server, 60, partial(probed, rig, "/metrics"))
    assert {answer.status_code for answer, _took in answers} == {200, 503}
    assert max(took for _answer, took in answers) < IN_TIME


def test_frozen_in_the_midst_of_a_statement_it_holds_a_callback_no_longer(rig: Rig, server: Cluster) -> None:
    answers = frozen_in_the_midst(server, 400, partial(timed, rig.url + CALLBACK, post=True))
    assert {answer.status_code for answer, _took in answers} == {404, 503}
    assert max(took for _answer, took in answers) < IN_TIME
    eventually(lambda: set(statuses(rig, 16)) == {404}, within=BACK_TO_NORMAL)


def test_after_a_kill_of_the_server_the_next_callback_finds_it_again(rig: Rig, server: Cluster) -> None:
    server.kill()
    answer, took = timed(rig.url + CALLBACK, post=True)
    assert (answer.status_code, took < IN_TIME) == (503, True)
    server.start()
    assert requests.post(rig.url + CALLBACK, data={"event": "hangup"}, timeout=60).status_code == 404
