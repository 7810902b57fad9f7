"""URLs that two parsers may read differently, and addresses that are not where they seem."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.vobiz.addresses import (
    InvalidAddressError,
    checked_api_url,
    is_loopback,
    is_public,
    plain_address,
)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://media.vobiz.ai/a.mp3?x=1#f", ("https", "media.vobiz.ai", 443)),
        ("HTTPS://Media.Vobiz.AI:8443/", ("https", "media.vobiz.ai", 8443)),
        ("http://127.0.0.1:8000", ("http", "127.0.0.1", 8000)),
        ("http://[::1]:80/x", ("http", "[::1]", 80)),
        ("https://vobiz.ai.evil.test/", ("https", "vobiz.ai.evil.test", 443)),
        ("https://evil.test/?x=vobiz.ai", ("https", "evil.test", 443)),
        ("https://evil.test/@media.vobiz.ai", ("https", "evil.test", 443)),
    ],
)
def test_a_plain_address_is_read_in_the_one_way_there_is(url: str, origin: tuple[str, str, int]) -> None:
    assert plain_address(url).origin == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "media.vobiz.ai/a.mp3",
        "//media.vobiz.ai/a.mp3",
        "file:///etc/passwd",
        "ftp://media.vobiz.ai/",
        "https:///a",
        "https://",
        "https://user@media.vobiz.ai/",
        "https://media.vobiz.ai@evil.test/",
        "https://user:pass@media.vobiz.ai/",
        "https://evil.com\\@media.vobiz.ai/x",
        "https://media.vobiz.ai\\.evil.test/",
        "https://media.vobiz.ai/a\\b",
        "https://media.vobiz.ai/a b",
        "https://media.vobiz.ai/a\r\nX-Auth-Token: x",
        "https://media.vobiz.ai/\x00",
        "https://media.vobiz.ai\t/",
        "https://media%2evobiz.ai/",
        "https://médiá.vobiz.ai/",
        "https://media。vobiz.ai/",
        "https://media.vobiz.ai./",
        "https://media..vobiz.ai/",
        "https://media.vobiz.ai:/",
        "https://media.vobiz.ai:0/",
        "https://media.vobiz.ai:65536/",
        "https://media.vobiz.ai:٤٤٣/",
        "https://media.vobiz.ai/" + "a" * 5000,
    ],
)
def test_an_address_that_could_be_read_in_two_ways_is_none(url: str) -> None:
    with pytest.raises(InvalidAddressError):
        plain_address(url)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://api.vobiz.ai/api/v1", "https://api.vobiz.ai/api/v1"),
        ("https://api.vobiz.ai/api/v1/", "https://api.vobiz.ai/api/v1"),
        ("HTTPS://API.vobiz.ai:443/api/v1//", "https://api.vobiz.ai/api/v1"),
        ("https://gateway.example:8443", "https://gateway.example:8443"),
        ("https://8.8.8.8/api/v1", "https://8.8.8.8/api/v1"),
    ],
)
def test_the_apis_address_is_https_and_loses_its_final_slash(url: str, base: str) -> None:
    assert checked_api_url(url) == base


@pytest.mark.parametrize(
    "url",
    [
        "http://api.vobiz.ai/api/v1",
        "http://127.0.0.1:8000/api/v1",
        "https://api.vobiz.ai/api/v1?x=1",
        "https://api.vobiz.ai/api/v1#x",
        "https://api.vobiz.ai/api/../v1",
        "https://api.vobiz.ai//api",
        "https://api.vobiz.ai/%61pi",
        "https://user@api.vobiz.ai/api/v1",
        "api.vobiz.ai",
        "https://169.254.169.254/api/v1",
        "https://10.0.0.5/api/v1",
        "https://[fe80::1]/api/v1",
        "https://[::ffff:169.254.169.254]/api/v1",
        "https://2852039166/api/v1",
        "https://0xa9fea9fe/api/v1",
        "https://0xa9.254.43518/api/v1",
        "https://169.254.0xa9fe/api/v1",
        "https://0251.0376.0251.0376/api/v1",
    ],
)
def test_any_other_address_for_the_api_is_refused(url: str) -> None:
    with pytest.raises(InvalidAddressError):
        checked_api_url(url)


def test_local_mode_allows_http_to_this_machine_and_to_no_other() -> None:
    assert checked_api_url("http://127.0.0.1:8000/api/v1", local=True) == "http://127.0.0.1:8000/api/v1"
    assert checked_api_url("http://localhost/", local=True) == "http://localhost"
    for url in (
        "http://api.vobiz.ai/",
        "http://127.0.0.1.evil.test/",
        "http://192.168.1.5/",
        "http://0.0.0.0/",
    ):
        with pytest.raises(InvalidAddressError):
            checked_api_url(url, local=True)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost.evil.test", "127.0.0.1.evil.test", "10.0.0.1", "2130706433"])
def test_what_only_looks_like_loopback_is_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("ip", ["8.8.8.8", "13.234.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_public(ip: str) -> None:
    assert is_public(ip)


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "::",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "not an address",
    ],
)
def test_an_address_inside_some_network_or_embedding_one_is_not_public(ip: str) -> None:
    assert not is_public(ip)


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_whatever_passes_has_a_host_of_plain_letters(rest: str) -> None:
    try:
        address = plain_address("https://" + rest)
    except InvalidAddressError:
        return
    assert not set(address.host) & set("@\\%/?# \t")
    assert 0 < address.port < 65536


@given(st.ip_addresses())
def test_every_address_is_judged(address: object) -> None:
    public = is_public(str(address))
    assert not (public and str(address).startswith(("10.", "127.", "192.168.", "fe80:", "fd")))


def test_this_machines_own_names_are_not_public() -> None:
    for entry in socket.getaddrinfo("localhost", 80):
        assert not is_public(str(entry[4][0]))
