"""The search box of the lists: how it was read, who may search words, and what the access log says of it."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from recordings.models import AccessEvent, Account, Recording, Transcription
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_recording

RECORDINGS = reverse("admin:recordings_recording_changelist")
SPOKEN = "Where is my parcel? It was lost on the way."


@pytest.fixture
def recording(account: Account) -> Recording:
    recording = a_recording(
        account, call=a_call(account, from_number="+918071387423", to_number="+14155550132")
    )
    Transcription.objects.create(recording=recording, status="completed", text=SPOKEN)
    a_recording(account, call=a_call(account, from_number="+912261234567", to_number="+917992231329"))
    return recording


@pytest.mark.parametrize("typed", ["+91 80713 87423", "08071387423", "387423", "०८०७१३८७४२३"])
def test_a_number_in_any_spelling_finds_the_recording(recording: Recording, boss: Client, typed: str) -> None:
    answer = boss.get(RECORDINGS, {"q": typed})
    assert list(answer.context["cl"].result_list) == [recording]
    assert "Phone number" in answer.content.decode()


def test_words_are_found_marked_and_logged_once(recording: Recording, boss: Client) -> None:
    answer = boss.get(RECORDINGS, {"q": '"my parcel" lost'})
    assert list(answer.context["cl"].result_list) == [recording]
    page = answer.content.decode()
    assert page.count("<mark>") == 3
    event = AccessEvent.objects.get()
    assert (event.action, event.account_auth_id) == ("transcript", recording.account.auth_id)
    assert "1" in (event.detail or "")


def test_the_other_readings_are_one_click_away(recording: Recording, boss: Client) -> None:
    page = boss.get(RECORDINGS, {"q": "387423"}).content.decode()
    assert "as=words" in page
    answer = boss.get(RECORDINGS, {"q": "387423", "as": "words"})
    assert list(answer.context["cl"].result_list) == []


def test_a_city_is_offered_as_the_area_of_its_numbers(recording: Recording, boss: Client) -> None:
    answer = boss.get(RECORDINGS, {"q": "bangalore"})
    assert list(answer.context["cl"].result_list) == [recording]
    assert "Searched as: Numbers from Bengaluru." in answer.content.decode()
    said = a_recording(recording.account, call=a_call(recording.account, from_number="+14155550199"))
    Transcription.objects.create(recording=said, status="completed", text="I live in Bangalore.")

    answer = boss.get(RECORDINGS, {"q": "bangalore"})

    assert list(answer.context["cl"].result_list) == [said]
    assert re.search(
        r'<a href="\?q=bangalore&amp;as=area">Numbers from Bengaluru</a>', answer.content.decode()
    )
    answer = boss.get(RECORDINGS, {"q": "bangalore", "as": "area"})
    assert list(answer.context["cl"].result_list) == [recording]


@pytest.mark.parametrize("wanted", ["", "words"])
def test_words_are_not_searched_for_who_may_not_read_transcripts(
    recording: Recording, staff: Person, wanted: str
) -> None:
    viewer = staff("view_recording", accounts=[recording.account])
    answer = viewer.get(RECORDINGS, {"q": "parcel", "as": wanted}, follow=True)
    assert list(answer.context["cl"].result_list) == []
    page = answer.content.decode()
    assert "<mark>" not in page
    assert "Words in transcripts" not in page
    assert not AccessEvent.objects.exists()


def test_words_of_a_foreign_account_are_not_found(
    recording: Recording, staff: Person, subaccount: Account
) -> None:
    listener = staff("view_recording", "read_transcription", accounts=[recording.account])
    foreign = a_recording(subaccount)
    Transcription.objects.create(recording=foreign, status="completed", text="zebra")
    answer = listener.get(RECORDINGS, {"q": "zebra"})
    assert list(answer.context["cl"].result_list) == []
    assert list(listener.get(RECORDINGS, {"q": "parcel"}).context["cl"].result_list) == [recording]
