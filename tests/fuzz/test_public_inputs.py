"""Every input that anybody may send, with what a page offers and with anything else: no answer is a 5xx.

What a form or a list takes is read from its page, so a new field is tried without a line here. The same examples are
tried on both databases, and must get the same verdicts: the second run compares its own with the first one's.
FUZZ_EXAMPLES=2000 tries longer, FUZZ_SEED=14 tries others.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from recordings.models import Recording
from tests.admin.route_table import ROUTES
from tests.admin.scene import Scene, a_client, a_scene, in_paths
from tests.archived import an_archived, speech
from tests.callbacks.mutants import CONTENT_TYPES, NAMES, VALUES
from tests.fuzz.schema import Form, Page
from tests.settings import run_id

ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "50"))
SEED = int(
    os.environ.get("FUZZ_SEED", "13")
)  # the decorator's counts, so --hypothesis-seed would change nothing
AWAY = {502, 503}  # they say in words that Vobiz or a storage is away; here nobody listens
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
# Names that the admin reads on every list, whether or not a link of it has them.
LISTS_READ = ("q", "o", "p", "e", "all", "_facets", "_popup", "_to_field", "after", "before", "at")
HOSTILE = tuple(str(value) for value in VALUES if len(str(value)) < 3_000)
DATES = (
    "2025-11-07",
    "0000-00-00",
    "9999-12-31",
    "0001-01-01",
    "2025-02-30",
    "10000-01-01",
    "2025-11-07T24:00",
)

texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.sampled_from(DATES),
    st.sampled_from(["\x00", "a\x00b"]),
    st.text(max_size=40),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["from:", "to:", '"', "*", "(", "OR ", "NEAR/", "^", "-", "%", "_", "\\"]).flatmap(
        lambda mark: st.text(max_size=10).map(lambda rest: mark + rest + mark)
    ),
)
ranges = st.one_of(
    st.sampled_from(
        ["bytes=", "bytes=-", "bytes=0-0,5-6", "bytes=9-1", "items=0-1", "bytes=0x1-", "bytes=１-２"]
    ),
    st.tuples(st.integers(-5, 2**70), st.one_of(st.just(""), st.integers(-5, 2**70))).map(
        lambda pair: f"bytes={pair[0]}-{pair[1]}"
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)


latin = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)


class Ground:
    """Rows of each kind, one boss, and what the pages take."""

    def __init__(self, archive: Path) -> None:
        self.scene: Scene = a_scene()
        self.archive = archive
        self.boss = a_client(self.scene.users["superuser"])
        self.boss.raise_request_exception = False
        self.archived: Recording = an_archived(self.scene.mine["recordings.account"], speech(seconds=1))
        paths = in_paths(self.scene.mine, known=True)
        self.addresses = sorted({route.address(paths) for route in ROUTES if route.get or route.post})
        self.forms: list[Form] = []
        self.queries: dict[str, dict[str, list[str]]] = {}
        for address in self.addresses:
            if "logout" in address:
                continue
            answer = self.boss.get(address, follow=True)
            if (
                answer.status_code == 200
                and "html" in answer.get("Content-Type", "")
                and not answer.streaming
            ):
                page = Page(address, answer.content.decode())
                self.forms += page.forms
                for path, names in page.queries.items():
                    if path.startswith("/admin/"):
                        self.queries.setdefault(path, {}).update(names)
        self.forms = [
            form for form in self.forms if form.action.startswith("/") and "logout" not in form.action
        ]


class Verdicts:
    """What each request was answered, in order; compared with those of the other database."""

    def __init__(self) -> None:
        sources = hashlib.sha256()
        for path in sorted([*(ROOT / "recordings").rglob("*.py"), *(ROOT / "tests/fuzz").rglob("*.py")]):
            sources.update(path.read_bytes())
        self.name = f"{EXAMPLES}-{SEED}-{sources.hexdigest()[:16]}"
        self.found: dict[str, Any] = {}

    def note(self, request: str, verdict: Any, *, is_alike: bool | None = None) -> None:
        """Note a verdict, if the same request means the same on both: what has digits may name another row there."""
        if is_alike if is_alike is not None else not re.search(r"[0-9]", unquote(request)):
            self.found[request] = verdict

    def compare(self) -> None:
        """Compare with the other database's, if they are there; leave these for its run."""
        folder = Path(gettempdir()) / f"vobiz-portal-verdicts-{run_id().partition('-')[0]}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = json.loads(json.dumps(self.found))
        for other in folder.glob(f"{self.name}-*.json"):
            if other.stem != f"{self.name}-{connection.vendor}":
                theirs = json.loads(other.read_text())
                differ = {
                    one: (found[one], theirs[one])
                    for one in found.keys() & theirs
                    if found[one] != theirs[one]
                }
                assert not differ, f"not as on {other.stem.rpartition('-')[2]}: {differ}"
        (folder / f"{self.name}-{connection.vendor}.json").write_text(json.dumps(found))


@pytest.fixture
def ground(db: None, archive_folder: Path) -> Ground:
    return Ground(archive_folder)


@pytest.fixture
def verdicts() -> Verdicts:
    return Verdicts()


def undone(act: Callable[[], Any]) -> Any:
    """Act, and undo what it did to the rows. Not by `atomic`: starts refuse to run inside of one."""
    point = transaction.savepoint()
    try:
        return act()
    finally:
        transaction.savepoint_rollback(point)


def verdict(answer: Any) -> Any:
    """The status; of a list how many rows it shows, too. Streams are read to their end."""
    if answer.streaming:
        return answer.status_code, sum(map(len, answer.streaming_content)) and True
    listed = (answer.context or {}).get("cl") if answer.status_code == 200 else None
    return answer.status_code, None if listed is None else len(listed.result_list)


def encoded(pairs: list[tuple[str, str]]) -> str:
    """A query, with what no UTF-8 has in it as a browser would never send it."""
    return "&".join(f"{as_sent(name)}={as_sent(value)}" for name, value in pairs)


def as_sent(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"))


@seed(SEED)
@fuzz
@given(data=st.data())
def search_and_filters(ground: Ground, verdicts: Verdicts, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(ground.queries)))
    offered = ground.queries[path]
    names = st.one_of(
        st.sampled_from([*sorted(offered), *LISTS_READ]), st.sampled_from([n for n in NAMES if n])
    )
    pairs = []
    for name in data.draw(st.lists(names, min_size=1, max_size=4)):
        values = st.sampled_from(sorted(set(offered.get(name, [])))) if offered.get(name) else texts
        pairs.append((name, data.draw(st.one_of(values, texts))))
    address = f"{path}?{encoded(pairs)}"
    answer = undone(lambda: ground.boss.get(address))
    verdicts.note(address, verdict(answer))
    assert answer.status_code < 500 or answer.status_code in AWAY, address


@seed(SEED)
@fuzz
@given(data=st.data())
def forms(ground: Ground, verdicts: Verdicts, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(ground.forms))
    sent: list[tuple[str, str]] = []
    for name, offered in sorted(form.fields.items()):
        if name != "csrfmiddlewaretoken" and data.draw(st.integers(0, 9)):
            values = st.sampled_from(sorted(set(offered))) if offered else texts
            sent.append((name, data.draw(st.one_of(values, values, texts))))
    sent += data.draw(st.lists(st.tuples(st.sampled_from([n for n in NAMES if n]), texts), max_size=2))
    body = encoded(sent)

    def send() -> Any:
        if form.method == "GET":
            return ground.boss.get(f"{form.action}?{body}")
        return ground.boss.generic(
            "POST", form.action, body.encode(), content_type="application/x-www-form-urlencoded"
        )

    answer = undone(send)
    verdicts.note(f"{form.method} {form.action} {body}", verdict(answer))
    assert answer.status_code < 500 or answer.status_code in AWAY, (form.action, body)


@seed(SEED)
@fuzz
@given(data=st.data())
def exports(ground: Ground, verdicts: Verdicts, data: st.DataObject) -> None:
    path = data.draw(
        st.sampled_from(
            [f"/{route.path}" for route in ROUTES if route.path.endswith(("export-csv/", "export-zip/"))]
        )
    )
    offered = ground.queries.get(path.rpartition("export")[0], {})
    names = st.sampled_from([*sorted(offered), *LISTS_READ])
    query = encoded(data.draw(st.lists(st.tuples(names, texts), max_size=3)))
    chosen = data.draw(st.lists(st.one_of(st.just(str(ground.archived.pk)), texts), max_size=3))
    sent = [("_selected_action", one) for one in chosen]
    sent += data.draw(
        st.lists(
            st.tuples(st.sampled_from(["action", "select_across", "confirmed", "what"]), texts), max_size=3
        )
    )
    answer = undone(
        lambda: ground.boss.generic(
            "POST",
            f"{path}?{query}",
            encoded(sent).encode(),
            content_type="application/x-www-form-urlencoded",
        )
    )
    verdicts.note(f"{path}?{query} {sent}", verdict(answer))
    assert answer.status_code < 500, (path, query, sent)


@seed(SEED)
@fuzz
@given(
    header=ranges,
    also=st.one_of(st.just(""), st.text(st.characters(max_codepoint=255, min_codepoint=32), max_size=80)),
)
def range_headers(ground: Ground, verdicts: Verdicts, header: str, also: str) -> None:
    pk = ground.archived.pk
    headers = {"Range": header} | ({"If-Range": also} if also else {})
    answer = undone(lambda: ground.boss.get(f"/admin/recordings/recording/{pk}/audio/", headers=headers))
    length = sum(map(len, answer.streaming_content)) if answer.streaming else len(answer.content)
    verdicts.note(f"{header} {also}", [answer.status_code, length], is_alike=True)
    assert answer.status_code in {200, 206, 416}
    if answer.status_code != 416:
        assert length == int(answer["Content-Length"])


@seed(SEED)
@fuzz
@given(data=st.data())
def callbacks(ground: Ground, verdicts: Verdicts, data: st.DataObject) -> None:
    running = ground.scene.mine["running"]
    door = data.draw(st.sampled_from(["recording", "transcription", "account"]))
    key = running.account.callback_key if door == "account" else running.callback_key
    path = f"/callbacks/{door}/{data.draw(st.one_of(st.just(key), st.just(key), texts.map(as_sent)))}/"
    leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
    objects = st.dictionaries(
        st.one_of(st.sampled_from(NAMES), st.text(max_size=20)),
        st.recursive(
            leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
        ),
        max_size=8,
    )
    body = data.draw(
        st.one_of(
            objects.map(lambda fields: json.dumps(fields).encode("utf-8", "surrogatepass")),
            objects.map(
                lambda fields: encoded([(name, str(value)) for name, value in fields.items()]).encode()
            ),
            st.binary(max_size=300),
        )
    )
    content_type = data.draw(st.sampled_from(CONTENT_TYPES))
    headers = data.draw(
        st.one_of(
            st.just({}),
            st.dictionaries(
                st.sampled_from(["X-Vobiz-Signature-V2", "X-Vobiz-Signature-V2-Nonce", "X-Vobiz-Signature-V3",
                                 "X-Vobiz-Signature-V3-Nonce", "X-Vobiz-Signature-MA-V2", "Content-Encoding", "Host"]),
                latin, max_size=4,
            ),
        )
    )  # fmt: skip
    anyone = Client(raise_request_exception=False)
    if data.draw(st.booleans()):
        answer = undone(
            lambda: anyone.generic("POST", path, body, content_type=content_type, headers=headers)
        )
    else:
        query = body.decode("latin-1")
        answer = undone(lambda: anyone.get(f"{path}?{quote(query, safe='=&%+')}", headers=headers))
    is_known = path.endswith(f"/{key}/")
    verdicts.note(
        f"{is_known} {path if not is_known else door} {body!r} {content_type} {headers}", answer.status_code
    )
    assert answer.status_code < 500, (path, body, content_type, headers)


KINDS = (search_and_filters, forms, exports, range_headers, callbacks)


@pytest.mark.long
def test_nothing_that_anybody_sends_is_a_5xx(ground: Ground, verdicts: Verdicts) -> None:
    failed = []
    for kind in KINDS:  # in one test: what stands before all of them takes long to make
        try:
            kind(ground, verdicts)
        except (AssertionError, ExceptionGroup) as failure:
            failed.append(f"{kind.__name__}: {failure}")
    assert not failed, "\n".join(failed)
    verdicts.compare()
