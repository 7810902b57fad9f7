"""What every list asks the database for each of its filters, sorts and searches, and by which index that is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.admin import site
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone

from recordings.admin import list_page, shell
from recordings.bulk_insert import insert_rows
from recordings.models import AccessEvent, Account, Call, CallbackEvent, Recording, SyncRun, Transcription
from recordings.models.account import remember_accounts
from recordings.seeding import seed_library

LISTED = (Recording, Call, Transcription, CallbackEvent, SyncRun, AccessEvent)
MODELS = {str(model._meta.model_name): model for model in LISTED}
HISTORIES = 600  # callbacks, accesses and syncs
FEW = 4  # rows that meet each of the filters in RARE
# What is asked for, the columns of a row that meets it, and the index that finds it.
RARE: list[tuple[dict[str, str], dict[str, Any], str]] = [
    ({"kept": "gone"}, {"gone_at_provider_at": timezone.now()}, "recording_gone"),
    ({"true_format": "ogg"}, {"container": "ogg"}, "recording_by_true_format"),
    ({"codec": "pcm_mulaw"}, {"audio_codec": "pcm_mulaw"}, "recording_by_codec"),
    ({"kind": "conference"}, {"kind": "conference"}, "recording_of_other_kind"),
    ({"sound": "one_sided"}, {"one_side_silent": True}, "recording_one_sided"),
    ({"sound": "silent"}, {"is_silent": True}, "recording_silent"),
    ({"sound": "clipped"}, {"clipped_ms": 100}, "recording_clipped"),
    ({"sound": "long_silence"}, {"longest_silence_ms": 60_000}, "recording_long_silence"),
    ({"talk": "caller"}, {"talk_left_ms": 80, "talk_right_ms": 20}, "recording_caller_talks"),
    ({"talk": "callee"}, {"talk_left_ms": 20, "talk_right_ms": 80}, "recording_callee_talks"),
    ({"talk": "balanced"}, {"talk_left_ms": 40, "talk_right_ms": 60}, "recording_both_talk"),
    ({"format": "wav"}, {"file_format": "wav"}, "recording_of_other_format"),
    ({"origin__exact": "callback"}, {"origin": "callback"}, "recording_of_other_origin"),
    ({"status__exact": "failed"}, {"status": "failed"}, "recording_of_other_status"),
    ({"attention": "yes"}, {"needs_attention": "cut_by_vobiz"}, "recording_for_a_person"),
]
NUMBERS, CONFERENCES, UUIDS = (
    "recordings_search_numbers",
    "recordings_search_conferences",
    "call_by_uuid|_uuid",
)
FOUND = f"{NUMBERS}|json_each"  # few hits are read from the index once, and stand in the page as numbers
WORDS, IDS = "SCAN w VIRTUAL|recordings_search_words", "autoindex_recordings_recording_1|recording_id.*_like"
LENGTHS, NOT_APPLIED = "recording_by_length", "callbackevent_not_applied"
NOT_COMPLETE = "syncrun_not_complete"
NOT_ARCHIVED = "recording_not_archived|recording_leaving"  # or that of an account


@dataclass(frozen=True, slots=True)
class Case:
    """One page: `index` names the indexes of which one must be read, as a pattern; empty: the list's newest first.

    `has_none`: no index serves this filter, or one on another table does, so PostgreSQL may read the list's table where
    it expects few rows.
    """

    name: str
    query: dict[str, str]
    index: str = ""
    has_none: bool = False


def _cases(name: str, **values: str | tuple[str, ...]) -> list[Case]:
    return [
        Case(name, {parameter: value})
        for parameter, several in values.items()
        for value in ([several] if isinstance(several, str) else several)
    ]


TABLE_ORDER: list[dict[str, str]] = [{}, {"status__exact": "completed"}, {"trust__exact": "signed"}]
DATES = "recording_newest|call_newest|callbackevent_newest|syncrun_newest|accessevent_newest|accessevent_of_account"
CASES = [
    *(Case(name, {}) for name in MODELS if name != "transcription"),
    *(Case("transcription", query, "TABLE|transcription_newest") for query in TABLE_ORDER),
    *(Case(name, {"date": "7"}, DATES) for name in MODELS),
    *_cases("recording", day="2026-11-20", kept=("not_yet",), format="mp3", ended="completed", starter="flow",
            hours="morning", time_from="10:00", caller_area="080", area="080", account="1", origin__exact="sync",
            status__exact="completed", noise="5", o="time", transcript=("none",)),
    *(Case("recording", query, index) for query, _columns, index in RARE),
    *(Case("recording", {"length": step}, f"{LENGTHS}|recording_newest") for step in ("10s", "long")),
    *(
        Case("recording", {name: text}, f"{LENGTHS}|recording_newest")
        for name in ("min_length", "max_length")
        for text in ("1 s", "10", "600")
    ),
    *(Case("recording", {"o": name}, LENGTHS) for name in ("length", "-length")),
    Case("recording", {"ended": "cut_at_60"}, f"{LENGTHS}|recording_newest"),
    Case("recording", {"ended": "cut"}, "recording_cut_short|recording_newest"),
    Case("recording", {"ended": "failed"}, "recording_of_other_status"),
    Case("recording", {"call__direction__exact": "inbound"}, "call_by_direction|recording_newest"),
    Case("recording", {"kept": "archived"}, "recording_newest_archived|recording_to_inspect|recording_to_verify"),
    Case("recording", {"kept": "at_risk"}, NOT_ARCHIVED),
    Case("recording", {"kept": "due"}, f"{NOT_ARCHIVED}|recordings_recording_account_id"),
    Case("recording", {"kept": "lost"}, f"recording_of_other_origin|{NOT_ARCHIVED}"),
    Case("recording", {"kept": "lost_before"}, f"recording_newest|{NOT_ARCHIVED}"),
    Case("recording", {"left": "3"}, NOT_ARCHIVED),
    Case("recording", {"o": "left"}, NOT_ARCHIVED),
    Case("recording", {"transcript": "there"}, "transcription_newest|recording_newest|SCAN U0"),
    *(Case("recording", {"transcript": one}, "transcription_not_completed") for one in ("failed", "missing")),
    *(Case("recording", {"starter": one}, "recording_started_here") for one in ("portal", "command")),
    Case("recording", {"starter": "1"}, "requested_by_id"),
    Case("recording", {"gap": "unseen"}, "recording_without_callback"),
    Case("recording", {"callback": "missing"}, "recording_with_callback"),
    *(Case("recording", {name: "387423"}, FOUND) for name in ("number", "caller", "callee")),
    Case("recording", {"weekday": "2"}),
    *(Case("recording", {name: "1"}, "recording|transcription", has_none=True) for name in ("min_cost", "min_charge")),
    *_cases("call", account="1", direction__exact="inbound", hours="morning", caller_area="080", area="080"),
    *(Case("call", {name: "387423"}, FOUND) for name in ("number", "caller", "callee")),
    *(Case("call", {"length": step}, f"{LENGTHS}|call_newest", has_none=True) for step in ("10s", "long")),
    *(
        Case("call", {name: text}, f"{LENGTHS}|call_newest", has_none=name == "max_length" and text == "1 s")
        for name in ("min_length", "max_length")
        for text in ("1 s", "10", "600")
    ),
    Case("call", {"weekday": "2"}),
    Case("call", {"state__exact": "live"}, "call_live|call_newest"),
    *_cases("transcription", account="1"),
    Case("transcription", {"status__exact": "failed"}, "transcription_not_completed"),
    *_cases("callbackevent", account="1", outcome__exact="applied", kind__exact="recording"),
    Case("callbackevent", {"outcome__exact": "refused"}, NOT_APPLIED),
    Case("callbackevent", {"effect": "none"}, NOT_APPLIED),
    Case("callbackevent", {"trust__exact": "unsigned"}, "callbackevent_by_trust|callbackevent_newest"),
    Case("callbackevent", {"unsigned": "unexpected"}, "callbackevent_by_trust|callbackevent_newest"),
    *_cases("syncrun", account="1"),
    Case("syncrun", {"state__exact": "complete"}),
    *(Case("syncrun", query, NOT_COMPLETE) for query in ({"state__exact": "failed"}, {"broken": "yes"})),
    *_cases("accessevent", account="1", action__exact="play", result__exact="ok"),
    Case("accessevent", {"user": "7"}, "accessevent_of_user"),
    Case("accessevent", {"recording": "7"}, "accessevent_of_recording"),
    Case("accessevent", {"q": "u7"}, "accessevent_of_username"),
    Case("accessevent", {"q": "9d80c70a"}, "accessevent_of_recording_id"),
]  # fmt: skip
# Searches of each kind: where any of their statements reads the index that finds such words.
SEARCHES = [
    *(Case(name, {"q": "387423", "as": "number"}, NUMBERS) for name in list(MODELS)[:4]),
    *(
        Case(name, {"q": "parcel refund password discount", "as": "words"}, WORDS)
        for name in list(MODELS)[:3]
    ),
    *(Case(name, {"q": "weekly sales", "as": "name"}, CONFERENCES) for name in list(MODELS)[:4]),
    *(
        Case(name, {"q": "9d80c70a", "as": "id"}, index)
        for name in list(MODELS)[:4]
        for index in (UUIDS, IDS)
    ),
]
Statement = tuple[str, Any]


@contextmanager
def _statements() -> Iterator[list[Statement]]:
    """Collect the statements and their parameters that read the tables of the lists meanwhile."""
    found: list[Statement] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT") and "recordings_" in sql:
            found.append((sql, params))
        # what is counted is of no interest, so one row is enough
        return execute(sql.replace("LIMIT 10001)", "LIMIT 1)"), params, many, context)

    with connection.execute_wrapper(note):
        yield found


def asked(user: User, case: Case) -> tuple[list[Statement], list[Statement]]:
    """Return what a page asks for its rows, totals and chips, and for the counts of its tabs and the navigation."""
    model = MODELS[case.name]
    request = RequestFactory().get(f"/admin/recordings/{case.name}/", case.query)
    request.user = User.objects.get(pk=user.pk)
    remember_accounts(request.user)
    with _statements() as of_list:
        cl = site.get_model_admin(model).get_changelist_instance(request)
        list_page.chips(cl)
    if case.query:
        return of_list, []
    with _statements() as of_frame:
        shell.shell(request, cl)
    return of_list, of_frame


def newest_first(user: User, case: Case) -> str:
    """Return the pattern of the index that has the rows of a list in its order: of all, or of one account."""
    if case.name == "accessevent":
        return "accessevent_newest" if user.is_superuser else "accessevent_of_account"
    if user.is_superuser:  # of one account by either, as the planner likes
        return f"{case.name}_newest" if "account" in case.query else f"{case.name}_newest_of_all"
    # the indexes of callbacks and syncs end with a time that few rows share, so SQLite may walk all accounts
    return f"{case.name}_newest" if case.name in {"callbackevent", "syncrun"} else rf"{case.name}_newest\b"


def plan(statement: Statement) -> str:
    """Return how the database would read it, with the parameters bound as they are when it is asked."""
    sql, params = statement
    verb = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{verb} {sql}", params)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def of_page(statements: list[Statement]) -> list[Statement]:
    """Return the statements that read the rows of a page: one, or none where no row can meet what is asked."""
    return [one for one in statements if re.search(r"ORDER BY .* LIMIT 101$", one[0])]


def unbounded(statements: list[Statement]) -> list[str]:
    """Return the statements with an OFFSET, and those that count without an end."""
    counts = re.compile(r"COUNT\((?!DISTINCT)")
    return [
        sql for sql, _params in statements
        if re.search(r"\bOFFSET\b", sql) or (counts.search(sql) and "LIMIT" not in sql)
    ]  # fmt: skip


def whole_tables(text: str) -> list[str]:
    """Return the steps of a plan that read every row of a large table."""
    tables = "|".join(model._meta.db_table for model in LISTED)
    if connection.vendor == "sqlite":
        return re.findall(rf"SCAN (?:{tables})$", text, re.MULTILINE)
    return re.findall(rf"Seq Scan on (?:{tables})\b.*", text)


def searches_without_index(people: dict[str, User]) -> list[Any]:
    """Return the searches of which no statement reads the index that finds such words, or one has no end."""
    found: list[Any] = []
    for user in people.values():
        for case in SEARCHES:
            statements, _of_frame = asked(user, case)
            plans = [plan(one) for one in statements]
            if unbounded(statements) or not any(re.search(case.index, text) for text in plans):
                found.append((case, plans))
    return found


def write_library(recordings: int) -> Account:
    """Write recordings with their histories; return the account that has half of them."""
    for _progress in seed_library(
        recordings=recordings, transcripts=recordings * 3 // 10, seed=1, now=timezone.now()
    ):
        pass
    rows = list(Recording.objects.select_related("account").order_by("pk")[:HISTORIES])
    insert_rows([
        CallbackEvent(account=row.account, recording=row, door="account", key_digest="k" * 64, payload={}, scheme="v3",
                      content_digest=f"{row.pk:064}", kind="recording", outcome="applied", trust="signed",
                      received_at=row.happened_at, processed_at=row.happened_at)
        for row in rows
    ])  # fmt: skip
    insert_rows([
        AccessEvent(at=row.happened_at, action="play", result="ok", user_pk=row.pk % 50, username=f"u{row.pk % 50}",
                    account_auth_id=row.account.auth_id, recording_pk=row.pk, recording_id=row.recording_id)
        for row in rows
    ])  # fmt: skip
    insert_rows([
        SyncRun(account=row.account, state="complete", complete=True, started_at=row.happened_at, pages=1,
                ended_at=row.happened_at, lease_until=row.happened_at, scope={"newest": "x"})
        for row in rows
    ])  # fmt: skip
    return Account.objects.get(auth_id="MA_SEEDED01")


def make_rare(account: Account) -> None:
    """Let FEW rows of the account meet each of the filters in RARE, and FEW transcripts and syncs be failed ones."""
    Account.objects.update(is_active=True, first_synced_at=timezone.now() - timedelta(days=40))
    keys = list(Recording.objects.filter(account=account).order_by("pk").values_list("pk", flat=True)[:200])
    for place, (_query, columns, _index) in enumerate(RARE):
        Recording.objects.filter(pk__in=keys[place * 7 : place * 7 + FEW]).update(**columns)
    told = list(
        Transcription.objects.filter(account=account).order_by("pk").values_list("pk", flat=True)[:FEW]
    )
    Transcription.objects.filter(pk__in=told).update(status="failed")
    runs = list(SyncRun.objects.filter(account=account).order_by("pk").values_list("pk", flat=True)[:FEW])
    SyncRun.objects.filter(pk__in=runs).update(state="failed", complete=False)


def readers(account: Account) -> dict[str, User]:
    """Return a superuser, and a member of the account with every role."""
    member = User.objects.create_user("member", is_staff=True)
    member.groups.set(Group.objects.all())
    member.vobiz_accounts.add(account)
    return {"superuser": User.objects.create_superuser("the-superuser"), "member": member}
