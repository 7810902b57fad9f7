"""Text from outside stays text on every page, whatever it holds."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from recordings.admin.formatting import plain
from recordings.models import Account
from tests.admin.conftest import Person
from tests.admin.rows import a_live_call, a_run, a_running, a_transcript, an_event
from vobiz_portal.sandbox.server import Sandbox

SCRIPT = "<script>alert(1)</script>"
QUOTES = '"\' onmouseover="alert(2)" x=\''
TURNED = "abc\u202egnp.exe\u2066"
HOSTILE = f"{SCRIPT}{QUOTES}{TURNED}&amp;{{{{ 7*7 }}}}"


class Scripts(HTMLParser):
    """Which scripts, handlers and styles a page holds."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "script" and not names.get("src"):
            self.inline.append(f"script {attrs}")
        if tag == "style" or "style" in names:
            self.inline.append(f"style in {tag}")
        self.inline += [f"{name} in {tag}" for name in names if name.startswith("on")]
        if (names.get("href") or "").strip().lower().startswith(("javascript:", "data:")):
            self.inline.append(f"href {names['href']}")


def everything(account: Account) -> dict[str, str]:
    """Every kind of row with hostile text in each text of it; the addresses of all pages about them."""
    Account.objects.filter(pk=account.pk).update(name=HOSTILE[:200], live_error=HOSTILE)
    account.refresh_from_db()
    call = a_live_call(account, from_number=HOSTILE, to_number=HOSTILE, vobiz_status=HOSTILE[:64])
    recording = a_running(
        account, call=call, error=HOSTILE, recording_url=f"https://media.vobiz.ai/{HOSTILE}", api_id=HOSTILE,
        kind=HOSTILE[:32], file_format=HOSTILE[:32], conference_name=HOSTILE, provider_data={HOSTILE: [HOSTILE]},
        needs_attention="may_be_recording",
    )  # fmt: skip
    event = an_event(
        account, recording, outcome="failed", error=HOSTILE, payload={HOSTILE: HOSTILE}, nonces=[HOSTILE]
    )
    unread = an_event(account, recording, outcome="unparsed", raw_body=HOSTILE.encode())
    run = a_run(
        account, state="partial", complete=False, error=HOSTILE, scope={"call": HOSTILE},
        failures=[{"recording_id": HOSTILE, "reason": HOSTILE}],
    )  # fmt: skip
    objects: dict[str, Any] = {
        "account": account, "call": call, "recording": recording, "callbackevent": event, "syncrun": run,
        "transcription": a_transcript(recording, text=HOSTILE),
    }  # fmt: skip
    urls = {
        f"{name} page": reverse(f"admin:recordings_{name}_change", args=[obj.pk])
        for name, obj in objects.items()
    }
    urls |= {f"{name} list": reverse(f"admin:recordings_{name}_changelist") for name in objects}
    urls |= {
        f"{name} history": reverse(f"admin:recordings_{name}_history", args=[o.pk])
        for name, o in objects.items()
    }
    urls |= {
        "live calls": reverse("admin:recordings_call_live"),
        "start": reverse("admin:recordings_call_record", args=[call.pk]),
        "stop all": reverse("admin:recordings_call_stop_all", args=[call.pk]),
        "unread": reverse("admin:recordings_callbackevent_change", args=[unread.pk]),
        "index": reverse("admin:index"),
    }
    return urls


def test_no_page_runs_what_it_shows(account: Account, sandbox: Sandbox, boss: Client, staff: Person) -> None:
    for name, url in everything(account).items():
        answer = boss.get(url)
        text = answer.content.decode()
        scripts = Scripts()
        scripts.feed(text)
        assert answer.status_code == 200, name
        assert scripts.inline == [], name
        assert "<script>alert" not in text, name


def test_a_reported_error_in_a_message_is_text(account: Account, boss: Client) -> None:
    account.refresh_from_db()
    urls = everything(account)
    stop = urls["recording page"].replace("change/", "stop/")

    answer = boss.post(stop, follow=True)

    assert "<script>alert" not in answer.content.decode()


@pytest.mark.once
def test_no_page_is_served_without_a_policy_that_forbids_what_is_inline(
    account: Account, boss: Client
) -> None:
    for url in everything(account).values():
        policy = boss.get(url)["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("abc\u202egnp", "abc[U+202E]gnp"),
        ("a\x00b", "a[U+0000]b"),
        ("\u2066x\u2069", "[U+2066]x[U+2069]"),
        ("line\nnext\tcell", "line\nnext\tcell"),
        ("नमस्ते\u200d שלום", "नमस्ते\u200d שלום"),
    ],
)
def test_marks_that_could_turn_a_line_around_are_shown_as_what_they_are(given: str, seen: str) -> None:
    assert plain(given) == seen


@pytest.mark.once
def test_no_page_holds_a_turning_mark(account: Account, sandbox: Sandbox, boss: Client) -> None:
    for name, url in everything(account).items():
        if name.endswith("history") or name in ("index", "account page", "syncrun list"):
            continue  # there such a text stands in a line, a form field or an option of its own
        assert "\u202e" not in boss.get(url).content.decode(), name
