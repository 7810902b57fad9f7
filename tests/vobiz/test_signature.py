"""Signatures of callbacks, against vectors that were computed elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.vobiz import signature
from recordings.vobiz.signature import Verdict, base_of, sign_v2, sign_v3, signed_headers, verify

MAIN = "test_main_token_0123456789abcdef"
SUB = "test_sub_token_fedcba9876543210"
BASE = "https://portal.example.com/vobiz/recording/"
NONCE_V2 = "05429567804466091622"
NONCE_V3 = "11806723456789012345"
V2 = "LbOoNfXw5CPIXM+xgLKsNSubtbQuwOdzqzaS+/Te620="
V3 = "dKFwELtEog3QaLGi2/oBwtFW+fOQzFnNAPUnGCXQPa8="

# The headers of a main account's callback: its MA signatures are there, and equal to its own.
VECTOR_A = {
    "X-Vobiz-Signature": "LYmCNEJ1BwM4FES9ScypYKMIEF8=",
    "X-Vobiz-Signature-V2": V2,
    "X-Vobiz-Signature-MA-V2": V2,
    "X-Vobiz-Signature-V2-Nonce": NONCE_V2,
    "X-Vobiz-Signature-V3": V3,
    "X-Vobiz-Signature-MA-V3": V3,
    "X-Vobiz-Signature-V3-Nonce": NONCE_V3,
}


def only(*names: str) -> dict[str, str]:
    return {f"X-Vobiz-Signature-{name}": VECTOR_A[f"X-Vobiz-Signature-{name}"] for name in names}


def trust_of(headers: dict[str, str], base: str = BASE, token: str = MAIN) -> str:
    return verify(headers, bases=[base], tokens=[token]).trust


def test_the_documented_vector_is_made_and_verifies() -> None:
    assert sign_v2(MAIN, BASE, NONCE_V2) == V2
    assert sign_v3(MAIN, BASE, NONCE_V3) == V3
    assert verify(VECTOR_A, bases=[BASE], tokens=[MAIN]) == Verdict("signed", "v3", (NONCE_V2, NONCE_V3))


@pytest.mark.parametrize(
    "base",
    [
        BASE + "?a=1",
        "https://portal.example.com:443/vobiz/recording/",
        "http://portal.example.com/vobiz/recording/",
        "https://portal.example.com/vobiz/recording",
        "https://portal.example.com/vobiz/recording//",
        "https://Portal.example.com/vobiz/recording/",
        "https://portal.example.com/vobiz/Recording/",
        "",
    ],
)
def test_another_base_does_not_verify(base: str) -> None:
    assert verify(VECTOR_A, bases=[base], tokens=[MAIN]) == Verdict("refused", "none", (NONCE_V2, NONCE_V3))


def test_an_explicit_port_is_part_of_the_base_it_was_given_in() -> None:
    base = "https://portal.example.com:8443/vobiz/recording/"
    headers = signed_headers(base, token=MAIN, parent_token=None, nonce_v2=NONCE_V2, nonce_v3=NONCE_V3)
    assert trust_of(headers, base) == "signed"
    assert trust_of(headers, BASE) == "refused"


def test_the_other_schemes_nonce_or_signature_does_not_verify() -> None:
    crossed = {
        "X-Vobiz-Signature-V2": V2,
        "X-Vobiz-Signature-V2-Nonce": NONCE_V3,
        "X-Vobiz-Signature-V3": V3,
        "X-Vobiz-Signature-V3-Nonce": NONCE_V2,
    }
    assert trust_of(crossed) == "refused"
    assert trust_of({"X-Vobiz-Signature-V2": V3, "X-Vobiz-Signature-V2-Nonce": NONCE_V3}) == "refused"
    assert trust_of({"X-Vobiz-Signature-V3": V2, "X-Vobiz-Signature-V3-Nonce": NONCE_V2}) == "refused"


def test_a_sub_accounts_callback_verifies_with_its_own_token_and_with_its_parents() -> None:
    headers = signed_headers(BASE, token=SUB, parent_token=MAIN, nonce_v2=NONCE_V2, nonce_v3=NONCE_V3)
    assert headers["X-Vobiz-Signature-MA-V2"] == V2
    assert headers["X-Vobiz-Signature-MA-V3"] == V3
    assert headers["X-Vobiz-Signature-V2"] not in (V2, V3)
    assert verify(headers, bases=[BASE], tokens=[SUB]).scheme == "v3"
    assert verify(headers, bases=[BASE], tokens=[MAIN]).scheme == "ma-v3"
    assert trust_of(headers, token="another-token") == "refused"


def test_neither_body_nor_query_is_signed_so_neither_may_be_believed() -> None:
    # The check has no body to look at at all, and the query is cut off before anything is signed.
    assert base_of(BASE + "?recording_id=another") == BASE
    assert trust_of(VECTOR_A, base_of(BASE + "?anything=else#here")) == "signed"


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://a.example/x/?q=1#f", "https://a.example/x/"),
        ("https://user:pass@a.example:8443/x/", "https://a.example:8443/x/"),
        ("https://a.example/%7Eme/a@b/", "https://a.example/%7Eme/a@b/"),
        ("https://a.example", "https://a.example"),
        ("https://a.example?q=a/b", "https://a.example"),
        ("HTTPS://A.example/X", "HTTPS://A.example/X"),
        ("/x/?q", "/x/"),
        ("", ""),
    ],
)
def test_the_base_is_the_url_as_given_without_userinfo_query_and_fragment(url: str, base: str) -> None:
    assert base_of(url) == base


@pytest.mark.parametrize(
    ("names", "scheme"),
    [
        (("MA-V2", "V2-Nonce"), "ma-v2"),
        (("V3", "V3-Nonce"), "v3"),
        (("V2", "MA-V2", "V2-Nonce"), "v2"),
        (("MA-V3", "V3-Nonce"), "ma-v3"),
        (("V2", "V2-Nonce", "V3"), "v2"),
    ],
)
def test_any_one_scheme_is_enough(names: tuple[str, ...], scheme: str) -> None:
    assert verify(only(*names), bases=[BASE], tokens=[MAIN]).scheme == scheme


def test_one_good_signature_outweighs_a_bad_one_beside_it() -> None:
    assert trust_of(VECTOR_A | {"X-Vobiz-Signature-V3": "A" * 43 + "="}) == "signed"


def test_header_names_count_in_any_case() -> None:
    assert trust_of({name.lower(): value for name, value in VECTOR_A.items()}) == "signed"
    assert trust_of({name.upper(): value for name, value in VECTOR_A.items()}) == "signed"


def test_a_header_may_list_several_signatures_but_only_eight_are_tried() -> None:
    wrong = "A" * 43 + "="
    listed = {"X-Vobiz-Signature-V2": f"{wrong}, {V2}", "X-Vobiz-Signature-V2-Nonce": NONCE_V2}
    ninth = {"X-Vobiz-Signature-V2": ",".join([wrong] * 8 + [V2]), "X-Vobiz-Signature-V2-Nonce": NONCE_V2}
    assert trust_of(listed) == "signed"
    assert trust_of(ninth) == "refused"


def test_no_signature_header_is_unsigned_and_not_refused() -> None:
    assert verify({}, bases=[BASE], tokens=[MAIN]) == Verdict("unsigned", "none", ())
    assert trust_of({"X-Vobiz-Signature-V2-Nonce": NONCE_V2}) == "unsigned"


def test_the_first_version_alone_proves_nothing_and_harms_nothing() -> None:
    assert trust_of({"X-Vobiz-Signature": VECTOR_A["X-Vobiz-Signature"]}) == "unsigned"


def test_without_a_usable_token_nothing_verifies() -> None:
    unkeyed = signed_headers(BASE, token="", parent_token=None, nonce_v2=NONCE_V2, nonce_v3=NONCE_V3)
    for tokens in ([], [""]):
        assert verify(unkeyed, bases=[BASE], tokens=tokens).trust == "refused"
    assert verify(VECTOR_A, bases=[], tokens=[MAIN]).trust == "refused"


def test_old_and_new_token_and_base_both_count_while_they_change() -> None:
    verdict = verify(VECTOR_A, bases=["https://new.example/vobiz/recording/", BASE], tokens=["new", MAIN])
    assert verdict.trust == "signed"


@pytest.mark.parametrize("nonce", ["", "1" * 65, "12a", "٣٤", "1 2", "-1", "1,2", "1/2", "1\n"])
def test_a_nonce_that_is_not_1_to_64_digits_is_none(nonce: str) -> None:
    headers = {"X-Vobiz-Signature-V2": sign_v2(MAIN, BASE, nonce), "X-Vobiz-Signature-V2-Nonce": nonce}
    assert verify(headers, bases=[BASE], tokens=[MAIN]) == Verdict("refused", "none", ())


def test_a_part_of_the_path_cannot_be_moved_into_the_nonce() -> None:
    # V2 signs base and nonce without a separator: …/hook/1 + 234 is …/hook/ + 1234.
    moved = {
        "X-Vobiz-Signature-V2": sign_v2(MAIN, BASE + "x/", "234"),
        "X-Vobiz-Signature-V2-Nonce": "x/234",
    }
    assert trust_of(moved) == "refused"


def test_the_nonces_of_a_delivery_are_all_named_each_once() -> None:
    same = signed_headers(BASE, token=MAIN, parent_token=None, nonce_v2="77", nonce_v3="77")
    assert verify(same, bases=[BASE], tokens=[MAIN]).nonces == ("77",)
    assert verify(only("V2", "V2-Nonce", "V3-Nonce"), bases=[BASE], tokens=[MAIN]).nonces == (
        NONCE_V2,
        NONCE_V3,
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        ",",
        "=",
        "!" * 44,
        V2[:-1],
        V2 + "=",
        V2[:-2] + "1=",
        V2.replace("+", "-"),
        V2.lower(),
        V2 + " " + V2,
        "ü" * 44,
        "\x00" * 44,
        "\ud800" * 44,
        "A" * 100_000,
        "," * 100_000,
    ],
    ids=lambda value: f"{len(value)} characters",
)
def test_a_malformed_signature_is_refused_without_an_exception(value: str) -> None:
    headers = {"X-Vobiz-Signature-V2": value, "X-Vobiz-Signature-V2-Nonce": NONCE_V2}
    assert trust_of(headers) == "refused"


def test_what_is_no_text_at_all_is_refused_without_an_exception() -> None:
    headers: dict[str, object] = {"X-Vobiz-Signature-V3": None, "X-Vobiz-Signature-V3-Nonce": 12}
    assert verify(headers, bases=[BASE], tokens=[MAIN]).trust == "refused"  # type: ignore[arg-type]


@given(
    st.dictionaries(
        st.sampled_from(signature.SIGNATURE_HEADERS), st.text(st.characters(), max_size=60), max_size=6
    ),
    st.text(st.characters(), max_size=30),
    st.text(st.characters(), max_size=30),
)
def test_no_header_base_or_token_raises_or_is_believed(
    headers: dict[str, str], base: str, token: str
) -> None:
    assert verify(headers, bases=[base], tokens=[token]).trust in ("unsigned", "refused")


@given(st.integers(0, 43), st.sampled_from("ABCXYZabcxyz019+/=!"))
def test_one_changed_character_is_enough_to_refuse(place: int, character: str) -> None:
    changed = V3[:place] + character + V3[place + 1 :]
    headers = {"X-Vobiz-Signature-V3": changed, "X-Vobiz-Signature-V3-Nonce": NONCE_V3}
    assert trust_of(headers) == ("signed" if changed == V3 else "refused")
