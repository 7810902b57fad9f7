"""Each page's job, done with the mouse, with the keyboard alone, and without JavaScript: lists, callbacks, accounts."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from recordings import connect
from recordings.callbacks.endpoints import digest_of
from recordings.choices import EventOutcome
from recordings.models import Account, CallbackEvent, SyncRun
from recordings.vobiz.signature import signed_headers
from tests.admin.rows import a_call, a_recording, a_run, a_transcript, an_event
from tests.browser.conftest import sign_in
from tests.browser.hands import Hands
from tests.ledger import asked
from tests.waiting import eventually
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AUTH_ID, TOKEN = "MA_LISTS00001", "a-token-for-the-lists-g7h8"
NEW_TOKEN = "a-new-token-for-the-lists-0000004242"
WANTED, OTHER = "919624705678", "+912261234567"
LISTS = (  # kind, what a filter's link holds, what the page of a row says
    ("recording", "status__exact=failed", "→"),
    ("call", "state__exact=ended", "→"),
    ("transcription", "status__exact=completed", "Transcript"),
    ("callbackevent", "outcome__exact=conflict", "Callback about a recording"),
    ("syncrun", "state__exact=partial", "Sync"),
)


@pytest.fixture
def page(
    hands: Hands, admin_login: User, vobiz: Sandbox, lively_world: SandboxState, portal: LiveServer
) -> Page:
    """Signed in."""
    lively_world.add_account(AUTH_ID, TOKEN, name="Lists Ltd")
    sign_in(hands.page, portal)
    return hands.page


@pytest.fixture
def account(page: Page) -> Account:
    """Connected to the sandbox."""
    return connect.store(AUTH_ID, TOKEN, now=timezone.now(), name="Lists Ltd")[0]


def rows_of(account: Account) -> None:
    """In each list three rows: two of the wanted number, one of them in the wanted state."""
    for number, good in ((WANTED, True), (WANTED, False), (OTHER, True)):
        states: dict[str, Any] = {"state": "ended" if good else "unknown"}
        call = a_call(account, to_number=number, **states)
        recording = a_recording(account, call=call, status="failed" if good else "completed")
        a_transcript(recording, status="completed" if good else "failed")
        an_event(account, recording, outcome="conflict" if good else "applied")
        ended: dict[str, Any] = {"state": "partial", "complete": False} if good else {}
        a_run(account, **ended)


def in_list(page: Page) -> Locator:
    return page.locator("#result_list tbody:not(.day) tr")


def narrow(hands: Hands, page: Page, name: str, value: str) -> None:
    """Choose a filter in the panel."""
    hands.press(page.locator(".vp-addfilter > summary"))
    pill = page.locator(f"#changelist-filter input[name='{name}'][value='{value}']")
    field = page.locator(f"#changelist-filter select[name='{name}']")
    if not field.or_(pill).is_visible():
        hands.press(page.get_by_text("More filters"))
    if pill.count():
        hands.pick(pill)
    else:
        hands.choose(field, field.locator(f"option[value='{value}']").inner_text())
    hands.press(page.get_by_role("button", name="Show"))


def test_a_list_is_exported_as_it_is_narrowed(hands: Hands, page: Page, account: Account) -> None:
    rows_of(account)
    for kind, filtered, _title in LISTS:
        page.goto(reverse(f"admin:recordings_{kind}_changelist") + f"?{filtered}")

        with page.expect_download() as download:
            hands.press(page.get_by_role("button", name="Export as CSV"))

        heading, *rows = download.value.path().read_text().splitlines()
        assert "," in heading
        assert len(rows) == in_list(page).count()


def test_each_list_is_searched_narrowed_and_its_row_opened(
    hands: Hands, page: Page, account: Account
) -> None:
    rows_of(account)
    for kind, filtered, title in LISTS:
        page.goto(reverse(f"admin:recordings_{kind}_changelist"))
        expect(in_list(page)).to_have_count(3)
        if kind != "syncrun":
            hands.write(page.locator("#searchbar"), "096247 05678")
            hands.press(page.get_by_role("button", name="Search"))
            expect(in_list(page)).to_have_count(2)
        narrow(hands, page, *filtered.split("="))
        expect(in_list(page)).to_have_count(1 if kind != "syncrun" else 2)
        hands.press(in_list(page).first.locator("th a"))

        page.wait_for_url("**/change/**")
        expect(page.locator("#content h1")).to_contain_text(title)


def test_callbacks_are_processed_again_one_by_one_and_several_at_once(
    hands: Hands, page: Page, account: Account
) -> None:
    for _n in range(3):
        recording = a_recording(account)
        fields = {"recording_id": recording.recording_id, "recording_duration": "10"}
        an_event(account, recording, outcome="failed", error="the database was away", payload=fields)
    page.goto(reverse("admin:recordings_callbackevent_changelist"))
    hands.press(in_list(page).first.locator("th a"))
    hands.press(page.get_by_role("button", name="Process again"))
    expect(page.locator(".messagelist")).to_contain_text("Processed again: applied.")

    page.goto(reverse("admin:recordings_callbackevent_changelist") + "?outcome__exact=failed")
    expect(in_list(page)).to_have_count(2)
    for box in in_list(page).locator("input.action-select").all():
        hands.tick(box)
    hands.press(page.locator(".vp-bulk").get_by_role("button", name="Process again"))

    expect(page.locator(".messagelist")).to_contain_text("2 callbacks processed again: 2 applied.")
    assert set(CallbackEvent.objects.values_list("outcome", flat=True)) == {EventOutcome.APPLIED}


def test_an_account_is_connected_tested_synced_and_given_a_new_token(
    hands: Hands, page: Page, lively_world: SandboxState
) -> None:
    lively_world.add_recording(AUTH_ID, age_days=1, duration=20)
    page.goto("/admin/recordings/account/")
    hands.press(page.locator("#content").get_by_role("link", name="Connect account").first)
    hands.write(page.locator("input[name=auth_id]"), AUTH_ID)
    hands.write(page.locator("input[name=token]"), TOKEN)
    hands.press(page.get_by_role("button", name="Connect account"))
    expect(page.locator(".messagelist")).to_contain_text("is connected")
    account = Account.objects.get()
    eventually(SyncRun.objects.complete().filter(account=account, seen=1).exists)
    page.goto("/admin/recordings/account/")
    hands.write(page.locator("#searchbar"), "Lists")
    hands.press(page.get_by_role("button", name="Search"))
    hands.press(in_list(page).locator("th a"))

    before = len(asked(lively_world))
    hands.press(page.get_by_role("button", name="Test connection"))
    expect(page.locator(".messagelist")).to_contain_text("Vobiz accepts Auth ID")
    assert len(asked(lively_world)) == before + 1
    hands.press(page.get_by_role("button", name="Sync now"))
    page.wait_for_url("**/syncrun/*/change/")
    eventually(lambda: SyncRun.objects.complete().filter(account=account, seen=1).count() == 2)

    lively_world.accounts[AUTH_ID].token = NEW_TOKEN
    page.goto(reverse("admin:recordings_account_change", args=[account.pk]))
    hands.write(page.locator("input[name=token]"), NEW_TOKEN)
    hands.press(page.get_by_role("button", name="Save changes"))
    expect(page.locator(".messagelist")).to_contain_text("Changes saved.")
    account.refresh_from_db()
    assert account.token == NEW_TOKEN
    assert account.callback_tokens(timezone.now()) == (NEW_TOKEN, TOKEN)


def test_what_was_refused_is_processed_again_after_the_token_was_corrected(
    hands: Hands, page: Page, account: Account, portal: LiveServer
) -> None:
    recording = a_recording(account)
    address = portal.url + reverse("callbacks:account", args=[account.callback_key])
    headers = signed_headers(
        address,
        token=NEW_TOKEN,
        parent_token=None,
        nonce_v2="05429567804466091622",
        nonce_v3="1180672345678901",
    )
    an_event(
        account, outcome="refused", trust="refused", scheme="none", nonces=[], signature_headers=[headers],
        key_digest=digest_of(account.callback_key), hosts=[portal.url], expected_base=address,
        payload={"recording_id": recording.recording_id, "recording_duration": "10"},
    )  # fmt: skip
    account.set_token(NEW_TOKEN, now=timezone.now())
    page.goto(reverse("admin:recordings_account_change", args=[account.pk]))
    hands.press(page.get_by_role("button", name="Process rejected callbacks again"))

    expect(page.locator(".messagelist")).to_contain_text("1 accepted, 0 still rejected.")
    assert CallbackEvent.objects.get().outcome == EventOutcome.APPLIED
