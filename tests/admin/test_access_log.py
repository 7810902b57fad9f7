"""The access log: who heard what, found by person, by recording and by date, and changed by nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from freezegun import freeze_time

from recordings.admin import reader
from recordings.choices import AccessAction, AccessResult
from recordings.models import AccessEvent, Account
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_recording, a_transcript, an_access

URL = "/admin/recordings/accessevent/"


def listed(client: Client, query: str = "") -> list[Any]:
    return list(client.get(f"{URL}{query}").context["cl"].result_list)


def page(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_line_says_who_did_what_with_which_recording_when_from_where_and_how_it_ended(
    account: Account, boss: Client
) -> None:
    recording = a_recording(account, recording_id="rec-heard")
    an_access(account, recording, username="asha", action="download", result="refused", roles="Viewer")

    said = page(boss, URL)

    for words in ("asha", "Download", "× Refused", "rec-heard", account.auth_id, "192.0.2.7", "Viewer"):
        assert words in said


def test_it_is_found_by_person_by_recording_by_account_and_by_what_was_done(
    account: Account, subaccount: Account, boss: Client
) -> None:
    heard, other = a_recording(account), a_recording(subaccount)
    first = an_access(account, heard, user_pk=41, username="asha")
    second = an_access(account, heard, user_pk=42, username="ravi", action="transcript")
    third = an_access(subaccount, other, user_pk=42, username="ravi", result="refused")

    assert listed(boss, "?user=42") == [third, second]
    assert listed(boss, f"?recording={heard.pk}") == [second, first]
    assert listed(boss, f"?account={subaccount.pk}") == [third]
    assert listed(boss, "?action__exact=transcript") == [second]
    assert listed(boss, "?result__exact=refused") == [third]
    assert "ravi" in page(boss, f"{URL}?user=42")


@pytest.mark.parametrize("query", ["?user=x", "?recording=-1", "?account=x", "?user=" + "9" * 40])
def test_what_is_no_number_finds_nothing(account: Account, boss: Client, query: str) -> None:
    an_access(account)

    assert listed(boss, query) == []


def test_it_is_found_by_date(account: Account, boss: Client) -> None:
    today = an_access(account)
    an_access(account, at=timezone.now() - timedelta(days=40))

    assert listed(boss, "?date=30") == [today]


def test_a_search_finds_people_by_their_name_now_and_then_and_recordings_by_their_id(
    account: Account, boss: Client
) -> None:
    renamed = User.objects.create_user("asha-new", is_staff=True)
    recording = a_recording(account, recording_id="rec-0123456789")
    event = an_access(account, recording, user_pk=renamed.pk, username="asha-old")
    an_access(account, username="somebody")

    for term in ("asha-old", "asha-n", "rec-0123456789", "rec-01"):
        assert listed(boss, f"?q={term}") == [event], term
    assert listed(boss, "?q=nobody-of-that-name") == []


def test_what_was_heard_of_a_row_that_became_part_of_another_is_found_by_the_other(
    account: Account, boss: Client
) -> None:
    recording = a_recording(account, recording_id="rec-merged")
    event = an_access(account, None, recording_pk=987_654, recording_id="rec-merged")

    assert listed(boss, f"?recording={recording.pk}") == [event]
    assert "A-listener" in page(
        boss, f"/admin/recordings/recording/{recording.pk}/change/?tab=heard"
    ).replace("a-listener", "A-listener")


def test_the_page_of_an_event_leads_to_the_recording_while_it_is_there_and_theirs(
    account: Account, staff: Person
) -> None:
    recording = a_recording(account)
    there, gone = an_access(account, recording), an_access(account, None, recording_pk=987_654, detail="why")
    client = staff("view_accessevent", "view_recording", accounts=[account])

    assert f'href="/admin/recordings/recording/{recording.pk}/change/"' in page(
        client, f"{URL}{there.pk}/change/"
    )
    said = page(client, f"{URL}{gone.pk}/change/")
    assert "/recording/987654/" not in said
    assert "it was removed" in said
    assert "why" in said


def test_who_listened_stands_on_the_recordings_page_for_those_who_may_see_the_log(
    account: Account, staff: Person
) -> None:
    recording = a_recording(account)
    event = an_access(account, recording, username="asha")
    url = f"/admin/recordings/recording/{recording.pk}/change/?tab=heard"
    auditor = staff("view_accessevent", "view_recording", accounts=[account])

    assert f'href="{URL}{event.pk}/change/">Played' in page(auditor, url)
    assert "asha" in page(auditor, url)
    assert "asha" not in page(staff("view_recording", accounts=[account]), url)


def test_events_about_no_account_are_a_superusers(account: Account, staff: Person, boss: Client) -> None:
    event = an_access(account, account_auth_id=None, action="export")

    assert listed(boss) == [event]
    assert page(boss, URL).count("portal-none") == 2  # no recording and no account, which a phone leaves out
    assert listed(staff("view_accessevent", accounts=[account])) == []


def test_an_empty_log_says_how_it_fills(account: Account, boss: Client) -> None:
    assert "No entries yet" in page(boss, URL)


def test_every_action_and_result_has_its_word_and_shape(account: Account, boss: Client) -> None:
    for action in AccessAction:
        for result in AccessResult:
            an_access(account, action=action, result=result)

    said = page(boss, URL)

    for shaped in ("✓ Done", "× Refused", "! Not available"):
        assert shaped in said
    assert AccessEvent.objects.count() == len(AccessAction) * len(AccessResult)


@pytest.mark.parametrize(
    ("action", "detail", "words"),
    [
        ("sign_in", "password, totp", ["Login", "password, authenticator app"]),
        ("sign_in", "ended 2 other sessions", ["Login", "ended 2 other sessions"]),
        ("factor", "added webauthn", ["Password or second factor", "added passkey"]),
        ("factor", "reset of user {asha}", ["Password or second factor", "reset of user asha"]),
        (
            "person",
            "user {asha}: created a sign-in link",
            ["Person or role", "user asha: created a login link"],
        ),
        ("person", "user {asha}: changed is_active=False", ["Person or role", "user asha: now inactive"]),
        ("person", "user 987654: deleted", ["Person or role", "user 987654: deleted"]),
        ("export", "user 1 of totp", ["Export", "user 1 of totp"]),
    ],
)
def test_a_row_says_what_exactly_was_done_and_with_whom(
    boss: Client, account: Account, action: str, detail: str, words: list[str]
) -> None:
    asha = User.objects.create_user("asha")
    event = an_access(account, action=action, detail=detail.format(asha=asha.pk))

    for url in (URL, f"{URL}{event.pk}/change/"):
        said = page(boss, url)
        assert all(one in said for one in words)


def test_refusals_of_one_person_are_logged_up_to_a_number_an_hour_and_the_others_counted(
    account: Account, subaccount: Account, staff: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "REFUSALS_AN_HOUR", 3)
    hour = timezone.now().replace(minute=0, second=0) + timedelta(hours=1)
    recording = a_recording(account)
    refused = staff("view_recording", accounts=[account])
    other = staff("view_recording", accounts=[account])
    play = f"/admin/recordings/recording/{recording.pk}/play/"
    with freeze_time(hour - timedelta(minutes=30)):
        for _again in range(5):
            assert refused.get(play).status_code == 403
        assert other.get(play).status_code == 403  # has a budget of their own
    said = list(AccessEvent.objects.order_by("pk").values_list("detail", flat=True))
    assert len(said) == 4
    assert ["not logged" in (words or "") for words in said] == [False, False, True, False]
    with freeze_time(hour + timedelta(seconds=1)):
        assert refused.get(play).status_code == 403
    assert "2 more" in str(AccessEvent.objects.latest("pk").detail)


def test_what_was_heard_is_logged_however_often_something_was_refused(
    account: Account, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "REFUSALS_AN_HOUR", 1)
    gone = a_recording(account, gone_at_provider_at=timezone.now())
    for _again in range(3):
        boss.get(f"/admin/recordings/recording/{gone.pk}/download/")
    assert AccessEvent.objects.filter(result=AccessResult.FAILED).count() == 1
    a_transcript(gone)
    boss.post(f"/admin/recordings/recording/{gone.pk}/transcript/")
    assert AccessEvent.objects.filter(result=AccessResult.OK).count() == 1


def test_the_log_says_which_call_was_heard_to_those_who_see_it(
    account: Account, stranger: Account, boss: Client, staff: Person
) -> None:
    call = a_call(account, from_number="+919862742851", to_number="+919624705678")
    an_access(account, a_recording(account, call=call))
    # an event of this account whose recording belongs to another by now
    an_access(account, a_recording(stranger, call=a_call(stranger, from_number="+919624711111")))

    seen = boss.get(URL).content.decode()
    limited = staff("view_accessevent", accounts=[account]).get(URL).content.decode()

    assert "+91 98627 42851" in seen
    assert "+91 98627 42851" in limited
    assert "96247 11111" not in limited
