"""What becomes of a start or a stop whose answer is late, lost or unreadable."""

from __future__ import annotations

from typing import Any

import pytest

from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import (
    AuthenticationError,
    NotFoundError,
    OutcomeUnknownError,
    PaymentRequiredError,
    RateLimitError,
    RefusedError,
    UnreachableError,
    VobizError,
)
from recordings.vobiz.transport import RetryPolicy
from tests.ports import free_ports
from tests.vobiz.conftest import client_of
from tests.vobiz.payloads import payload
from tests.vobiz.wire_server import (
    WireServer,
    drips,
    drops,
    drops_and_goes,
    hangs,
    redirects,
    says,
    sends,
)

CALL = "6e558798-499c-4a68-bc77-46f2c53d1f69"
HTML = "<html><head><title>502 Bad Gateway</title></head></html>"


def start(client: VobizClient) -> Any:
    return client.start_recording(
        CALL,
        time_limit=14400,
        file_format="mp3",
        channels="stereo",
        callback_url=None,
        transcription_url=None,
    )


def test_a_start_of_which_nothing_was_sent_did_not_happen() -> None:
    with (
        client_of(f"http://127.0.0.1:{free_ports()}") as client,
        pytest.raises(UnreachableError, match="Nothing was sent"),
    ):
        start(client)
    with (
        client_of("https://no-such-host.invalid") as client,
        pytest.raises(UnreachableError, match="could not be found"),
    ):
        start(client)


def test_a_start_that_fails_in_the_tls_handshake_did_not_happen(server: WireServer) -> None:
    server.answers(says({}))
    with (
        client_of(server.url.replace("http:", "https:")) as client,
        pytest.raises(UnreachableError, match="no secure connection"),
    ):
        start(client)


@pytest.mark.parametrize(
    "answer",
    [
        drops,
        hangs,
        drips(b"HTTP/1.1 200 OK\r\n\r\n"),
        drips(b"HTTP/1.1 "),
        sends(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"),
        says({"error": "oops"}, 500),
        says(HTML, 502),
        says("", 503),
        says("", 504, {"Retry-After": "0"}),
        says(HTML),
        says(""),
        says("", 204),
        says("recording started"),
        says({}),
        says([]),
        says({"message": "hello"}),
        says(b"[" * 100_000),
        says(b"{}", headers={"Content-Encoding": "gzip"}),
        says(b" " * (5 * 1024 * 1024 + 1)),
        redirects("http://127.0.0.1:9/"),
    ],
)
def test_a_start_whose_answer_is_lost_or_unreadable_may_have_happened_and_is_never_repeated(
    server: WireServer, answer: Any
) -> None:
    server.answers(answer)
    with (
        client_of(server.url, read_timeout=1.0, retry_policy=RetryPolicy(5, 2.0, 0.01)) as client,
        pytest.raises(OutcomeUnknownError, match=r"It may have happened\.$") as failed,
    ):
        start(client)
    assert len(server.asked) == 1
    assert failed.value.method == "POST"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says({"error": "bad"}, 400), RefusedError),
        (says({"error": "unauthorized"}, 401), AuthenticationError),
        (says({"error": "no balance"}, 402), PaymentRequiredError),
        (says({"error": "not live"}, 404), NotFoundError),
        (says({}, 408), RefusedError),
        (says({}, 422), RefusedError),
        (says({"retryAfter": 0.01}, 429), RateLimitError),
        (says({"error": "not active"}), RefusedError),
        (says({"api_id": "a", "status": "failure", "message": "no"}), RefusedError),
        (sends(b"HTTP/1.1 404 Not Found\r\nContent-Length: 50\r\n\r\n{"), NotFoundError),
    ],
)
def test_a_refused_start_did_not_happen_and_is_never_repeated(
    server: WireServer, client: VobizClient, answer: Any, kind: type[VobizError]
) -> None:
    server.answers(answer)
    with pytest.raises(kind) as refused:
        start(client)
    assert type(refused.value) is kind
    assert len(server.asked) == 1


def test_a_start_never_travels_on_a_kept_connection(server: WireServer, client: VobizClient) -> None:
    # One that the server has just closed would lose the answer, and nobody could say what happened.
    server.answers(says(payload("live_calls__two")), says(payload("start__accepted")))
    client.list_live_calls()
    start(client)
    assert server.asked[0].client_port != server.asked[1].client_port


@pytest.mark.parametrize("trouble", [drops, says("", 503), says({}, 429), says({}, 408)])
def test_a_stop_is_tried_three_times(server: WireServer, client: VobizClient, trouble: Any) -> None:
    server.answers(trouble, trouble, says("", 204))
    client.stop_all_recordings(CALL)
    assert len(server.asked) == 3


@pytest.mark.parametrize("trouble", [drops, says("", 503), hangs])
def test_a_stop_whose_answers_are_lost_may_have_happened(server: WireServer, trouble: Any) -> None:
    server.answers(trouble)
    with client_of(server.url, read_timeout=0.5) as client, pytest.raises(OutcomeUnknownError):
        client.stop_all_recordings(CALL)
    assert len(server.asked) == 3


def test_a_stop_is_in_doubt_if_only_an_earlier_try_may_have_arrived(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(drops, says({}, 429))
    with pytest.raises(OutcomeUnknownError, match="429 Too Many Requests"):
        client.stop_all_recordings(CALL)
    server.answers(drops, says({"error": "no such call"}, 404))
    with pytest.raises(NotFoundError):
        client.stop_all_recordings(CALL)


def test_a_stop_is_in_doubt_though_the_last_try_found_nobody(server: WireServer, client: VobizClient) -> None:
    server.answers(drops_and_goes)
    with pytest.raises(OutcomeUnknownError, match="refused the connection"):
        client.stop_all_recordings(CALL)


def test_a_stop_of_which_nothing_was_sent_did_not_happen() -> None:
    with (
        client_of(f"http://127.0.0.1:{free_ports()}") as client,
        pytest.raises(UnreachableError, match="Nothing was sent"),
    ):
        client.stop_all_recordings(CALL)


@pytest.mark.parametrize("answer", [says(HTML), says("stopped")])
def test_a_stop_answered_by_something_else_than_vobiz_is_in_doubt(
    server: WireServer, client: VobizClient, answer: Any
) -> None:
    server.answers(answer)
    with pytest.raises(OutcomeUnknownError):
        client.stop_all_recordings(CALL)
