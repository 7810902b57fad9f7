"""From bytes to fields where no server stands between: lengths that nobody declared, and what is one content."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO
from itertools import combinations
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.core.handlers.asgi import ASGIRequest
from hypothesis import given
from hypothesis import strategies as st

from recordings.callbacks.body import DecodedBody, RawBody, _form, decode_body
from recordings.webhooks.parsers import BODY_LIMIT, CHUNK, BodyTooLargeError, BoundedParser, BrokenBodyError
from tests.callbacks.posting import FORM, GET, JSON, MULTIPART, TYPES, encode
from tests.vobiz.payloads import payload

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")


class Flowing(BytesIO):
    """A body of `length` bytes that nobody declared; `given` is how many were taken."""

    def __init__(self, length: int, *, breaks: bool = False) -> None:
        super().__init__()
        self.left, self.given, self.breaks = length, 0, breaks

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0, "read without a limit"
        taken = min(size, self.left)
        self.left, self.given = self.left - taken, self.given + taken
        if self.breaks and not self.left:
            raise ConnectionResetError
        return b"x" * taken


def undeclared(stream: BytesIO) -> ASGIRequest:
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    return ASGIRequest(scope, stream)


def test_a_body_of_no_declared_length_is_read_up_to_the_limit_and_no_further() -> None:
    assert len(BoundedParser().parse(undeclared(Flowing(BODY_LIMIT))).content) == BODY_LIMIT
    endless = Flowing(8 * BODY_LIMIT)
    with pytest.raises(BodyTooLargeError):
        BoundedParser().parse(undeclared(endless))
    assert endless.given <= BODY_LIMIT + CHUNK


def test_a_sender_that_goes_away_is_no_error_of_ours() -> None:
    with pytest.raises(BrokenBodyError):
        BoundedParser().parse(undeclared(Flowing(100, breaks=True)))


def test_a_body_shorter_than_it_was_declared_is_not_taken_for_the_whole() -> None:
    cut = decode_body(RawBody("POST", TYPES[FORM], "", 100, b"transcription=the+first+words"))
    assert (cut.fields, "shorter" in str(cut.problem)) == ({}, True)
    whole = RawBody("POST", TYPES[FORM], "", 29, b"transcription=the+first+words")
    assert decode_body(whole).fields == {"transcription": "the first words"}


def body(data: bytes, content_type: str, method: str = "POST") -> DecodedBody:
    return decode_body(RawBody(method, content_type, "", None, data))


def written(fields: dict[str, Any], encoding: str) -> DecodedBody:
    return body(encode(fields, encoding), TYPES.get(encoding, ""), "GET" if encoding == GET else "POST")


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=50)


@given(st.dictionaries(TEXTS.filter(lambda name: name.strip() == name != ""), TEXTS, min_size=1, max_size=8))
def test_the_same_fields_are_the_same_content_in_form_json_and_query(fields: dict[str, str]) -> None:
    one, *others = (written(fields, encoding) for encoding in (FORM, JSON, GET))
    assert one.problem is None
    assert all(other == one for other in others)


@pytest.mark.parametrize("fields", [ENDED, SPOKEN, {"a": None, "b": 1.5, "c": "ü", "d": ""}])
def test_a_number_or_null_in_json_is_its_text_in_a_form(fields: dict[str, Any]) -> None:
    for one, other in combinations([FORM, JSON, GET, MULTIPART], 2):
        assert written(fields, one) == written(fields, other)


def test_json_keeps_a_numbers_spelling() -> None:
    assert body(b'{"a": 10080.00000, "b": 1E3, "c": true}', TYPES[JSON]).fields == {
        "a": "10080.00000", "b": "1E3", "c": "true",
    }  # fmt: skip


def test_the_order_of_fields_is_no_content_and_every_field_is() -> None:
    assert body(b"a=1&b=2", TYPES[FORM]) == body(b"b=2&a=1", TYPES[FORM])
    assert body(b"a=1&b=2", TYPES[FORM]).digest != body(b"a=1&b=3", TYPES[FORM]).digest
    assert body(b"a=1", TYPES[FORM]).digest != body(b"a=1&b=", TYPES[FORM]).digest
    assert body(b"a=1%26b%3D2", TYPES[FORM]).digest != body(b"a=1&b=2", TYPES[FORM]).digest


def test_what_is_cut_for_keeping_still_counts_in_full() -> None:
    one, other = (body(b"error=" + b"x" * 5_000 + end, TYPES[FORM]) for end in (b"1", b"2"))
    assert one.fields == other.fields
    assert len(one.fields["error"]) == 2_000
    assert one.digest != other.digest


@pytest.mark.parametrize(
    ("charset", "data"),
    [("utf-8", "ü".encode()), ("iso-8859-1", b"\xfc"), ("windows-1252", b"\xfc"), ("UTF8", "ü".encode())],
)
def test_a_declared_charset_is_honoured(charset: str, data: bytes) -> None:
    assert body(b"a=" + data, f"{TYPES[FORM]}; charset={charset}").fields == {"a": "ü"}
    assert body(b'{"a":"' + data + b'"}', f"application/json; charset={charset}").fields == {"a": "ü"}


def test_json_in_utf_16_and_behind_a_byte_order_mark_is_json() -> None:
    assert body('{"a": "ü"}'.encode("utf-16"), "application/json; charset=utf-16").fields == {"a": "ü"}
    assert body(b'\xef\xbb\xbf{"a": 1}', TYPES[JSON]).fields == {"a": "1"}


@pytest.mark.parametrize(
    "content_type", ["application/problem+json", "text/json", "APPLICATION/JSON;charset=utf-8"]
)
def test_json_by_any_of_its_names_is_json(content_type: str) -> None:
    assert body(b'{"a": 1}', content_type).fields == {"a": "1"}


def test_nested_values_of_fields_that_mean_nothing_here_are_kept_as_json() -> None:
    assert body(b'{"a": {"c": [1, null], "b": 2}}', TYPES[JSON]).fields == {
        "a": '{"b": "2", "c": ["1", null]}'
    }


@given(
    st.binary(max_size=300), st.sampled_from([*TYPES.values(), "", "application/json; charset=utf-16", "x;="])
)
def test_no_bytes_whatever_raise(data: bytes, content_type: str) -> None:
    for method in ("GET", "POST"):
        content = body(data, content_type, method)
        assert bool(content.fields) is (content.problem is None)
        assert len(content.digest) == 64


@pytest.mark.parametrize("unit", [b"%ff", b"%ffa", b"%00", b"%E0%A4%95", b"+%2b"])
def test_four_megabytes_of_escapes_cost_less_than_half_of_what_the_library_takes(unit: bytes) -> None:
    data = b"a=" + unit * (4 * 1024 * 1024 // len(unit))
    raw = RawBody("POST", "application/x-www-form-urlencoded", "", None, data)

    assert _cpu(lambda: decode_body(raw)) < _cpu(lambda: parse_qsl(data.decode(), errors="replace")) / 2


def _cpu(do: Callable[[], object]) -> float:
    """The least CPU time of three tries, in seconds; a share of the library's, so a slow machine changes nothing."""
    times = []
    for _ in range(3):
        began = time.process_time()
        do()
        times.append(time.process_time() - began)
    return min(times)


@given(
    pairs=st.lists(st.text(alphabet="ab%=&+é\n\r _0fF\x00", max_size=12), max_size=6),
    charset=st.sampled_from(["utf-8", "cp1252", "ascii", "iso8859-1"]),
)
def test_a_form_is_read_as_the_library_reads_it(pairs: list[str], charset: str) -> None:
    text = "&".join(pairs)
    data = text.encode("utf-8")
    expected = parse_qsl(
        data.decode(charset, "replace"), keep_blank_values=True, encoding=charset, errors="replace"
    )
    assert _form(data, charset) == expected
