"""What was changed in a form of settings and not saved is not lost without a question, whatever else is pressed."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from playwright.sync_api import Browser, Dialog, Page, expect
from pytest_django.live_server_helper import LiveServer

from recordings.models import Account, AlertWebhook, SavedView
from tests.browser.conftest import a_page, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# page → the label of a field of it, and the button that saves that
FORMS = {
    "account": ("Name", "Save changes"), "new account": ("Auth ID", "Connect account"), "user": ("First name", "Save"),
    "role": ("Name", "Save"), "alerts": ("Send me an e-mail", "Save"), "webhooks": ("Address", "Add webhook"),
    "choice": ("Recording started", "Save choice"), "views": ("Name of the view Long", "Rename"),
    "new view": ("Name", "Save view"),
}  # fmt: skip


@pytest.fixture
def addresses(admin_login: User) -> dict[str, str]:
    """The address of each page with a form of settings."""
    account = Account.objects.create(auth_id="MA_UNSAVED001", name="Unsaved Ltd")
    webhook, _secret = AlertWebhook.create(account, "https://hooks.example.org/receive", "standard")
    SavedView.objects.create(user=admin_login, name="Long", query="length=2")
    webhooks = reverse("admin:recordings_account_webhooks", args=[account.pk])
    views = reverse("admin:recordings_recording_views")
    return {
        "account": reverse("admin:recordings_account_change", args=[account.pk]),
        "new account": reverse("admin:recordings_account_add"),
        "user": reverse("admin:auth_user_change", args=[admin_login.pk]),
        "role": reverse("admin:auth_group_change", args=[Group.objects.create(name="Tester").pk]),
        "alerts": reverse("alerts"),
        "webhooks": webhooks,
        "choice": f"{webhooks}?choose={webhook.pk}",
        "views": views,
        "new view": f"{views}?length=2",
    }


def questions(page: Page) -> list[str]:
    """Stay on the page whenever it asks; return the list to which each question is added."""
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    return asked


def leave(page: Page) -> None:
    """Press a link of the navigation, and wait until the page asks."""
    with page.expect_event("dialog"):
        page.locator("#nav-sidebar").get_by_role("link", name="Overview").click()


@pytest.mark.parametrize("name", FORMS)
def test_what_is_not_saved_is_asked_about_and_what_is_saved_or_unchanged_is_not(
    page: Page, portal: LiveServer, addresses: dict[str, str], name: str
) -> None:
    asked = questions(page)
    label, button = FORMS[name]
    sign_in(page, portal)
    page.goto(addresses[name])
    field = page.locator("#content-main").get_by_label(label).first
    field.click()  # a browser asks only where somebody did something
    field.click()
    page.locator("#nav-sidebar").get_by_role("link", name="Overview").click()
    expect(page).to_have_url(f"{portal.url}/admin/")
    assert asked == []

    page.goto(addresses[name])
    if field.get_attribute("type") == "checkbox":
        field.click()
    else:
        field.fill("Something else")
    leave(page)

    assert asked == ["beforeunload"]
    assert page.url == portal.url + addresses[name]
    with page.expect_navigation():
        page.get_by_role("button", name=button, exact=True).first.click()
    assert asked == ["beforeunload"]


def test_a_button_beside_the_form_asks_first_and_discard_does_not(
    page: Page, portal: LiveServer, addresses: dict[str, str]
) -> None:
    asked = questions(page)
    sign_in(page, portal)
    page.goto(addresses["account"])
    for button in ("Check unfinished recordings", "Test storage"):
        page.get_by_label("Time zone").fill("Asia/Dubai")
        with page.expect_event("dialog"):
            page.get_by_role("button", name=button).click()
        expect(page.get_by_label("Time zone")).to_have_value("Asia/Dubai")
    assert asked == ["beforeunload"] * 2

    page.get_by_role("link", name="Discard").click()

    expect(page.get_by_label("Time zone")).not_to_have_value("Asia/Dubai")
    assert len(asked) == 2
    page.get_by_role("button", name="Check unfinished recordings").click()
    expect(page.locator(".messagelist")).to_be_visible()
    assert len(asked) == 2


def test_what_was_refused_is_not_saved_either(
    page: Page, portal: LiveServer, addresses: dict[str, str]
) -> None:
    asked = questions(page)
    sign_in(page, portal)
    page.goto(addresses["account"])
    page.get_by_label("Time zone").fill("Nowhere")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator(".errorlist").first).to_be_visible()

    with page.expect_event("dialog"):
        page.get_by_role("button", name="Check unfinished recordings").click()

    assert asked == ["beforeunload"]
    expect(page.get_by_label("Time zone")).to_have_value("Nowhere")


def test_what_was_refused_as_a_whole_is_not_saved_either(
    page: Page, portal: LiveServer, addresses: dict[str, str]
) -> None:
    asked = questions(page)
    sign_in(page, portal)
    page.goto(addresses["user"])
    page.get_by_label("First name").fill("Asha")
    page.locator("[name=is_active]").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errornote").first).to_be_visible()

    leave(page)

    assert asked == ["beforeunload"]
    expect(page.get_by_label("First name")).to_have_value("Asha")


def test_discard_in_another_tab_leaves_this_one_guarded(
    page: Page, portal: LiveServer, addresses: dict[str, str]
) -> None:
    asked = questions(page)
    sign_in(page, portal)
    page.goto(addresses["account"])
    page.locator("#content-main").get_by_label("Name").first.fill("Something else")
    with page.context.expect_page():
        page.locator("[data-discard]").click(modifiers=["Control"])

    leave(page)

    assert asked == ["beforeunload"]


def test_without_javascript_nothing_is_asked(
    chromium: Browser, portal: LiveServer, addresses: dict[str, str]
) -> None:
    with a_page(chromium, portal, scripted=False) as page:
        page.on("dialog", lambda dialog: pytest.fail(dialog.type))
        sign_in(page, portal)
        page.goto(addresses["account"])
        page.get_by_label("Time zone").fill("Asia/Dubai")
        page.get_by_role("button", name="Check unfinished recordings").click()
        expect(page.locator(".messagelist")).to_be_visible()
