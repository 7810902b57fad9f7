"""The first page: what to do first, whom to ask, and where everything is."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from recordings.models import Account
from tests.admin.conftest import Person

BANNER = "Vobiz cannot call this portal: recordings appear only after a sync."


def test_an_empty_portal_says_what_to_do_first(boss: Client) -> None:
    page = boss.get("/admin/").content.decode()

    assert page.count('<span class="no">') == 5
    assert 'href="/admin/recordings/account/add/"' in page
    assert 'href="/admin/auth/user/add/"' in page
    assert boss.get("/admin/recordings/account/add/").status_code == 200


def test_staff_without_an_account_read_whom_to_ask(account: Account, boss: Client, staff: Person) -> None:
    User.objects.create_superuser("meera", first_name="Meera", last_name="Nair")
    client = staff("view_recording")

    page = client.get("/admin/").content.decode()

    assert "No account yet" in page
    assert "Ask boss, Meera Nair." in page
    assert "/account/add/" not in page


def test_staff_without_a_role_read_whom_to_ask(account: Account, boss: Client, staff: Person) -> None:
    page = staff(accounts=[account]).get("/admin/").content.decode()

    assert "No role yet" in page
    assert "Ask boss." in page


def test_the_pages_one_may_open_are_one_click_away_from_every_page(account: Account, staff: Person) -> None:
    client = staff("view_live_calls", "view_recording", accounts=[account])

    for url in ("/admin/", "/admin/recordings/recording/", "/admin/recordings/call/live/"):
        page = client.get(url).content.decode()
        assert 'href="/admin/recordings/call/live/"' in page
        assert 'href="/admin/recordings/recording/"' in page
        assert 'href="/admin/recordings/callbackevent/"' not in page
    assert '<a href="/admin/recordings/call/live/" aria-current="page">' in page


def test_a_portal_that_vobiz_cannot_call_says_so_on_every_page(
    account: Account, boss: Client, settings: Settings
) -> None:
    settings.VOBIZ_API_URL = "https://api.vobiz.ai/api/v1"
    settings.LOCAL_MODE = True

    for url in ("/admin/", "/admin/recordings/recording/", f"/admin/recordings/account/{account.pk}/change/"):
        assert BANNER in boss.get(url).content.decode()
    assert BANNER not in Client().get("/admin/login/").content.decode()


def test_a_portal_that_vobiz_can_call_says_nothing_of_it(account: Account, boss: Client) -> None:
    assert BANNER not in boss.get("/admin/").content.decode()
