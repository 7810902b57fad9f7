"""The whole life of a sign-in, in a browser: invited, enrolled, recovered, by the issuer, ended elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from playwright.sync_api import Browser, CDPSession, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from recordings import mail
from tests.browser.conftest import a_page, sign_in
from tests.browser.every_page import faults_of
from tests.signin.conftest import issuer  # noqa: F401 - a fixture
from tests.signin.people import code_of

pytestmark = pytest.mark.browser

PASSWORD = "seven-lotus-parcels"
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture
def priya(transactional_db: None) -> User:
    """A superuser who was just added."""
    user = User.objects.create_superuser("priya", "priya@example.com")
    user.set_unusable_password()
    user.save()
    return user


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def give_password(page: Page) -> None:
    page.get_by_label("User name").fill("priya")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Log in")


def log_out(page: Page) -> None:
    page.locator("#user-tools summary").last.click()
    press(page, "Log out")
    page.goto("/admin/login/")


def is_in(page: Page) -> None:
    expect(page.locator("#nav-sidebar")).to_be_attached()


def with_passkeys(page: Page) -> CDPSession:
    """Give the browser an authenticator of its own."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return session


def enrol(page: Page, link: str) -> list[str]:
    """Set a password by the link, sign in, set up an app, and return the recovery codes."""
    page.goto(link)
    page.locator("#id_new_password1").fill("short")
    page.locator("#id_new_password2").fill("other")
    press(page, "Set password")
    expect(page.locator(".errorlist")).to_be_visible()
    wrong = faults_of(page)
    page.locator("#id_new_password1").fill(PASSWORD)
    page.locator("#id_new_password2").fill(PASSWORD)
    press(page, "Set password")
    expect(page.get_by_label("User name")).to_be_visible()
    wrong += faults_of(page)
    give_password(page)
    expect(page.get_by_role("link", name="Add a passkey")).to_be_visible()
    wrong += faults_of(page)
    page.get_by_role("link", name="Set up an authenticator app").click()
    expect(page.locator(".vp-key")).to_be_visible()
    wrong += faults_of(page)
    secret = page.locator(".vp-key").inner_text()
    page.get_by_label("Code").fill(code_of(secret))
    press(page, "Add the app")
    expect(page.locator(".vp-codes code")).to_have_count(10)
    wrong += faults_of(page)
    assert not wrong, "\n".join(wrong)
    codes = page.locator(".vp-codes code").all_inner_texts()
    page.get_by_role("link", name="Continue").click()
    return codes


def add_passkey(page: Page) -> None:
    """Make a passkey on one's own page."""
    page.goto("/admin/your-account/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("work laptop")
    press(page, "Add the passkey")
    expect(page.get_by_text("work laptop")).to_be_visible()


@pytest.fixture
def at_issuer(settings: Settings, issuer: str) -> Iterator[None]:  # noqa: F811
    """The portal offers single sign-on, and its policy lets a form lead there."""
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = issuer, "portal", "secret"
    settings.OIDC_LABEL, settings.OIDC_TRUSTS_EMAIL, settings.OIDC_ASKS_SECOND_FACTOR = (
        "Example ID",
        True,
        True,
    )
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    policy = {"DIRECTIVES": directives | {"form-action": [*directives["form-action"], issuer]}}
    with override_settings(CONTENT_SECURITY_POLICY=policy):
        yield


def come_by_issuer(page: Page, sub: str = "sub-priya") -> None:
    """Sign in at the issuer."""
    page.goto("/admin/login/")
    press(page, "Example ID")
    page.locator("input[name=sub]").fill(sub)
    press(page, "Authorize")


@pytest.mark.usefixtures("at_issuer")
def test_the_whole_life_of_a_sign_in(
    page: Page, chromium: Browser, portal: LiveServer, priya: User, settings: Settings
) -> None:
    settings.MFA_REQUIRED = True
    device = with_passkeys(page)
    codes = enrol(page, mail.password_link(priya))
    is_in(page)

    add_passkey(page)
    log_out(page)
    press(page, "Use a passkey")
    is_in(page)

    # The devices are lost.
    log_out(page)
    device.send("WebAuthn.disable")
    give_password(page)
    page.get_by_label("Code").fill("0")
    press(page, "Continue")
    expect(page.locator(".errorlist")).to_be_visible()
    wrong = faults_of(page)
    page.get_by_label("Code").fill(codes[0])
    press(page, "Continue")
    is_in(page)

    # In another browser, which is ended from the first.
    with a_page(chromium, portal) as other:
        come_by_issuer(other)
        is_in(other)
        page.goto("/admin/your-account/")
        press(page, "Log out everywhere else")
        expect(page.get_by_text("ended.").last).to_be_visible()
        other.goto("/admin/")
        expect(other.get_by_label("Password")).to_be_visible()
        wrong += faults_of(other)
    for name in ("", "passkeys/add/", "app/remove/", "recovery-codes/", "recovery-codes/new/"):
        page.goto(f"/admin/your-account/{name}")
        wrong += faults_of(page)
    page.goto("/admin/your-account/")
    page.get_by_role("link", name="Remove…").last.click()
    expect(page.get_by_role("button", name="Remove the passkey")).to_be_visible()
    wrong += faults_of(page)
    assert not wrong, "\n".join(wrong)
    page.goto("/admin/")
    is_in(page)


def test_at_an_ip_address_there_are_no_passkeys_and_the_page_says_why(
    page: Page, portal: LiveServer, admin_login: User, settings: Settings
) -> None:
    settings.PORTAL_URL = "https://203.0.113.7"
    page.goto("/admin/login/")
    expect(page.get_by_role("button", name="Use a passkey")).to_have_count(0)
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill("a-password-for-the-browser-9")
    press(page, "Log in")
    page.goto("/admin/your-account/")
    expect(page.get_by_text("needs a host name")).to_be_visible()


def test_a_passkey_made_for_another_address_does_not_count(
    page: Page, portal: LiveServer, priya: User, settings: Settings
) -> None:
    priya.set_password(PASSWORD)
    priya.save()
    with_passkeys(page)
    page.goto("/admin/login/")
    give_password(page)
    page.goto("/admin/your-account/passkeys/add/")
    settings.PORTAL_URL = portal.url.replace("localhost:", "localhost:1")
    press(page, "Add the passkey")
    expect(page.get_by_role("alert")).to_contain_text("another address")


@pytest.mark.usefixtures("at_issuer", "priya")
def test_whom_only_the_issuer_knows_is_told_whom_to_ask(page: Page) -> None:
    come_by_issuer(page, "sub-stranger")

    expect(page.get_by_text("Ask your portal administrator")).to_be_visible()
    assert faults_of(page) == []
    page.get_by_role("link", name="Back to the login").click()
    expect(page.get_by_label("User name")).to_be_visible()


def test_who_logged_in_a_while_ago_confirms_it_and_gets_the_page(
    page: Page, portal: LiveServer, admin_login: User, settings: Settings
) -> None:
    settings.REAUTHENTICATION_MINUTES = 15
    sign_in(page, portal)  # without a time of the password
    page.goto("/admin/your-account/app/")
    page.get_by_label("Password").fill("another")
    press(page, "Confirm")
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    assert faults_of(page) == []
    page.get_by_label("Password").fill("a-password-for-the-browser-9")
    press(page, "Confirm")

    expect(page.locator(".vp-key")).to_be_visible()
