"""The page of an account's webhooks in each of its states: a choice, a question, a new secret, an error."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from recordings.models import Account, AlertWebhook
from tests.browser.conftest import sign_in
from tests.browser.every_page import faults_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_webhook_is_chosen_for_rotated_and_removed_after_a_question(
    page: Page, portal: LiveServer, admin_login: User
) -> None:
    account = Account.objects.create(auth_id="MA_HOOKS00001", name="Hooks Ltd")
    for host in ("hooks.example.org", "alerts.example.com"):
        AlertWebhook.create(account, f"https://{host}/receive", "standard")
    sign_in(page, portal)
    page.goto(reverse("admin:recordings_account_webhooks", args=[account.pk]))

    page.get_by_role("button", name="Send test to hooks.example.org").click()
    expect(page.get_by_role("button", name="Send again: test to hooks.example.org")).to_be_visible()
    page.get_by_role("link", name="Choose what hooks.example.org gets").click()
    expect(page.get_by_role("button", name="Save choice")).to_be_visible()
    wrong = faults_of(page)
    page.get_by_role("button", name="Rotate secret of hooks.example.org").click()
    expect(page.locator("#webhook-secret")).to_contain_text("whsec_")
    wrong += faults_of(page)
    page.get_by_label("Address").fill("not an address")
    page.get_by_role("button", name="Add webhook").click()
    expect(page.locator("#add .errorlist")).to_be_visible()
    wrong += faults_of(page)
    page.get_by_role("link", name="Remove hooks.example.org").click()
    expect(page.get_by_role("heading", name="Remove the webhook hooks.example.org?")).to_be_visible()
    wrong += faults_of(page)
    page.get_by_role("link", name="Keep the webhook").click()
    expect(page.get_by_role("heading", name="Remove the webhook")).to_have_count(0)
    assert AlertWebhook.objects.count() == 2
    page.get_by_role("link", name="Remove hooks.example.org").click()
    page.get_by_role("button", name="Remove the webhook").click()
    expect(page.get_by_text("Webhook removed.")).to_be_visible()

    assert AlertWebhook.objects.count() == 1
    assert not wrong, "\n".join(wrong)
