"""Store the pages of Vobiz's list as rows, deduplicated: one recording is one row, whichever source came first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from recordings.bulk_insert import insert_rows
from recordings.choices import NOTHING_STARTED, Origin, RecordingStatus, Source
from recordings.models.account import Account
from recordings.models.call import Call, numbers
from recordings.models.recording.model import Recording
from recordings.models.recording.provenance import DAILY, FACT_COLUMNS, Facts
from recordings.models.recording.transitions import (
    COMPLETE,
    RESUME,
    assign_values,
)
from recordings.vobiz.objects import RecordingObject

# the longest an answer of the API is on its way; no read-back is due sooner
ANSWER_TIMEOUT = timedelta(seconds=60)
UPDATED_COLUMNS = (
    *FACT_COLUMNS, "sources", "content_hash", "provider_data", "synced_at", "happened_at", "status", "error",
    "needs_attention", "account", "call", "recording_id", "gone_at_provider_at", "read_back_due_at",
)  # fmt: skip
COMPARED_COLUMNS = (
    "pk", "account_id", "call_id", "call__call_uuid", "call__call_uuid_text",
    "content_hash", "gone_at_provider_at", "listed_without_audio",
    "read_back_due_at", *DAILY,
)  # fmt: skip

WRITTEN = ("from_number", "to_number", "from_digits", "to_digits", "happened_at")  # of a new call


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A listed recording that could not become a row, and why."""

    recording_id: str | None
    reason: str


@dataclass(slots=True)
class UpsertReport:
    """What became of the objects given to `upsert_recordings`.

    `seen` holds the ids of all that are rows now; `adopted` the primary keys of rows that took an id.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: list[FailedRow] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    adopted: set[int] = field(default_factory=set)

    def add(self, other: UpsertReport) -> None:
        """Count in what became of other objects."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.failed += other.failed
        self.seen |= other.seen
        self.adopted |= other.adopted


def upsert_recordings(
    account: Account,
    objects: Iterable[RecordingObject],
    *,
    now: datetime,
    origin: Origin = Origin.SYNC,
    reserved_ids: Collection[int] = (),
) -> UpsertReport:
    """Store what the API says of recordings: one recording, one row; unchanged rows are not written.

    An object is matched by `recording_id`; else, if its call has exactly one row without an id, asked for
    before the object ended, that row takes the id; else it makes its own row. `reserved_ids`: primary keys
    of rows without an id that must not take one. All in one transaction; two at once are safe.
    """
    listed = list(objects)
    try:
        with transaction.atomic():
            return _Upsert(account, now, origin, reserved_ids).run(listed)
    except IntegrityError:
        # Another family has made a row of the same id at the same moment: the second look finds it.
        with transaction.atomic():
            return _Upsert(account, now, origin, reserved_ids).run(listed)


class _CallName(NamedTuple):
    """What tells the calls of an account apart: the UUID; else the text in its place; else its one recording.

    Exactly one is not empty.
    """

    uuid: str = ""
    text: str = ""
    recording_id: str = ""


_CallKey = tuple[int, _CallName]  # with the account's primary key


@dataclass(frozen=True, slots=True)
class _Listed:
    """One object on its way: `owner` is whose it is, `call` which call's."""

    seen: RecordingObject
    facts: Facts
    digest: bytes
    owner: Account
    call: _CallName

    @property
    def call_key(self) -> _CallKey:
        return self.owner.pk, self.call


@dataclass(frozen=True, slots=True)
class _Known:
    """As much of a row as tells whether an object says anything new. Fields in the order of COMPARED_COLUMNS."""

    pk: int
    account_id: int
    call_id: int
    call_uuid: str | None
    call_text: str | None
    content_hash: bytes | None
    gone_at: datetime | None
    listed_without_audio: bool
    read_back_due_at: datetime | None
    storage_days: int | None
    monthly_storage_amount: Decimal | None

    def call_name(self, recording_id: str) -> _CallName:
        """Return the name of the call it is of."""
        if self.call_uuid is None and self.call_text is None:
            return _CallName(recording_id=recording_id)
        return _CallName(uuid=self.call_uuid or "", text=self.call_text or "")

    def differs(self, listed: _Listed) -> bool:
        """Return whether the row must be written as a whole."""
        return (
            self.content_hash is None
            or bytes(self.content_hash) != listed.digest
            or (self.account_id, self.call_name(listed.seen.recording_id)) != listed.call_key
            or (self.gone_at is not None and not self.listed_without_audio)
            or self.read_back_due_at is not None
            or any(getattr(self, name) is None and getattr(listed.facts, name) is not None for name in DAILY)
        )

    def aged(self, listed: _Listed) -> dict[str, object]:
        """Return the values that have changed among those that change every day."""
        said = {name: getattr(listed.facts, name) for name in DAILY}
        return {n: value for n, value in said.items() if value is not None and value != getattr(self, n)}


@dataclass(slots=True)
class _Upsert:
    """One page of objects into rows, inside the transaction of `upsert_recordings`."""

    account: Account
    now: datetime
    origin: Origin
    reserved_ids: Collection[int]
    report: UpsertReport = field(default_factory=UpsertReport)
    family: dict[str, Account] = field(init=False)
    outside: dict[str, Account] = field(init=False)
    """Accounts of no or another family that an object names."""
    listed: dict[str, _Listed] = field(default_factory=dict)
    """What was made of the objects at the first look."""

    def run(self, objects: Iterable[RecordingObject]) -> UpsertReport:
        """Apply the page: compare without a lock first, then settle what is left under the family lock."""
        # Why look first without the lock: a sync reads the same pages every minute, and most say nothing new. The
        # family lock would make every such page wait for starts, callbacks and other pages. Nothing is written by
        # what this first look finds; what seems new is looked at again under the lock.
        latest = {seen.recording_id: seen for seen in objects}  # an object listed twice counts once
        self._load_accounts(latest.values())
        known = self._look_up(latest)
        same = _unchanged(self._place(latest, known)[0], known)
        self._count(same)
        aged = {known[rid].pk: values for rid, one in same.items() if (values := known[rid].aged(one))}
        rest = {rid: seen for rid, seen in latest.items() if rid not in same}
        if aged or rest:
            self.account.lock_family()
            self._update_daily(aged)
            self._apply(rest)
        return self.report

    def _apply(self, rest: Mapping[str, RecordingObject]) -> None:
        """Apply what is new or has changed, and report what cannot be taken."""
        # again: a callback, a start or another page may have written it before this transaction had the lock
        known = self._look_up(rest)
        placed, self.report.failed = self._place(rest, known)
        same = _unchanged(placed, known)
        self._count(same)
        self._write({rid: one for rid, one in placed.items() if rid not in same}, known)
        self.report.seen.update(placed)

    def _count(self, same: Collection[str]) -> None:
        self.report.unchanged += len(same)
        self.report.seen.update(same)

    # Whose they are

    def _load_accounts(self, objects: Iterable[RecordingObject]) -> None:
        """Load the account's family, and the accounts outside of it that the objects name."""
        self.family = {member.auth_id: member for member in self.account.family()}
        named = {seen.owner_auth_id for seen in objects if seen.owner_auth_id} - self.family.keys()
        self.outside = (
            {one.auth_id: one for one in Account.objects.filter(auth_id__in=named)} if named else {}
        )

    def _look_up(self, latest: Collection[str]) -> dict[str, _Known]:
        found = Recording.objects.filter(recording_id__in=list(latest))
        return {rid: _Known(*rest) for rid, *rest in found.values_list("recording_id", *COMPARED_COLUMNS)}

    def _place(
        self, latest: Mapping[str, RecordingObject], known: Mapping[str, _Known]
    ) -> tuple[dict[str, _Listed], list[FailedRow]]:
        """Return each object with its owner and call, and the objects that have none."""
        placed, failed = {}, []
        for rid, seen in latest.items():
            row = known.get(rid)
            owner = self._owner(seen, row)
            if isinstance(owner, str):
                failed.append(FailedRow(rid, owner))
            else:
                call = _call_name(seen, row)
                said = self.listed.get(rid)
                if said is None or said.call != call or said.owner != owner:
                    facts = Facts.from_object(seen)
                    digest = facts.digest(call.uuid or call.text or None, seen.from_number, seen.to_number)
                    said = self.listed[rid] = _Listed(seen, facts, digest, owner, call)
                placed[rid] = said
        return placed, failed

    def _owner(self, seen: RecordingObject, row: _Known | None) -> Account | str:
        """Return the account that a recording belongs to, or in words why it cannot be stored."""
        family = {member.pk: member for member in self.family.values()}
        named = seen.owner_auth_id
        outside = self.outside.get(named or "")
        owner: Account
        if named in self.family:
            owner = self.family[named]
        elif outside is not None and self._may_be_ours(outside):
            owner = outside
        elif outside is None and (named is None or named.startswith("SA_")):
            # nobody connected here is named: it stays with who has it, else it is the account's that was asked
            owner = family.get(row.account_id, self.account) if row else self.account
        else:
            return _("The recording belongs to %(named)s, which is not of the family of %(auth_id)s.") % {
                "named": named,
                "auth_id": self.account.auth_id,
            }
        if row is not None and row.account_id != owner.pk and row.account_id not in family:
            return _("Its id belongs to a recording of another account family.")
        return owner

    def _may_be_ours(self, outside: Account) -> bool:
        """Return whether `outside` may be a sub-account of this main account that nobody has linked to it yet."""
        is_sub = outside.auth_id.startswith("SA_") and outside.parent_id is None
        return is_sub and self.account.parent_id is None and not self.account.auth_id.startswith("SA_")

    # What is new or has changed

    def _write(self, listed: Mapping[str, _Listed], known: Mapping[str, _Known]) -> None:
        # Lock order, after the family lock: recordings by primary key, then calls by primary key, then the rows that
        # wait for an id, again by primary key. Writers of a single row need no lock but that row's.
        held = self._lock([known[rid].pk for rid in listed if rid in known])
        calls = self._calls(listed.values())
        held |= self._adopt({rid: one for rid, one in listed.items() if rid not in held})
        made, changed = [], []
        for rid, one in sorted(listed.items()):
            row = held.get(rid)
            if row is None:
                row = Recording(origin=self.origin, status=RecordingStatus.ACTIVE, happened_at=self.now)
                made.append(row)
            else:
                changed.append(row)
            self._set(row, one, calls[one.call_key])
        rows = Recording.objects
        # An upsert by primary key is one statement for a page of different values; bulk_update would send a CASE for
        # each of the columns. The rows are locked, so each INSERT meets its conflict and becomes an UPDATE.
        rows.bulk_create(changed, update_conflicts=True, unique_fields=["id"], update_fields=UPDATED_COLUMNS)
        insert_rows(made)
        # A call that was made for one recording, of which Vobiz has named the call since
        left = {
            known[rid].call_id for rid in listed if rid in known and known[rid].call_name(rid).recording_id
        }
        left -= {call.pk for call in calls.values()}
        if left:
            Call.objects.order_by().filter(pk__in=left, recordings=None).delete()
        self.report.updated += len(changed)
        self.report.created += len(made)

    def _lock(self, pks: Collection[int]) -> dict[str, Recording]:
        if not pks:
            return {}
        found = Recording.objects.select_for_update().filter(pk__in=pks)
        return {row.recording_id: row for row in found.order_by("pk")}

    def _set(self, row: Recording, one: _Listed, call: Call) -> None:
        """Set on `row` all that the API says; the caller writes it under the lock it holds."""
        row.merge_facts(one.facts, Source.API)
        row.recording_id, row.account, row.call = one.seen.recording_id, one.owner, call
        row.content_hash, row.provider_data, row.synced_at = one.digest, dict(one.seen.data), self.now
        if not row.listed_without_audio:
            row.gone_at_provider_at = None
        due = row.read_back_due_at
        # A callback that arrived while this answer was on its way may know more: what it made due stays due.
        if due is None or not self.now < due <= self.now + ANSWER_TIMEOUT:
            row.read_back_due_at = None
        rule = COMPLETE if one.facts.finished else RESUME
        assign_values(row, rule.values_for(row.status))
        if row.status == rule.after:
            row.error = None  # also one that a failed read has left on a row that does not move

    def _update_daily(self, changes: Mapping[int, Mapping[str, object]]) -> None:
        """Write what changes every day, by one narrow UPDATE for each combination of values."""
        alike: dict[tuple[tuple[str, object], ...], list[int]] = defaultdict(list)
        for pk, values in changes.items():
            alike[tuple(values.items())].append(pk)
        for said, pks in alike.items():
            Recording.objects.filter(pk__in=pks).update(**dict(said))

    # Their calls, and the rows that were waiting for them

    def _calls(self, listed: Iterable[_Listed]) -> dict[_CallKey, Call]:
        """Return the calls by account and name; create missing ones and fill empty numbers."""
        said: dict[_CallKey, dict[str, str | None]] = {}
        at: dict[_CallKey, datetime] = {}
        for one in listed:
            given = numbers(one.seen.from_number, one.seen.to_number, one.owner.region)
            known = said.setdefault(one.call_key, given)
            said[one.call_key] = {name: known[name] or value for name, value in given.items()}
            at[one.call_key] = min(at.get(one.call_key, self.now), _start_of(one.seen, self.now))
        found = self._find_calls(said)
        missing = sorted(said.keys() - found.keys())
        if missing:
            new = {key: _new_call(key, at[key], said[key]) for key in missing}
            named = [call for (_pk, name), call in new.items() if not name.recording_id]
            # A race: a callback or another sync may create the same call now. The row that came first stays.
            insert_rows(named, ignore_conflicts=True)
            _take_keys(named)
            # No constraint finds these again, so they are made under the family lock, and their keys come back.
            own = {key: call for key, call in new.items() if key[1].recording_id}
            Call.objects.bulk_create(own.values())
            made = {key: call for key, call in new.items() if call.pk is not None}
            found |= made
            found |= self._find_calls(said.keys() - found.keys())
        wanting = {call.pk: key for key, call in found.items() if _fill_gaps(call, said[key], at[key])}
        for call in Call.objects.select_for_update().filter(pk__in=wanting).order_by("pk") if wanting else ():
            key = wanting[call.pk]
            if columns := _fill_gaps(call, said[key], at[key]):
                call.save(update_fields=columns)
        return found

    @staticmethod
    def _find_calls(wanted: Collection[_CallKey]) -> dict[_CallKey, Call]:
        accounts, names = {pk for pk, _name in wanted}, {name for _pk, name in wanted}
        # Without the model's ordering: SQLite would walk the account's calls by time instead of looking the ids up.
        calls = Call.objects.filter(account__in=accounts).order_by()
        found: dict[_CallKey, Call] = {}
        for column, values in (
            ("call_uuid", {name.uuid for name in names if name.uuid}),
            ("call_uuid_text", {name.text for name in names if name.text}),
        ):
            for call in calls.filter(**{f"{column}__in": values}) if values else ():
                name = _CallName(uuid=call.call_uuid or "", text=call.call_uuid_text or "")
                found[call.account_id, name] = call
        if alone := {name.recording_id for name in names if name.recording_id}:
            rows = Recording.objects.filter(recording_id__in=alone, call__call_uuid=None).order_by()
            for row in rows.filter(call__call_uuid_text=None).select_related("call"):
                found[row.call.account_id, _CallName(recording_id=str(row.recording_id))] = row.call
        return {key: call for key, call in found.items() if key in wanted}

    def _adopt(self, new: Mapping[str, _Listed]) -> dict[str, Recording]:
        """Return, by recording id, the rows that wait for an id and the listed recording each of them is."""
        # A start whose answer was lost left a row without an id. If it is the only one of its call, the recording that
        # Vobiz lists and that ended after the request is its own: of several, the one that began nearest to the
        # request. Two such rows of one call cannot be told apart here: each waits for its callback, or for
        # reconciliation, which compares all of them at once.
        of_call: dict[str, list[_Listed]] = defaultdict(list)
        for one in new.values():
            if one.call.uuid:  # nothing is started on a call without one
                of_call[one.call.uuid].append(one)
        family = [member.pk for member in self.family.values()]
        found = Recording.objects.filter(
            account__in=family, call__call_uuid__in=list(of_call), recording_id=None
        )
        # Seldom is there any, and the short question costs less than the columns of both tables.
        is_any = bool(of_call) and found.order_by().exists()
        rows = found.select_for_update(of=("self",)).select_related("call")
        waiting: dict[str, list[Recording]] = defaultdict(list)
        for row in rows.order_by("pk") if is_any else ():
            if row.start_answer not in NOTHING_STARTED and row.pk not in self.reserved_ids:
                waiting[row.call.call_uuid].append(row)
        adopted: dict[str, Recording] = {}
        for call_uuid, (row, *others) in waiting.items():
            asked = row.requested_at or row.happened_at
            candidates = [one.seen for one in of_call[call_uuid] if asked < _end_of(one.seen, self.now)]
            if candidates and not others:
                adopted[min(candidates, key=lambda seen: _distance(seen, asked, self.now)).recording_id] = row
                self.report.adopted.add(row.pk)
        return adopted


def _unchanged(placed: Mapping[str, _Listed], known: Mapping[str, _Known]) -> dict[str, _Listed]:
    return {rid: one for rid, one in placed.items() if rid in known and not known[rid].differs(one)}


def _call_name(seen: RecordingObject, row: _Known | None) -> _CallName:
    """Return which call an object is of. What is known of the row stands where Vobiz sends no id."""
    if seen.call_uuid is not None:
        return _CallName(uuid=seen.call_uuid)
    known = row.call_name(seen.recording_id) if row is not None else None
    if known is not None and (known.uuid or (known.text and seen.call_text is None)):
        return known
    return _CallName(text=seen.call_text) if seen.call_text else _CallName(recording_id=seen.recording_id)


def _new_call(key: _CallKey, at: datetime, said: Mapping[str, str | None]) -> Call:
    account_id, name = key
    return Call(
        account_id=account_id,
        call_uuid=name.uuid or None,
        call_uuid_text=name.text or None,
        happened_at=at,
        **said,
    )


def _take_keys(calls: Sequence[Call]) -> None:
    """Give the calls just inserted their primary keys. Where another's row came first, its call has none."""
    named = Call.objects.filter(account__in={call.account_id for call in calls}).order_by()
    for column in ("call_uuid", "call_uuid_text"):
        mine = {
            (call.account_id, name): call for call in calls if (name := getattr(call, column)) is not None
        }
        found = named.filter(**{f"{column}__in": [name for _account, name in mine]}) if mine else named.none()
        for account_id, name, pk, *stored in found.values_list("account_id", column, "pk", *WRITTEN):
            call = mine.get((account_id, name))
            if call is not None and stored == [getattr(call, one) for one in WRITTEN]:
                call.pk = pk


def _fill_gaps(call: Call, said: Mapping[str, str | None], at: datetime) -> list[str]:
    """Set on `call` the numbers it lacks and, where its start is unknown, the earliest time; return the columns."""
    lacking = [name for name, value in said.items() if value is not None and getattr(call, name) is None]
    for name in lacking:
        setattr(call, name, said[name])
    if call.started_at is None and at < call.happened_at:
        call.happened_at = at
        lacking.append("happened_at")
    return lacking


def _start_of(seen: RecordingObject, now: datetime) -> datetime:
    return seen.started_at or (seen.added_at.at if seen.added_at else now)


def _end_of(seen: RecordingObject, now: datetime) -> datetime:
    return seen.ended_at or (seen.added_at.at if seen.added_at else now)


def _distance(seen: RecordingObject, asked: datetime, now: datetime) -> tuple[float, str]:
    """Return how far a recording's start is from the moment one was requested; the id decides between equals."""
    return abs(((seen.started_at or now) - asked).total_seconds()), seen.recording_id
