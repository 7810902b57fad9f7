"""Making a user with the mouse, with the keyboard alone, and without JavaScript, until that person is in."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from recordings.models import Account
from tests.browser.conftest import a_page, sign_in
from tests.browser.every_page import faults_of
from tests.browser.hands import Hands, Keys, Mouse

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "seven-lotus-parcels"


@pytest.fixture
def page(hands: Hands, admin_login: User, portal: LiveServer) -> Page:
    """Signed in, with two accounts to choose from."""
    for number, name in enumerate(("Lotus Parcels", "Nilgiri Tea")):
        Account.objects.create(auth_id=f"MA_MAKE00000{number}", name=name)
    sign_in(hands.page, portal)
    return hands.page


def test_a_user_is_made_gets_a_link_sets_a_password_and_logs_in(
    hands: Hands, page: Page, chromium: Browser, portal: LiveServer
) -> None:
    page.goto("/admin/auth/user/")
    hands.press(page.get_by_role("link", name="Add user"))
    hands.press(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("alert")).to_contain_text("Not saved.")
    hands.write(page.get_by_label("User name"), "priya")
    hands.write(page.get_by_label("E-mail"), "priya@example.com")
    hands.tick(page.get_by_label("Supervisor"))
    hands.tick(page.get_by_label("Nilgiri Tea"))
    hands.press(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("heading", name="priya", level=1)).to_be_visible()
    hands.press(page.get_by_role("button", name="Create a login link").first)
    link = page.locator("#login-link").inner_text()
    expect(page.get_by_role("button", name="Copy")).to_be_visible(visible=hands.scripted)

    with a_page(chromium, portal, scripted=hands.scripted) as other:
        theirs = Keys(other) if isinstance(hands, Keys) else Mouse(other, scripted=hands.scripted)
        other.goto(link)
        theirs.write(other.get_by_label("New password", exact=True), PASSWORD)
        theirs.write(other.get_by_label("New password again"), PASSWORD)
        theirs.press(other.get_by_role("button", name="Set password"))
        theirs.write(other.get_by_label("User name"), "priya")
        theirs.write(other.get_by_label("Password"), PASSWORD)
        theirs.press(other.get_by_role("button", name="Log in"))
        expect(other.locator("#nav-sidebar")).to_be_attached()

    priya = User.objects.get(username="priya")
    assert [account.name for account in priya.vobiz_accounts.all()] == ["Nilgiri Tea"]
    assert [group.name for group in priya.groups.all()] == ["Supervisor"]


def test_the_copy_button_copies_the_link_alone(
    chromium: Browser, portal: LiveServer, admin_login: User
) -> None:
    asha = User.objects.create_user("asha", is_staff=True)
    with a_page(chromium, portal) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        sign_in(page, portal)
        page.goto(f"/admin/auth/user/{asha.pk}/change/")
        page.get_by_role("button", name="Create a login link").first.click()
        assert faults_of(page) == []
        page.get_by_role("button", name="Copy").click()

        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        link = page.locator("#login-link").inner_text()
        assert page.evaluate("navigator.clipboard.readText()") == link


def test_enter_in_a_field_of_a_user_saves_and_makes_no_link(
    chromium: Browser, portal: LiveServer, admin_login: User
) -> None:
    asha = User.objects.create_user("asha", is_staff=True)
    with a_page(chromium, portal) as page:
        sign_in(page, portal)
        page.goto(f"/admin/auth/user/{asha.pk}/change/")
        page.get_by_label("First name").fill("Asha")
        page.get_by_label("First name").press("Enter")

        expect(page.locator(".messagelist")).to_contain_text("User asha saved.")
        expect(page.locator("#login-link")).to_have_count(0)
        expect(page.get_by_role("heading", name="Users and roles", level=1)).to_be_visible()
