"""Recordings, many at a time; and `upsert`, the one way from what Vobiz lists to rows here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from recordings.choices import NOTHING_STARTED, OPEN_STATUSES, Attention, Origin, RecordingStatus, Source
from recordings.models.call import Call, numbers
from recordings.models.facts import DAILY, FACT_COLUMNS, Facts
from recordings.models.visibility import VisibleQuerySet
from recordings.vobiz.objects import RecordingObject

if TYPE_CHECKING:
    from recordings.models.account import Account
    from recordings.models.recording import Recording

WRITTEN = (
    *FACT_COLUMNS, "sources", "content_hash", "provider_data", "synced_at", "happened_at", "status", "error",
    "needs_attention", "account", "call", "recording_id", "gone_at_provider_at", "read_back_due_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A listed recording that could not become a row, and why."""

    recording_id: str | None
    reason: str


@dataclass(slots=True)
class UpsertReport:
    """What became of the objects handed to `upsert`; `seen` holds the ids of all that are rows now."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: list[FailedRow] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


class RecordingQuerySet(VisibleQuerySet):
    """Recordings, many at a time."""

    def open(self) -> RecordingQuerySet:
        """Those that run, or may run."""
        return self.filter(status__in=OPEN_STATUSES)

    def to_read_back(self, now: datetime) -> RecordingQuerySet:
        """Those that the API is to be asked about by `now`, longest due first."""
        return self.filter(read_back_due_at__lte=now, recording_id__isnull=False).order_by("read_back_due_at")

    def upsert(
        self,
        account: Account,
        objects: Iterable[RecordingObject],
        *,
        now: datetime,
        origin: Origin = Origin.SYNC,
    ) -> UpsertReport:
        """Bring what the API says of recordings into rows: one recording, one row, unchanged rows unwritten.

        An object is matched by `recording_id`; else, if its call has exactly one row without an id, asked for
        before the object ended, that row takes the id; else it makes its own row. All in one transaction; two
        at once are safe.
        """
        report = UpsertReport()
        with transaction.atomic():
            _Upsert(self, account, now, origin, report).run(objects)
        return report


@dataclass(slots=True)
class _Upsert:
    """One call of `upsert`: each step narrows what is left to write."""

    rows: RecordingQuerySet
    account: Account
    now: datetime
    origin: Origin
    report: UpsertReport

    def run(self, objects: Iterable[RecordingObject]) -> None:
        latest = {seen.recording_id: seen for seen in objects}
        family = {member.auth_id: member for member in self.account.family()}
        owners = {}
        for recording_id, seen in latest.items():
            owner = self._owner(seen, family)
            if isinstance(owner, str):
                self.report.failed.append(FailedRow(recording_id, owner))
            else:
                owners[recording_id] = owner
        held = self._held(owners, {member.pk for member in family.values()})
        usable = self._with_call({rid: latest[rid] for rid in owners}, owners, held)
        calls = self._calls(usable, owners)
        new = {rid: seen for rid, seen in usable.items() if rid not in held}
        adopted = self._adopt(new, calls)
        self._write(usable, owners, calls, held, adopted)
        self.report.seen.update(usable)

    def _owner(self, seen: RecordingObject, family: dict[str, Account]) -> Account | str:
        """The account a recording belongs to, or why that cannot be told."""
        named = seen.owner_auth_id
        if named is None:
            return self.account
        if named in family:
            return family[named]
        connected_elsewhere = named.startswith("SA_") and (
            type(self.account).objects.filter(auth_id=named).exists()
        )  # fmt: skip
        if named.startswith("SA_") and not connected_elsewhere:
            return self.account
        return f"it belongs to {named}, which is not of the family of {self.account.auth_id}"

    def _held(self, owners: dict[str, Account], family: set[int]) -> dict[str, Recording]:
        """The rows that have these ids already, locked in one order; foreign ones fail and leave `owners`."""
        found = self.rows.model.objects.select_for_update().filter(recording_id__in=list(owners))
        held = {}
        for row in found.order_by("recording_id"):
            if row.account_id in family:
                held[row.recording_id] = row
            else:
                del owners[row.recording_id]
                reason = "its id belongs to a recording of another account family"
                self.report.failed.append(FailedRow(row.recording_id, reason))
        return held

    def _with_call(
        self, usable: dict[str, RecordingObject], owners: dict[str, Account], held: dict[str, Recording]
    ) -> dict[str, RecordingObject]:
        """Each object with a call: the one it names, else the one its row has; without either it fails."""
        found = {}
        for rid, seen in usable.items():
            if seen.call_uuid is not None:
                found[rid] = seen
            elif rid in held:
                found[rid] = replace(seen, call_uuid=held[rid].call.call_uuid)
            else:
                del owners[rid]
                self.report.failed.append(FailedRow(rid, "Vobiz names no call for it"))
        return found

    def _calls(
        self, usable: dict[str, RecordingObject], owners: dict[str, Account]
    ) -> dict[tuple[int, str], Call]:
        """The rows of the calls, by account and UUID: made where missing, numbers filled where empty."""
        wanted: dict[tuple[int, str], Call] = {}
        for rid, seen in sorted(usable.items(), key=lambda item: str(item[1].call_uuid)):
            said = numbers(seen.from_number, seen.to_number)
            call = Call(account=owners[rid], call_uuid=str(seen.call_uuid), **said)
            wanted.setdefault((call.account_id, call.call_uuid), call)
        found = self._find_calls(wanted)
        missing = [call for key, call in wanted.items() if key not in found]
        if missing:
            Call.objects.bulk_create(missing, ignore_conflicts=True)
            found = self._find_calls(wanted)
        filled = []
        for key, call in found.items():
            changed = False
            for column in ("from_number", "from_digits", "to_number", "to_digits"):
                if getattr(call, column) is None and getattr(wanted[key], column) is not None:
                    setattr(call, column, getattr(wanted[key], column))
                    changed = True
            if changed:
                filled.append(call)
        if filled:
            Call.objects.bulk_update(filled, ["from_number", "from_digits", "to_number", "to_digits"])
        return found

    @staticmethod
    def _find_calls(wanted: dict[tuple[int, str], Call]) -> dict[tuple[int, str], Call]:
        by_account: dict[int, list[str]] = defaultdict(list)
        for account_id, call_uuid in wanted:
            by_account[account_id].append(call_uuid)
        which = Q(pk__in=[])
        for account_id, uuids in by_account.items():
            which |= Q(account_id=account_id, call_uuid__in=uuids)
        return {(call.account_id, call.call_uuid): call for call in Call.objects.filter(which)}

    def _adopt(
        self, new: dict[str, RecordingObject], calls: dict[tuple[int, str], Call]
    ) -> dict[str, Recording]:
        """Rows asked for here whose id was not known: which listed recording each of them is."""
        uuids = {seen.call_uuid for seen in new.values()}
        call_ids = [call.pk for (_, uuid), call in calls.items() if uuid in uuids]
        waiting: dict[str, list[Recording]] = defaultdict(list)
        rows = self.rows.model.objects.select_for_update(of=("self",)).select_related("call")
        for row in rows.filter(call__in=call_ids, recording_id=None).order_by("pk"):
            if row.start_answer not in NOTHING_STARTED:
                waiting[row.call.call_uuid].append(row)
        adopted: dict[str, Recording] = {}
        for uuid, (row, *others) in waiting.items():
            candidates = [
                seen
                for seen in new.values()
                if seen.call_uuid == uuid and _asked(row) < (seen.ended_at or _added(seen) or self.now)
            ]
            if others or not candidates:
                continue
            best = min(candidates, key=lambda seen: abs((seen.started_at or self.now) - _asked(row)))
            adopted[best.recording_id] = row
        return adopted

    def _write(
        self,
        usable: dict[str, RecordingObject],
        owners: dict[str, Account],
        calls: dict[tuple[int, str], Call],
        held: dict[str, Recording],
        adopted: dict[str, Recording],
    ) -> None:
        made, changed, aged = [], [], []
        for rid, seen in sorted(usable.items()):
            facts, owner = Facts.from_object(seen), owners[rid]
            call = calls[owner.pk, str(seen.call_uuid)]
            row = held.get(rid) or adopted.get(rid)
            if row is None:
                row = self.rows.model(origin=self.origin, status=RecordingStatus.ACTIVE, happened_at=self.now)
                self._take(row, seen, facts, owner, call)
                made.append(row)
            elif self._differs(row, facts, owner, seen):
                self._take(row, seen, facts, owner, call)
                changed.append(row)
            elif self._aged(row, facts):
                aged.append(row)
        self._save(made, changed, aged)
        self.report.created += len(made)
        self.report.updated += len(changed)
        self.report.unchanged += len(usable) - len(made) - len(changed)

    def _take(self, row: Recording, seen: RecordingObject, facts: Facts, owner: Account, call: Call) -> None:
        """Set on `row` all that the API says; the caller writes it under the lock it holds."""
        facts.merge_into(row, Source.API)
        row.recording_id = seen.recording_id
        row.account, row.call = owner, call
        row.content_hash, row.provider_data, row.synced_at = facts.digest(), dict(seen.data), self.now
        row.happened_at = row.started_at or row.added_at or row.happened_at
        row.gone_at_provider_at = row.read_back_due_at = None
        if facts.finished:
            row.status, row.error = RecordingStatus.COMPLETED, None
            if row.needs_attention in (Attention.MAY_BE_RECORDING, Attention.STOP_UNCONFIRMED):
                row.needs_attention = None
        elif row.status in (RecordingStatus.REQUESTED, RecordingStatus.FAILED):
            row.status = RecordingStatus.ACTIVE

    @staticmethod
    def _differs(row: Recording, facts: Facts, owner: Account, seen: RecordingObject) -> bool:
        return (
            row.content_hash is None
            or bytes(row.content_hash) != facts.digest()
            or row.recording_id != seen.recording_id
            or row.account_id != owner.pk
            or row.gone_at_provider_at is not None
            or row.read_back_due_at is not None
        )

    @staticmethod
    def _aged(row: Recording, facts: Facts) -> bool:
        """Only what changes every day has changed; set on the row."""
        before = [getattr(row, name) for name in DAILY]
        for name in DAILY:
            if getattr(facts, name) is not None:
                setattr(row, name, getattr(facts, name))
        return before != [getattr(row, name) for name in DAILY]

    def _save(self, made: Sequence[Any], changed: Sequence[Any], aged: Sequence[Any]) -> None:
        rows = self.rows.model.objects
        if made:
            # Another sync may have made one of them since: then these facts are as good as its own.
            written = [name for name in WRITTEN if name != "recording_id"]
            rows.bulk_create(
                made, update_conflicts=True, unique_fields=["recording_id"], update_fields=written
            )
        if changed:
            rows.bulk_create(changed, update_conflicts=True, unique_fields=["id"], update_fields=WRITTEN)
        if aged:
            rows.bulk_update(aged, DAILY)


def _added(seen: RecordingObject) -> datetime | None:
    return seen.added_at.at if seen.added_at else None


def _asked(row: Recording) -> datetime:
    """When it was asked for; a row without an id always was."""
    return row.requested_at or row.happened_at
