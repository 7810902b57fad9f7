"""Views of the recordings' list that people save: whose they are, who sees them, and what they may not bring along."""

from __future__ import annotations

import pytest
from django.test import Client

from recordings.admin import list_page
from recordings.models import Account, SavedView
from tests.admin.conftest import Person
from tests.admin.rows import a_recording, a_transcript

LIST = "/admin/recordings/recording/"
VIEWS = f"{LIST}views/"


def tabs(client: Client) -> dict[str, list_page.View]:
    answer = client.get(LIST)
    return {str(one.label): one for one in list_page.views(answer.context["cl"], answer.wsgi_request)}


def save(client: Client, name: str, query: str, **more: object) -> int:
    return client.post(VIEWS, {"do": "save", "name": name, "query": query, **more}).status_code


def test_a_view_is_a_tab_with_its_number_for_its_owner_alone(account: Account, staff: Person) -> None:
    mine, other = (staff("view_recording", accounts=[account]) for _n in range(2))
    a_recording(account, duration_ms=5_000)
    assert mine.get(f"{VIEWS}?length=10s").status_code == 200

    assert save(mine, "Short ones", "length=10s&after=1.2&p=3") == 302

    tab = tabs(mine)["Short ones"]
    assert (tab.url, tab.count) == ("?length=10s", "1")
    assert "Short ones" not in tabs(other)


def test_an_account_admin_shares_a_view_with_those_who_see_the_account(
    account: Account, stranger: Account, staff: Person
) -> None:
    admin = staff("view_recording", "change_account", accounts=[account])
    member = staff("view_recording", accounts=[account])
    outsider = staff("view_recording", accounts=[stranger])

    save(admin, "Failed", "ended=failed", account=account.pk)
    assert save(admin, "Not mine", "ended=failed", account=stranger.pk) == 200  # refused
    save(member, "Sly", "ended=failed", account=account.pk)  # has no such field

    assert "Failed" in tabs(member)
    assert "Failed" not in tabs(outsider)
    assert SavedView.objects.get(name="Sly").account is None
    assert not SavedView.objects.filter(name="Not mine").exists()


@pytest.mark.parametrize("query", ["q=parcel", "q=parcel&as=words", "q=parcel&ended=completed"])
def test_a_shared_view_brings_no_words_to_those_who_may_not_read_them(
    account: Account, staff: Person, query: str
) -> None:
    a_transcript(a_recording(account), text="your parcel is here", status="completed")
    admin = staff("view_recording", "change_account", "read_transcription", accounts=[account])
    member = staff("view_recording", accounts=[account])
    save(admin, "Lost goods", query, account=account.pk)

    assert "q=parcel" in tabs(admin)["Lost goods"].url
    tab = tabs(member)["Lost goods"]
    assert "parcel" not in tab.url
    assert b"parcel" not in member.get(LIST).content
    assert tabs(admin)["Lost goods"].count == ""


def test_a_view_is_renamed_and_deleted_by_its_owner_after_a_question(account: Account, staff: Person) -> None:
    mine, other = (staff("view_recording", "change_account", accounts=[account]) for _n in range(2))
    save(mine, "Short", "length=10s", account=account.pk)
    view = SavedView.objects.get()
    for verb in ({"do": "rename", "name": "Stolen"}, {"do": "delete", "sure": "1"}):
        other.post(VIEWS, {"view": view.pk, **verb})
    view.refresh_from_db()
    assert view.name == "Short"

    mine.post(VIEWS, {"view": view.pk, "do": "rename", "name": "Brief"})
    asked = mine.post(VIEWS, {"view": view.pk, "do": "delete"})

    assert "Brief" in asked.content.decode()
    assert SavedView.objects.get().name == "Brief"
    assert mine.post(VIEWS, {"view": view.pk, "do": "delete", "sure": "1"}).status_code == 302
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("name", "query"), [("", "length=10s"), ("Nothing", ""), ("Place", "after=1.2"), ("x" * 61, "a=1")]
)
def test_a_view_without_name_or_filter_is_refused(
    account: Account, boss: Client, name: str, query: str
) -> None:
    assert save(boss, name, query) == 200
    assert not SavedView.objects.exists()
