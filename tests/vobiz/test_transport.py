"""Where requests go, how often, and what the caller is told."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import (
    AuthenticationError,
    NotConnectedError,
    NotFoundError,
    OutcomeUnknownError,
    PaymentRequiredError,
    RateLimitError,
    RefusedError,
    UnexpectedReplyError,
    UnreachableError,
    VobizError,
)
from recordings.vobiz.transport import Credentials, RetryPolicy, Route
from recordings.vobiz.wire import InvalidIdError
from tests.ports import free_ports
from tests.vobiz.conftest import QUICK, TOKEN, client_of
from tests.vobiz.payloads import payload
from tests.vobiz.wire_server import WireServer, drips, drops, hangs, redirects, says, sends

LIVE = payload("live_calls__two")
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


# --- where -------------------------------------------------------------------------------------------------


def test_the_paths_are_exactly_the_documented_ones() -> None:
    ids = {"auth_id": "MA_X1", "call_uuid": "call-1", "recording_id": "rec_1"}
    needed = {route: re.findall(r"{(\w+)}", route.template) for route in Route}
    assert {(route.method, route.path({name: ids[name] for name in needed[route]})) for route in Route} == {
        ("GET", "/auth/me"),
        ("GET", "/Account/MA_X1/Call/"),
        ("GET", "/Account/MA_X1/Call/call-1/"),
        ("POST", "/Account/MA_X1/Call/call-1/Record/"),
        ("DELETE", "/Account/MA_X1/Call/call-1/Record/"),
        ("GET", "/Account/MA_X1/Recording/"),
        ("GET", "/Account/MA_X1/Recording/rec_1/"),
    }


@pytest.mark.parametrize("id_", ["..", "../..", "BulkDelete", "a?x=1", "abcd#b", "", "abcd/efgh", "%2e%2e"])
def test_what_is_no_id_never_reaches_the_network(server: WireServer, client: VobizClient, id_: str) -> None:
    server.answers(says({}))
    for attempt in (
        lambda: client.retrieve_recording(id_),
        lambda: client.retrieve_live_call(id_),
        lambda: client.stop_all_recordings(id_),
        lambda: client.stop_recording(id_, url="https://media.vobiz.ai/x.mp3"),
        lambda: client.list_recordings(limit=20, offset=0, call_uuid=id_),
        lambda: client.start_recording(
            id_, time_limit=60, file_format="mp3", channels="mono", callback_url=None, transcription_url=None
        ),
    ):
        with pytest.raises(InvalidIdError):
            attempt()
    assert server.asked == []


def test_a_request_carries_the_credentials_and_asks_for_nothing_compressed(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(says(LIVE))
    client.list_live_calls()
    assert server.last.method == "GET"
    assert server.last.target == "/api/v1/Account/MA_TESTMAIN/Call/?status=live"
    assert server.last.body == b""
    headers = server.last.headers
    assert headers["x-auth-id"] == "MA_TESTMAIN"
    assert headers["x-auth-token"] == TOKEN
    assert headers["accept-encoding"] == "identity"
    assert headers["content-type"] == "application/json"
    assert set(headers) <= {
        *("host", "connection", "user-agent", "accept", "accept-encoding", "content-type"),
        *("x-auth-id", "x-auth-token"),
    }


def test_neither_the_environments_proxy_nor_its_netrc_is_used(
    server: WireServer, elsewhere: WireServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", elsewhere.url)
    monkeypatch.setenv("HTTP_PROXY", elsewhere.url)
    server.answers(says(LIVE))
    with client_of(server.url) as client:
        client.list_live_calls()
    assert "authorization" not in server.last.headers
    assert elsewhere.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(
    server: WireServer, elsewhere: WireServer, client: VobizClient, status: int
) -> None:
    server.answers(redirects(elsewhere.url, status))
    elsewhere.answers(says(LIVE))
    with pytest.raises(UnexpectedReplyError):
        client.list_live_calls()
    with pytest.raises(OutcomeUnknownError):
        start(client)
    assert elsewhere.asked == []
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://api.vobiz.ai/api/v1",
        "https://user:pass@api.vobiz.ai/api/v1",
        "https://evil.com\\@api.vobiz.ai/api/v1",
        "https://api.vobiz.ai/api/v1?x=1",
        "file:///etc/passwd",
        "",
    ],
)
def test_an_unusable_api_address_is_said_before_anything_is_asked(url: str) -> None:
    with pytest.raises(NotConnectedError, match="API address"):
        VobizClient(Credentials("MA_X1", TOKEN), api_url=url, media_hosts=[], local=True)


@pytest.mark.parametrize(
    ("auth_id", "token"),
    [
        ("", TOKEN),
        ("../MA_X", TOKEN),
        ("MA_X1", ""),
        ("MA_X1", "a\r\nX-Evil: 1"),
        ("MA_X1", "tökén"),
        ("MA_X1", "a b"),
    ],
)
def test_unusable_credentials_are_said_before_anything_is_asked(auth_id: str, token: str) -> None:
    with pytest.raises(NotConnectedError) as refused:
        VobizClient(Credentials(auth_id, token), api_url="https://api.vobiz.ai/api/v1", media_hosts=[])
    assert not token or token not in str(refused.value)


def test_a_token_is_not_shown_with_its_credentials() -> None:
    assert TOKEN not in repr(Credentials("MA_X1", TOKEN))


# --- reads -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [drops, says("", 500), says(HTML, 502), says({}, 429), says({}, 408)])
def test_a_read_is_tried_again_and_its_success_is_all_the_caller_sees(
    server: WireServer, client: VobizClient, trouble: Any
) -> None:
    server.answers(trouble, trouble, says(LIVE))
    assert len(client.list_live_calls().call_uuids) == 2
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        (drops, UnreachableError, "broke before the answer was complete"),
        (says("", 500), UnreachableError, "500 Internal Server Error"),
        (says(HTML, 502), UnreachableError, "502 Bad Gateway (a web page, “502 Bad Gateway”)"),
        (says({}, 408), UnreachableError, "408 Request Timeout"),
        (says({"error": "slow down"}, 429), RateLimitError, "slow down"),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"), UnreachableError, "broke before"),
    ],
)
def test_a_read_ends_after_its_tries_in_the_error_that_came_last(
    server: WireServer, client: VobizClient, trouble: Any, kind: type[VobizError], words: str
) -> None:
    server.answers(trouble)
    with pytest.raises(kind, match=re.escape(words)) as failed:
        client.list_live_calls()
    assert len(server.asked) == QUICK.tries
    assert failed.value.method == "GET"
    assert failed.value.path == "/api/v1/Account/MA_TESTMAIN/Call/"


def test_a_read_that_hangs_is_given_up_within_the_total(server: WireServer) -> None:
    server.answers(hangs)
    with (
        client_of(server.url, read_timeout=0.2, retry_policy=RetryPolicy(100, 3.0, 0.01)) as client,
        pytest.raises(UnreachableError),
    ):
        client.list_live_calls()
    assert 1 < len(server.asked) < 20


def test_a_read_that_drips_is_given_up_within_the_total(server: WireServer) -> None:
    server.answers(drips(b"HTTP/1.1 200 OK\r\n\r\n"))
    with client_of(server.url, retry_policy=RetryPolicy(5, 2.0)) as client, pytest.raises(UnreachableError):
        client.list_live_calls()
    assert len(server.asked) == 1


def test_a_read_without_anybody_there_is_unreachable_in_words() -> None:
    with client_of(f"http://127.0.0.1:{free_ports()}") as client, pytest.raises(UnreachableError) as failed:
        client.list_live_calls()
    assert (
        str(failed.value)
        == "Vobiz could not be asked to list the live calls: 127.0.0.1 refused the connection."
    )
    assert failed.value.status is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError),
        (401, AuthenticationError),
        (402, PaymentRequiredError),
        (403, RefusedError),
        (404, NotFoundError),
    ],
)
def test_a_refused_read_is_not_tried_again(
    server: WireServer, client: VobizClient, status: int, kind: type[VobizError]
) -> None:
    server.answers(says({"api_id": "a-1", "error": "no"}, status))
    with pytest.raises(kind) as refused:
        client.check()
    assert len(server.asked) == 1
    assert refused.value.status == status
    assert refused.value.api_id == "a-1"


def test_a_wait_that_vobiz_asks_for_is_kept(server: WireServer, client: VobizClient) -> None:
    server.answers(says({}, 429, {"Retry-After": "0"}), says({"retryAfter": 0.02}, 429), says(LIVE))
    assert client.list_live_calls().call_uuids
    assert len(server.asked) == 3


@pytest.mark.parametrize(("seconds", "total"), [("31", 60.0), ("4", 3.0)])
def test_a_wait_of_more_than_half_a_minute_or_than_is_left_is_not_made(
    server: WireServer, seconds: str, total: float
) -> None:
    server.answers(says({}, 429, {"Retry-After": seconds}))
    with (
        client_of(server.url, retry_policy=RetryPolicy(5, total)) as client,
        pytest.raises(RateLimitError, match=f"Try again in {seconds} s") as refused,
    ):
        client.list_live_calls()
    assert refused.value.retry_after == float(seconds)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(""), "The answer is empty."),
        (says("", 204), "The answer is empty."),
        (says(HTML), "The answer is HTML."),
        (says("OK"), "something that is not JSON"),
        (says(b"[" * 100_000), "nested too deeply"),
        (says(b'{"calls": NaN}'), "something that is not JSON"),
        (says([]), "not a JSON object"),
        (says({"api_id": "a"}), "no list of “calls”"),
        (says(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), "it is compressed"),
        (says(b'{"calls": []}', headers={"Content-Encoding": "br"}), "it is compressed"),
        (says(b" " * (5 * 1024 * 1024 + 1)), "larger than allowed"),
    ],
)
def test_a_read_answered_in_no_documented_shape_is_not_repeated(
    server: WireServer, client: VobizClient, answer: Any, words: str
) -> None:
    server.answers(answer)
    with pytest.raises(UnexpectedReplyError, match=words):
        client.list_live_calls()
    assert len(server.asked) == 1


def test_an_answer_that_was_not_understood_is_kept_for_the_operator(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(says(f"<html><body>hello {TOKEN} " + "x" * 10_000))
    with pytest.raises(UnexpectedReplyError) as failed:
        client.list_live_calls()
    assert failed.value.reply is not None
    assert failed.value.reply.startswith("<html><body>hello … xxx")
    assert len(failed.value.reply) <= 500


def test_what_the_account_route_answers_is_never_kept(server: WireServer, client: VobizClient) -> None:
    server.answers(says(b'{"auth_secret": "in clear", broken'))
    with pytest.raises(UnexpectedReplyError) as failed:
        client.check()
    assert failed.value.reply is None


def test_a_success_that_holds_an_error_is_a_refusal(server: WireServer, client: VobizClient) -> None:
    server.answers(says({"error": "failed"}))
    with pytest.raises(RefusedError, match=r"\(200\): failed\.") as refused:
        client.list_live_calls()
    assert refused.value.status == 200


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500])
def test_no_error_shows_the_token_even_if_vobiz_repeats_it(
    server: WireServer, client: VobizClient, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers(says({"error": f"the token {TOKEN} is wrong", "api_id": TOKEN}, status))
    for attempt in (client.list_live_calls, client.check, lambda: start(client)):
        with pytest.raises(VobizError) as failed:
            attempt()
        shown = f"{failed.value} {failed.value!r} {vars(failed.value)} {failed.value.__cause__}"
        assert TOKEN not in shown
    assert TOKEN not in caplog.text


def test_the_announced_end_of_a_route_is_logged(
    server: WireServer, client: VobizClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers(
        says(LIVE, headers={"Deprecation": "@1795000000", "Sunset": "Wed, 11 Nov 2026 11:11:11 GMT"})
    )
    client.list_live_calls()
    assert "deprecation of GET /Account/{auth_id}/Call/: @1795000000" in caplog.text
    assert "sunset of GET" in caplog.text
