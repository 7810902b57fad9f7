"""`serve`: the order in which waiting requests are worked on, and how it ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any

from recordings.management.commands.serve import make_server
from tests.commands.shell import MANAGE, environment, manage
from tests.ports import free_ports
from tests.waiting import eventually


def test_a_callback_overtakes_the_pages_that_wait_and_not_all_of_them_for_ever() -> None:
    port, served, go = free_ports(), list[str](), threading.Event()

    def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        go.wait(60)
        served.append(environ["PATH_INFO"])
        start_response("200 OK", [("Content-Length", "0")])
        return []

    server = make_server(application, f"127.0.0.1:{port}", threads=1, trusted_proxy="127.0.0.1")
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    with ExitStack() as stack:
        for number, path in enumerate(["/first", "/page", "/page", *["/callbacks/account/x/"] * 5]):
            asking = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            asking.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            eventually(lambda: len(server.task_dispatcher.queue) == number)  # noqa: B023 - asked at once
        go.set()
        eventually(lambda: len(served) == 8)
    server.close()
    serving.join(60)
    callback = "/callbacks/account/x/"
    assert served == ["/first", *[callback] * 4, "/page", callback, "/page"]


def test_sigterm_ends_it_and_an_address_in_use_is_said() -> None:
    port = free_ports()
    with socket.create_server(("127.0.0.1", port)):
        refused = manage("serve", "--listen", f"127.0.0.1:{port}", DEBUG="on")
    assert (refused.code, f"Cannot listen on 127.0.0.1:{port}" in refused.stderr) == (1, True)
    process = subprocess.Popen(
        [sys.executable, str(MANAGE), "serve", "--listen", f"127.0.0.1:{port}"], env=environment(DEBUG="on"),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"Serving on http://127.0.0.1:{port}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()


ADDRESSES = {
    "192.0.2.1": "192.0.2.1", "192.0.2.1:4711": "192.0.2.1",
    "::ffff:192.0.2.1": "192.0.2.1", "[::ffff:192.0.2.1]:4711": "192.0.2.1",
    "::ffff:c000:201": "192.0.2.1", "2001:db8::192.0.2.1": "2001:db8::c000:201",
    "2001:db8::7": "2001:db8::7", "[2001:db8::7]:4711": "2001:db8::7", "unknown": "unknown",
}  # fmt: skip


def test_a_client_behind_the_proxy_has_its_own_whole_address() -> None:
    seen = list[str]()

    def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        seen.append(environ["REMOTE_ADDR"])
        start_response("200 OK", [("Content-Length", "0")])
        return []

    server = make_server(application, "127.0.0.1:0", threads=1, trusted_proxy="127.0.0.1")
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    asking = HTTPConnection("127.0.0.1", server.effective_port, timeout=60)
    for forwarded in ADDRESSES:
        asking.request("GET", "/", headers={"X-Forwarded-For": forwarded})
        assert asking.getresponse().read() == b""
    asking.close()
    server.task_dispatcher.shutdown()
    server.close()
    serving.join(60)
    assert dict(zip(ADDRESSES, seen, strict=True)) == ADDRESSES
