"""Callback events: what came, whether it is believed, and doing again what failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from recordings import overview
from recordings.admin.callback_events import MOST_AT_ONCE
from recordings.callbacks.endpoints import digest_of
from recordings.choices import EventOutcome
from recordings.models import AccessEvent, Account, CallbackEvent, Recording
from recordings.vobiz.signature import signed_headers
from tests.admin.conftest import Person
from tests.admin.rows import a_recording, an_event
from tests.conftest import MAIN, TOKENS

LIST = "/admin/recordings/callbackevent/"


def page_of(event: CallbackEvent) -> str:
    return reverse("admin:recordings_callbackevent_change", args=[event.pk])


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def waiting(account: Account, recording: Recording, **columns: Any) -> CallbackEvent:
    """Signed, and left over from a failure."""
    fields = {"recording_id": recording.recording_id, "recording_duration": "10"}
    return an_event(
        account, **{"outcome": "failed", "error": "the database was away", "payload": fields, **columns}
    )


def refused(account: Account, base: str, **columns: Any) -> CallbackEvent:
    """Signed by Vobiz for another address than the portal expects."""
    headers = signed_headers(
        base,
        token=TOKENS[MAIN],
        parent_token=None,
        nonce_v2="05429567804466091622",
        nonce_v3="1180672345678901",
    )
    return an_event(
        account, outcome="refused", trust="refused", scheme="none", nonces=[], signature_headers=[headers],
        key_digest=digest_of(account.callback_key), hosts=["portal.example.com"],
        expected_base="http://127.0.0.1:8000/callbacks/account/…/", **columns,
    )  # fmt: skip


def test_an_event_is_processed_again_and_logged(account: Account, staff: Person) -> None:
    event = waiting(account, a_recording(account))
    client = staff("view_callbackevent", "process_callbackevent", accounts=[account])
    assert "Process again" in client.get(page_of(event)).content.decode()

    answer = client.post(reverse("admin:recordings_callbackevent_process", args=[event.pk]), follow=True)

    event.refresh_from_db()
    assert event.outcome == EventOutcome.APPLIED
    assert "Processed again: applied. The recording was updated." in said(answer)
    assert LogEntry.objects.get().get_change_message() == "Processed it again: applied"
    assert "Process again" not in client.get(page_of(event)).content.decode()


def test_a_selection_is_processed_again_and_each_outcome_counted(account: Account, staff: Person) -> None:
    good = waiting(account, a_recording(account))
    still = an_event(account, outcome="failed", payload={"recording_duration": "10"})
    client = staff("view_callbackevent", "process_callbackevent", accounts=[account])

    chosen = {"action": "process_selected", "_selected_action": [good.pk, still.pk]}
    answer = client.post(LIST, chosen, follow=True)

    good.refresh_from_db()
    assert good.outcome == EventOutcome.APPLIED
    assert "2 callbacks processed again:" in said(answer)
    assert "1 applied" in said(answer)
    assert "1 unknown format" in said(answer)
    assert LogEntry.objects.filter(change_message="Processed it again.").count() == 2


def test_the_action_is_not_there_for_those_who_may_only_look(account: Account, staff: Person) -> None:
    event = waiting(account, a_recording(account))
    client = staff("view_callbackevent", accounts=[account])

    assert "process_selected" not in client.get(LIST).content.decode()
    client.post(LIST, {"action": "process_selected", "_selected_action": [event.pk]})

    event.refresh_from_db()
    assert event.outcome == EventOutcome.FAILED
    assert not LogEntry.objects.exists()


def test_the_action_does_not_reach_a_foreign_accounts_events(
    account: Account, stranger: Account, staff: Person
) -> None:
    foreign = waiting(stranger, a_recording(stranger))
    mine = an_event(account)
    client = staff("view_callbackevent", "process_callbackevent", accounts=[account])

    client.post(LIST, {"action": "process_selected", "_selected_action": [foreign.pk, mine.pk]})
    everything = {"action": "process_selected", "_selected_action": [mine.pk], "select_across": "1"}
    client.post(LIST, everything)

    foreign.refresh_from_db()
    assert foreign.outcome == EventOutcome.FAILED
    assert not LogEntry.objects.filter(object_id=str(foreign.pk)).exists()


def test_no_more_than_a_bounded_number_are_processed_at_once(account: Account, boss: Client) -> None:
    first = an_event(account, outcome="failed")
    values = {field.attname: getattr(first, field.attname) for field in first._meta.concrete_fields}
    CallbackEvent.objects.bulk_create(
        CallbackEvent(**{**values, "id": None, "content_digest": f"{number:064d}"})
        for number in range(MOST_AT_ONCE)
    )

    everything = {"action": "process_selected", "_selected_action": [first.pk], "select_across": "1"}
    answer = boss.post(LIST, everything, follow=True)

    assert "Nothing was processed: at most 200 callbacks at once." in said(answer)
    assert not LogEntry.objects.exists()


def test_a_refused_one_shows_both_addresses_with_the_first_difference_marked(
    account: Account, boss: Client
) -> None:
    path = f"/callbacks/account/{account.callback_key}/"
    event = refused(account, f"https://portal.example.com{path}")

    page = boss.get(page_of(event)).content.decode()

    assert "Vobiz was given another address than PORTAL_URL makes" in page
    assert "http<mark>://127.0.0.1:8000/callbacks/account/…/</mark>" in page
    assert "http<mark>s://portal.example.com/callbacks/account/…/</mark>" in page
    assert account.callback_key not in page


@pytest.mark.parametrize(
    ("trust", "reason"),
    [
        ("refused", "The signature is valid for none of the addresses tried"),
        ("unsigned", "This callback has no signature."),
    ],
)
def test_why_one_was_rejected_is_said_once_also_after_processing_it_again(
    account: Account, boss: Client, trust: str, reason: str
) -> None:
    Account.objects.update(require_signed=True)
    digest = digest_of(account.callback_key)
    event = an_event(account, outcome="refused", error="the words stored", key_digest=digest, trust=trust)

    answer = boss.post(reverse("admin:recordings_callbackevent_process", args=[event.pk]), follow=True)

    page = answer.content.decode()
    event.refresh_from_db()
    assert event.outcome == "refused"
    assert said(answer) == "Processed again: rejected. No data was changed."
    assert page.count(reason) == 1
    for again in (
        "the words stored",
        event.error or "the words stored",
        "signature matches no",
        "anyone who knows",
        "does not match",
    ):
        assert again.lower() not in page.lower(), again


@pytest.mark.parametrize("outcome", ["unparsed", "received", "refused"])
def test_one_that_cannot_be_read_stays_what_it_is_when_it_is_processed_again(
    account: Account, boss: Client, outcome: str
) -> None:
    event = an_event(account, outcome=outcome, payload=["+918071387423"], signature_headers=5)
    chosen = {"action": "process_selected", "_selected_action": [event.pk]}
    page = reverse("admin:recordings_callbackevent_process", args=[event.pk])
    for url, fields in ((page, {}), ("/admin/recordings/callbackevent/", chosen)):
        assert boss.post(url, fields).status_code == 302
    event.refresh_from_db()
    assert event.outcome == outcome


def test_a_refused_one_that_verifies_by_now_says_so(account: Account, boss: Client) -> None:
    event = refused(account, f"http://127.0.0.1:8000/callbacks/account/{account.callback_key}/")

    assert (
        "The signature is valid now: process the callback again." in boss.get(page_of(event)).content.decode()
    )
    boss.post(reverse("admin:recordings_callbackevent_process", args=[event.pk]))

    event.refresh_from_db()
    assert event.trust == "signed"


def test_its_page_shows_fields_trust_scheme_nonces_and_deliveries(account: Account, boss: Client) -> None:
    recording = a_recording(account)
    event = an_event(
        account,
        recording,
        deliveries=4,
        payload={"recording_id": "abc", "record_url": "https://media.vobiz.ai/x.mp3"},
    )

    page = boss.get(page_of(event)).content.decode()

    for expected in (
        "✓ Signed", "V2", "05429567804466091622", "the same content again has no second effect",
        "https://media.vobiz.ai/x.mp3", str(recording.recording_id),
    ):  # fmt: skip
        assert expected in page
    assert 'href="https://media.vobiz.ai' not in page


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("recording", "Callback about a recording"),
        ("transcription", "Callback about a transcript"),
        ("other", "Callback about something else"),
    ],
)
def test_a_callback_says_what_it_is_about_on_its_page_and_in_its_recordings_history(
    account: Account, boss: Client, kind: str, title: str
) -> None:
    recording = a_recording(account)
    event = an_event(account, recording, kind=kind)
    of_recording = reverse("admin:recordings_recording_change", args=[recording.pk])
    of_recording += "?tab=timeline"

    for url in (page_of(event), of_recording):
        assert f">{title}</" in boss.get(url).content.decode()
    assert "The recording was updated." in boss.get(page_of(event)).content.decode()


def test_a_callback_that_names_nothing_of_ours_is_not_said_to_have_had_an_effect(
    account: Account, boss: Client
) -> None:
    Account.objects.filter(pk=account.pk).update(require_signed=False)
    Client().post(f"/callbacks/account/{account.callback_key}/", {"foo": "bar"})
    event = CallbackEvent.objects.get()
    assert event.outcome == EventOutcome.APPLIED

    page = boss.get(page_of(event)).content.decode()

    assert "This callback is about no recording." in page
    assert "The recording was updated." not in page


def test_what_was_said_is_shown_by_a_click_and_not_to_those_who_may_not_read_transcripts(
    account: Account, staff: Person
) -> None:
    secret = "my card number is 4111 and so on"
    fields = {
        "transcription": secret, "Transcription_Text": f"{secret} {secret} {secret} {secret}", "from": "+918071387423",
        "transcription_charge": "0.006",
    }  # fmt: skip
    event = an_event(account, kind="transcription", payload=fields)
    unread = an_event(
        account, outcome="unparsed", payload={}, raw_body=f"<x>{secret}</x>".encode(), raw_form={}
    )
    without = staff("view_callbackevent", accounts=[account])
    listener = staff("view_callbackevent", "read_transcription", accounts=[account])

    for shown in (event, unread):
        hidden = without.get(page_of(shown)).content.decode()
        assert secret not in hidden
        assert "you do not have the permission to read transcripts" in hidden
        closed = listener.get(page_of(shown)).content.decode()
        assert secret not in closed
        assert "hidden until you open it" in closed
        words = reverse("admin:recordings_callbackevent_words", args=[shown.pk])
        assert words in closed
        assert words not in hidden
        assert secret in listener.post(words).content.decode()
        assert without.post(words).status_code == 403
    assert "+918071387423" in without.get(page_of(event)).content.decode()
    assert "0.006" in without.get(page_of(event)).content.decode()
    assert secret not in without.get(LIST).content.decode()
    noted = AccessEvent.objects.order_by("pk").values_list("result", "account_auth_id", "recording_pk")
    assert list(noted) == [("ok", account.auth_id, None), ("refused", account.auth_id, None)] * 2


def test_what_was_said_in_a_recording_that_is_not_ones_own_stays_closed(
    account: Account, subaccount: Account, staff: Person
) -> None:
    secret = {"transcription": "my card number is 4111"}
    event = an_event(account, a_recording(subaccount), kind="transcription", payload=secret)
    listener = staff("view_callbackevent", "read_transcription", accounts=[account])
    words = reverse("admin:recordings_callbackevent_words", args=[event.pk])

    closed = listener.get(page_of(event)).content.decode()

    assert "4111" not in closed
    assert words not in closed
    assert listener.post(words).status_code == 403
    assert AccessEvent.objects.get().result == "refused"


def test_what_will_have_no_effect_is_seen_by_somebody_and_leaves_the_overview(
    account: Account, staff: Person
) -> None:
    event = an_event(account, outcome="conflict", error="It names recording r9; this one is r1.")
    client = staff("view_callbackevent", "process_callbackevent", accounts=[account])
    seen = reverse("admin:recordings_callbackevent_seen", args=[event.pk])
    assert [line.button.url for line in client.get("/admin/").context["overview"]["lines"]] == [
        page_of(event)
    ]
    assert seen in client.get(page_of(event)).content.decode()

    answer = client.post(seen, follow=True)

    page = answer.content.decode()
    assert said(answer) == "1 callback marked as reviewed."
    assert f"Reviewed by {CallbackEvent.objects.get().seen_by}" in page
    assert seen not in page
    assert "Process again" in page
    assert LogEntry.objects.get().get_change_message() == "Marked as reviewed."
    overview = client.get("/admin/").context["overview"]
    assert overview["lines"] == []
    assert client.get(f"{LIST}?effect=none").context["cl"].result_count == 0
    assert client.get(f"{LIST}?outcome__exact=conflict").context["cl"].result_count == 1


def test_of_a_selection_only_what_will_have_no_effect_by_itself_is_marked_as_seen(
    account: Account, stranger: Account, staff: Person
) -> None:
    outcomes = ("failed", "refused", "conflict", "unparsed", "unmatched", "received", "applied")
    events = [an_event(account, outcome=outcome) for outcome in outcomes]
    foreign = an_event(stranger, outcome="conflict")
    client = staff("view_callbackevent", "process_callbackevent", accounts=[account])
    chosen = {"action": "mark_seen", "_selected_action": [event.pk for event in (*events, foreign)]}

    answer = client.post(LIST, chosen, follow=True)
    again = client.post(LIST, chosen, follow=True)

    marked = CallbackEvent.objects.filter(seen_at__isnull=False).values_list("outcome", flat=True)
    assert sorted(marked) == ["conflict", "failed", "refused", "unparsed"]
    assert said(answer) == "4 callbacks marked as reviewed. 3 needed no review."
    assert said(again) == "None of the selected callbacks needs a review."
    assert LogEntry.objects.count() == 4


@pytest.mark.parametrize("unasked", [{"is_active": False}, {"encrypted_token": None}])
def test_an_unmatched_one_that_nobody_will_ask_vobiz_about_can_be_closed(
    account: Account, staff: Person, unasked: dict[str, Any]
) -> None:
    events = [an_event(account, outcome="unmatched") for _ in range(2)]
    client = staff("view_callbackevent", "process_callbackevent", accounts=[account])
    seen = reverse("admin:recordings_callbackevent_seen", args=[events[0].pk])
    page = client.get(page_of(events[0])).content.decode()
    assert seen not in page
    assert "The next sync reads it and applies" in page
    Account.objects.filter(pk=account.pk).update(**unasked)
    page = client.get(page_of(events[0])).content.decode()
    assert seen in page
    assert "cannot ask Vobiz" in page

    assert said(client.post(seen, follow=True)) == "1 callback marked as reviewed."
    chosen = {"action": "mark_seen", "_selected_action": [event.pk for event in events]}
    mixed = "1 callback marked as reviewed. 1 needed no review."
    assert said(client.post(LIST, chosen, follow=True)) == mixed

    assert not overview.callback_troubles(client.get("/admin/").wsgi_request.user)
    client.post(reverse("admin:recordings_callbackevent_process", args=[events[0].pk]))
    events[0].refresh_from_db()
    assert (events[0].outcome, events[0].seen_at is None) == ("unmatched", False)


def test_a_selection_is_marked_as_seen_without_reading_what_was_delivered(
    account: Account, boss: Client
) -> None:
    event = an_event(account, outcome="unparsed", raw_body=b"megabytes")

    with CaptureQueriesContext(connection) as asked:
        boss.post(LIST, {"action": "mark_seen", "_selected_action": [event.pk]})

    assert CallbackEvent.objects.get().seen_at is not None
    assert [
        query["sql"] for query in asked if "raw_body" in query["sql"] or '"payload"' in query["sql"]
    ] == []


def test_what_was_seen_and_fails_anew_is_news_again(account: Account, staff: Person) -> None:
    event = an_event(account, outcome="failed", payload={"recording_duration": "10"})
    client = staff("view_callbackevent", "process_callbackevent", accounts=[account])
    client.post(reverse("admin:recordings_callbackevent_seen", args=[event.pk]))

    client.post(reverse("admin:recordings_callbackevent_process", args=[event.pk]))

    event.refresh_from_db()
    assert (event.outcome, event.seen_at, event.seen_by) == ("unparsed", None, None)


def test_the_list_finds_events_by_the_recordings_number(account: Account, boss: Client) -> None:
    event = an_event(account, a_recording(account))
    an_event(account)

    assert list(boss.get(f"{LIST}?q=96247 05678").context["cl"].result_list) == [event]


def test_above_the_list_stands_what_was_rejected_with_its_cure(account: Account, boss: Client) -> None:
    assert not boss.get(LIST).context["rejected"]
    for _n in range(2):
        an_event(account, outcome="refused", trust="refused")

    page = boss.get(LIST)

    (one,) = page.context["rejected"]
    assert (one.account, one.count.n, one.is_unsigned) == (account, 2, False)
    text = page.content.decode()
    assert f'href="{reverse("admin:recordings_account_change", args=[account.pk])}#id_token"' in text
    assert f'action="{reverse("admin:recordings_account_process_refused", args=[account.pk])}"' in text


def test_every_page_gives_one_cause_and_the_cure_where_the_account_has_no_token(
    account: Account, boss: Client
) -> None:
    Account.objects.filter(pk=account.pk).update(encrypted_token=None)
    event = an_event(account, outcome="refused", trust="refused")
    cure = f'href="{reverse("admin:recordings_account_change", args=[account.pk])}#id_token"'
    again = reverse("admin:recordings_account_process_refused", args=[account.pk])
    one = reverse("admin:recordings_callbackevent_process", args=[event.pk])

    listed = boss.get(LIST).content.decode()
    page = boss.get(reverse("admin:recordings_callbackevent_change", args=[event.pk])).content.decode()
    overview = boss.get("/admin/").content.decode()

    for said in (listed, page, overview):
        assert "o token is stored, so no signature can be verified" in said
        assert cure in said
        assert "changed at Vobiz" not in said
        assert "addresses below" not in said
    assert again not in listed
    assert one not in overview


def test_only_those_who_may_process_a_callback_see_the_button_in_its_row(
    account: Account, staff: Person
) -> None:
    event = an_event(account, outcome="failed")
    done = an_event(account)
    address = f'formaction="{reverse("admin:recordings_callbackevent_process", args=[event.pk])}"'
    may = staff("view_callbackevent", "process_callbackevent", accounts=[account])
    looks = staff("view_callbackevent", accounts=[account])

    assert address in may.get(LIST).content.decode()
    assert f"{done.pk}/process/" not in may.get(LIST).content.decode()
    assert "formaction" not in looks.get(LIST).content.decode()


def test_the_list_counts_each_outcome_of_what_is_filtered_and_stands_under_its_days(
    account: Account, boss: Client
) -> None:
    today = timezone.now()
    for outcome in ("applied", "applied", "refused"):
        an_event(account, outcome=outcome, received_at=today)
    an_event(account, outcome="unmatched", received_at=today - timedelta(days=1))

    def totals(query: str = "") -> str:
        page = boss.get(LIST + query).content.decode()
        return strip_tags(page.partition('<p class="vp-totals">')[2].partition("</p>")[0])

    assert totals() == "4 callbacks2 applied1 no matching recording1 rejected"
    assert totals("?outcome__exact=refused") == "1 callback1 rejected"
    page = boss.get(LIST).content.decode()
    assert page.index("Today<span>3 callbacks</span>") < page.index("Yesterday<span>1 callback</span>")
