"""Every shape of error that Vobiz is known to answer with, as one readable sentence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.vobiz.errors import (
    AuthenticationError,
    NotFoundError,
    PaymentRequiredError,
    RateLimitError,
    RefusedError,
    RouteMissingError,
)
from recordings.vobiz.replies import Reply, holds_error, refusal, retry_after
from recordings.vobiz.wire import InvalidShapeError

SECRET = "a-secret-token-0123456789"


def reply(body: object = b"", status: int = 400, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, raw, secrets=(SECRET,))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"api_id": "a1", "error": "Recording not found"}, "Recording not found"),
        ({"error": "no", "details": "time_limit is too large"}, "no: time_limit is too large"),
        ({"error": "no", "details": {"message": "too large"}}, "no: too large"),
        ({"error": "unauthorized", "message": "invalid credentials"}, "unauthorized: invalid credentials"),
        ({"message": "Not Found"}, "Not Found"),
        ({"status": "failure", "message": "already in process"}, "already in process"),
        (
            {"status": "error", "error": {"code": "X1", "message": "Too many", "details": {"limit": 5}}},
            "Too many",
        ),
        ({"status": "error", "error": {"code": "RATE_LIMIT_EXCEEDED"}}, "RATE_LIMIT_EXCEEDED"),
        (
            {
                "error": {
                    "message": "Invalid",
                    "details": {
                        "errors": [{"field": "time_limit", "message": "must be at most 28800"}, "and more"]
                    },
                }
            },
            "Invalid: time_limit must be at most 28800: and more",
        ),
        ({"detail": [{"msg": "field required"}]}, "field required"),
        ({"error": {"error": {"error": "deep"}}}, "deep"),
        (["first", {"message": "second"}], "first: second"),
        ("only a text", "only a text"),
        ({"error": ""}, None),
        ({}, None),
        (b"", None),
        (b"upstream timed out", "upstream timed out"),
        (b"<html><head><title>502 Bad\nGateway</title></head></html>", "a web page, “502 Bad Gateway”"),
        (b"<!DOCTYPE html><body><script>x=1</script>Sorry <b>you</b></body>", "a web page, “Sorry you”"),
        (b"<Error><Code>AccessDenied</Code><Message>Expired</Message></Error>", "AccessDenied Expired"),
        (b"<html></html>", "a web page"),
        ({"error": f"token {SECRET} is unknown"}, "token … is unknown"),
        ({"error": "a\r\nX: b\u202e\x00"}, "a X: b \ufffd"),
    ],
)
def test_what_vobiz_says_is_found_in_every_shape(body: object, said: str | None) -> None:
    assert reply(body).said() == said


@pytest.mark.parametrize(
    "body",
    [
        {"error": "x" * 10_000},
        b"x" * 1_000_000,
        b"<html><title>" * 100_000,
        b"<script" * 100_000,
        b"\xff\xfe" * 1000,
        b"[" * 100_000,
        b'{"error":' * 400 + b"1" + b"}" * 400,
        b'{"error":' * 5_000 + b"1" + b"}" * 5_000,
        {"errors": [{"message": "y" * 200}] * 1000},
    ],
    ids=range(9),
)
def test_however_long_or_deep_an_error_is_it_stays_one_short_line(body: object) -> None:
    said = reply(body).said()
    assert said is None or (len(said) <= 300 and said.isprintable())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError),
        (401, AuthenticationError),
        (402, PaymentRequiredError),
        (403, RefusedError),
        (404, NotFoundError),
        (409, RefusedError),
        (422, RefusedError),
        (429, RateLimitError),
        (499, RefusedError),
    ],
)
def test_each_refusal_is_a_sentence_that_names_what_was_asked(status: int, kind: type[RefusedError]) -> None:
    where = {"status": status, "method": "GET", "path": "/api/v1/x/"}
    error = refusal(reply({"error": "no."}, status), "list the recordings", where)  # type: ignore[arg-type]
    assert type(error) is kind
    assert "list the recordings" in str(error)
    assert f"({status}): no." in str(error)
    assert error.status == status
    assert error.path == "/api/v1/x/"


def test_a_wrong_path_and_wrong_credentials_answer_alike_so_both_are_named() -> None:
    error = refusal(reply(b"", 401), "list the recordings", {"path": "/api/v1/account/MA_X/"})
    assert "Auth ID" in str(error)
    assert "/api/v1/account/MA_X/" in str(error)


def test_a_missing_route_and_a_missing_recording_are_told_apart() -> None:
    gateway = refusal(reply({"message": "Not Found"}, 404), "read the recording", {})
    missing = refusal(reply({"api_id": "a", "error": "Recording not found"}, 404), "read the recording", {})
    empty = refusal(reply(b"", 404), "read the recording", {})
    assert [type(error) for error in (gateway, missing, empty)] == [
        RouteMissingError,
        NotFoundError,
        NotFoundError,
    ]
    assert not isinstance(gateway, NotFoundError)


def test_the_time_to_wait_is_read_from_header_date_and_body() -> None:
    start = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    later = format_datetime(start + timedelta(seconds=90), usegmt=True)
    assert retry_after(reply(retry_after="7")) == 7.0
    assert retry_after(reply(retry_after=later, date=format_datetime(start, usegmt=True))) == 90.0
    assert retry_after(reply(retry_after="Wed, 21 Oct 2015 07:28:00 GMT")) == 0.0
    assert retry_after(reply({"retryAfter": 12})) == 12.0
    assert retry_after(reply({"error": {"code": "RATE_LIMIT_EXCEEDED", "retryAfter": "3"}})) == 3.0
    assert retry_after(reply({"error": {"details": {"limitType": "cps", "retryAfter": 4.5}}})) == 4.5


@pytest.mark.parametrize("value", ["soon", "-5", "1e9", "9" * 400, "Wed, 99 Oct 2015", "٣"])
def test_a_time_to_wait_that_makes_no_sense_is_none(value: str) -> None:
    assert retry_after(reply({"retryAfter": value}, retry_after=value)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"<html></html>",
        b"OK",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b"9" * 5_000,
        b"\xff\xfe{\x00",
    ],
    ids=range(11),
)
def test_a_body_that_is_no_json_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(InvalidShapeError) as refused:
        reply(body, 200).document()
    assert str(refused.value).endswith(".")


def test_a_body_with_a_byte_order_mark_or_a_broken_character_is_read() -> None:
    assert reply(b'\xef\xbb\xbf{"a": "b\xff"}').document() == {"a": "b\ufffd"}


def test_a_body_that_was_not_taken_says_why() -> None:
    with pytest.raises(InvalidShapeError, match="it is compressed"):
        Reply(200, {}, None, "it is compressed, which was not asked for").document()


@pytest.mark.parametrize(
    ("document", "is_error"),
    [
        ({"error": "failed"}, True),
        ({"error": {"code": 1}}, True),
        ({"status": "failure", "message": "x"}, True),
        ({"error": "", "recording_id": "r"}, False),
        ({"error": None}, False),
        ({"status": "success"}, False),
        ({"status": "error", "recording_id": "rec_1"}, False),
        ([{"error": "x"}], False),
        (None, False),
    ],
)
def test_a_success_may_hold_an_error(document: object, is_error: bool) -> None:
    assert holds_error(document) is is_error


@given(st.binary(max_size=300), st.integers(300, 599))
def test_no_body_upsets_the_reading_of_an_error(body: bytes, status: int) -> None:
    answer = reply(body, status)
    error = refusal(answer, "read the recording", {"path": "/x/"})
    assert str(error).isprintable()
    answer.excerpt()
    answer.api_id()
    retry_after(answer)
