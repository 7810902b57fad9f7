"""Events for other programs: one row for each fact and address, written by the database with the fact itself.

Triggers write the rows, in the statement that changes the recording or its transcript. So none is missed, whichever
way the change was made (callback, sync in bulk, archive, command), and an account without an address that gets events
costs no statement. Unique constraints keep each fact to one row. Django has no such rule, and SQLite's migrations
remake tables and drop their triggers, so they are made again after every `migrate`, as those of the access log.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from recordings.choices import OutgoingKind
from recordings.declarations import one_of, partial_index, unique_where
from recordings.models.account import Account, VisibleQuerySet
from recordings.models.alert import GIVEN_UP, AlertWebhook, OutgoingMessage, OutgoingMessageQuerySet
from recordings.models.recording.model import Recording
from recordings.models.transcription import Transcription

SENT_KEPT, UNSENT_KEPT = timedelta(days=7), timedelta(days=30)
FRESH_DAYS = 3  # a start or an end that became known later is no news


class OutgoingEventQuerySet(VisibleQuerySet, OutgoingMessageQuerySet):  # type: ignore[override]  # of as_manager alone
    """A queryset of events."""

    def webhooks_due(self, now: datetime) -> list[AlertWebhook]:
        """Return the addresses to which something is to be sent by `now`.

        One whose last attempt failed waits with all its events: one attempt tells for all.
        """
        mine = self.filter(webhook=OuterRef("pk"))
        waiting = mine.filter(next_at__gt=now, error__isnull=False)
        due = AlertWebhook.objects.filter(Exists(mine.filter(next_at__lte=now)), ~Exists(waiting))
        return list(due.select_related("account").order_by("pk"))

    def due(self, webhook: AlertWebhook, now: datetime) -> models.QuerySet[OutgoingEvent]:
        """Return those to be sent to an address by `now`, in the order of their facts for each recording."""
        earlier = self.filter(
            webhook=OuterRef("webhook"), recording_pk=OuterRef("recording_pk"), pk__lt=OuterRef("pk")
        )
        held = earlier.filter(next_at__gt=now)  # in the hands of another worker
        return self.filter(~Exists(held), webhook=webhook, next_at__lte=now).order_by("pk")

    def give_up(self, webhook: AlertWebhook, why: str, now: datetime) -> int:
        """Give up those to an address that have waited for GIVEN_UP; return how many."""
        old = self.pending().filter(webhook=webhook, created_at__lte=now - GIVEN_UP)
        return old.update(next_at=None, error=why)

    def wake(self, webhook: AlertWebhook, now: datetime) -> None:
        """Try an address again at once that waits after a failed attempt."""
        self.filter(webhook=webhook, error__isnull=False, next_at__gt=now).update(next_at=now)

    def send_failed_again(self, webhook: AlertWebhook, now: datetime) -> int:
        """Make every event due that was given up; return how many."""
        given_up = self.given_up(webhook.account).filter(webhook=webhook)
        return given_up.update(tries=0, created_at=now, next_at=now, error=None)

    def given_up(self, account: Account) -> Self:
        """Return those of an account that are not tried any more."""
        return self.failing().filter(account=account, next_at=None).order_by()

    def past_retention(self, now: datetime) -> list[models.QuerySet[OutgoingEvent]]:
        """Return those sent longer than SENT_KEPT ago, and those not sent and older than UNSENT_KEPT.

        A loss stays: it alone may become true a second time, and is told once.
        """
        closed = self.filter(next_at=None).exclude(kind=OutgoingKind.LOST)
        sent = closed.filter(sent_at__lt=now - SENT_KEPT).order_by("sent_at")
        unsent = closed.filter(sent_at=None, created_at__lt=now - UNSENT_KEPT).order_by("created_at")
        return [sent, unsent]


class OutgoingEvent(OutgoingMessage):
    """One fact of one recording, for one address. The worker posts it.

    `at`: when it became true here. The recording is named by value, as it may be merged into another row; by its
    `recording_id` it is found again.
    """

    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.CASCADE, related_name="+", db_index=False
    )
    webhook = models.ForeignKey(AlertWebhook, on_delete=models.CASCADE, related_name="sent_events")
    kind = models.CharField(_("event"), max_length=32, choices=OutgoingKind)
    recording_pk = models.BigIntegerField(null=True)
    recording_id = models.CharField(_("recording id"), max_length=64, null=True)
    at = models.DateTimeField(_("when"))
    next_at = models.DateTimeField(null=True)

    objects = OutgoingEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        default_permissions = ()  # by who may change the account
        constraints = [
            one_of("outgoingevent_kind", "kind", OutgoingKind),
            unique_where(
                "outgoingevent_once_a_row", ["webhook", "recording_pk", "kind"], Q(recording_pk__isnull=False)
            ),
            unique_where(
                "outgoingevent_once_a_recording",
                ["webhook", "recording_id", "kind"],
                Q(recording_id__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="outgoingevent_newest"),
            # what is to be sent, and what waits
            partial_index("outgoingevent_pending", ["webhook", "id"], Q(next_at__isnull=False)),
            partial_index(
                "outgoingevent_waiting", ["webhook"], Q(error__isnull=False, next_at__isnull=False)
            ),
            partial_index(
                "outgoingevent_failing",
                ["account", "created_at"],
                Q(error__isnull=False, sent_at__isnull=True),
            ),
            models.Index(fields=["sent_at"], name="outgoingevent_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.recording_id or self.recording_pk}"

    def recording(self) -> Recording | None:
        """Return the recording, of this account; None where it is not here any more."""
        rows = Recording.objects.filter(account=self.account_id).select_related("account", "call").order_by()
        found: Recording | None = rows.filter(pk=self.recording_pk).first()
        if found is None and self.recording_id is not None:
            found = rows.filter(recording_id=self.recording_id).first()
        return found

    def send_again(self, now: datetime) -> None:
        """Make it due now, with its id, also where its address waits after a failed attempt."""
        super().send_again(now)
        type(self).objects.wake(self.webhook, now)


# The triggers: for each kind of event, when a change makes it true.

TABLE = OutgoingEvent._meta.db_table
WEBHOOKS, RECORDINGS, TRANSCRIPTIONS = (
    model._meta.db_table for model in (AlertWebhook, Recording, Transcription)
)
# A recording's moment: events are about those that ended after an address first chose events.
MOMENT = "coalesce({row}.ended_at, {row}.happened_at)"
LOST = "({row}.status = 'completed' AND {row}.gone_at_provider_at IS NOT NULL AND {row}.archived_at IS NULL)"
# An unsigned text may be anybody's, and what was told once is not told again.
VERIFIED = "({row}.status = 'completed' AND coalesce({row}.trust, '') = 'signed')"
COLUMNS = "webhook_id, account_id, kind, recording_pk, recording_id, at, created_at, next_at, tries"


def _status(kind: OutgoingKind, status: str, *, fresh: str = "") -> list[tuple[OutgoingKind, str, str]]:
    """Return the triggers of a status: on a new row, and on one that had another."""
    new = f"NEW.status = '{status}'{fresh}"
    return [(kind, "INSERT", new), (kind, "UPDATE OF status", f"OLD.status <> '{status}' AND {new}")]


def _triggers(vendor: str) -> list[tuple[str, str, str]]:
    """Return name, table and rest of each trigger. PostgreSQL fires them by their names, so these are in order."""
    ago = {
        "postgresql": f"now() - interval '{FRESH_DAYS} days'",
        "sqlite": f"datetime('now', '-{FRESH_DAYS} days')",
    }
    fresh = f" AND {MOMENT.format(row='NEW')} > {ago[vendor]}"
    of_recording = [
        *_status(OutgoingKind.STARTED, "active", fresh=fresh),
        *_status(OutgoingKind.COMPLETED, "completed", fresh=fresh),
        (  # the first copy: one that was found missing or altered leaves its name
            OutgoingKind.ARCHIVED,
            "UPDATE OF archived_at",
            "OLD.archived_at IS NULL AND OLD.audio IS NULL AND NEW.archived_at IS NOT NULL",
        ),
        (
            OutgoingKind.LOST,
            "UPDATE OF status, archived_at, gone_at_provider_at",
            f"NOT {LOST.format(row='OLD')} AND {LOST.format(row='NEW')}",
        ),
    ]
    of_transcript = [
        (OutgoingKind.TRANSCRIPT, "INSERT", VERIFIED.format(row="NEW")),
        (
            OutgoingKind.TRANSCRIPT,
            "UPDATE OF status, trust",
            f"NOT {VERIFIED.format(row='OLD')} AND {VERIFIED.format(row='NEW')}",
        ),
    ]
    found = [(RECORDINGS, *one) for one in of_recording] + [(TRANSCRIPTIONS, *one) for one in of_transcript]
    return [
        (f"{TABLE}_{n}", table, f"AFTER {on} ON {table} {_body(vendor, table, kind, when)}")
        for n, (table, kind, on, when) in enumerate(found)
    ]


def _body(vendor: str, table: str, kind: OutgoingKind, when: str) -> str:
    if vendor == "postgresql":
        return f"FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {_function(table)}('{kind.value}')"
    written = _insert(vendor, table, f"'{kind.value}'")
    # Not INSERT OR IGNORE: the statement that fires a trigger decides about conflicts in it.
    once = f"""NOT EXISTS (SELECT 1 FROM {TABLE} e WHERE e.webhook_id = w.id AND e.kind = '{kind.value}'
        AND (e.recording_pk = r.id OR e.recording_id = r.recording_id))"""
    return f"WHEN {when} BEGIN {written} AND {once}; END"


def _insert(vendor: str, table: str, kind: str) -> str:
    """Return the statement that writes an event for each address of the account that gets this kind."""
    key = "NEW.id" if table == RECORDINGS else "NEW.recording_id"
    # SQLite compares times as text, and Django writes six digits, or none where all are zero: so never a round one.
    now = "clock_timestamp()" if vendor == "postgresql" else "strftime('%Y-%m-%d %H:%M:%f001', 'now')"
    return f"""INSERT INTO {TABLE} ({COLUMNS})
        SELECT w.id, r.account_id, {kind}, r.id, r.recording_id, {now}, {now}, {now}, 0
        FROM {RECORDINGS} r JOIN {WEBHOOKS} w ON w.account_id = r.account_id
        WHERE r.id = {key} AND ' ' || w.events || ' ' LIKE '% ' || {kind} || ' %'
        AND {MOMENT.format(row="r")} >= w.events_since"""


def _function(table: str) -> str:
    return f"{TABLE}_of_{'recording' if table == RECORDINGS else 'transcript'}"


def make_triggers(*, using: str, **_kwargs: object) -> None:
    """Make the triggers, where the tables exist already: a receiver of Django's `post_migrate`."""
    connection: Any = connections[using]
    if not _has_columns(connection):
        return
    vendor = connection.vendor
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if vendor == "postgresql":
            _make_on_postgresql(cursor)
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        existing = dict(cursor.fetchall())
        for name, table, rest in _triggers(vendor):
            made = f"CREATE TRIGGER {name} {rest}"
            if existing.get(name) != made:
                cursor.execute(_drop(vendor, name, table))
                cursor.execute(made)


def _make_on_postgresql(cursor: Any) -> None:
    # An address that is being removed is passed over: its key, checked at commit, would fail the change itself.
    lock = "FOR KEY SHARE OF w SKIP LOCKED"
    for table in (RECORDINGS, TRANSCRIPTIONS):
        written = _insert("postgresql", table, "TG_ARGV[0]")
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION {_function(table)}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {written} {lock} ON CONFLICT DO NOTHING; RETURN NULL; END $$"
        )
    # Making a trigger waits for all who write to its table, so one that is there already is left alone.
    cursor.execute(
        "SELECT tgname, obj_description(oid, 'pg_trigger') FROM pg_trigger WHERE tgname = ANY(%s)",
        [[name for name, _table, _rest in _triggers("postgresql")]],
    )
    existing = dict(cursor.fetchall())
    for name, table, rest in _triggers("postgresql"):
        digest = hashlib.sha256(rest.encode()).hexdigest()
        if existing.get(name) != digest:
            cursor.execute(f"CREATE OR REPLACE TRIGGER {name} {rest}")
            cursor.execute(f"COMMENT ON TRIGGER {name} ON {table} IS '{digest}'")


def missing_triggers(using: str = DEFAULT_DB_ALIAS) -> set[str]:
    """Return the names of triggers that are not there, as after a migration that failed: no event is written."""
    connection: Any = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        existing = {name for (name,) in cursor.fetchall()}
    return {name for name, _table, _rest in _triggers(connection.vendor)} - existing


def before_migrate(*, using: str, plan: Any = (), **_kwargs: object) -> None:
    """Drop the triggers where migrations follow: a receiver of Django's `pre_migrate`.

    Neither database alters or remakes a table that one of them reads.
    """
    if not plan:
        return
    connection: Any = connections[using]
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for name, table, _rest in _triggers(connection.vendor):
            if table in existing:
                cursor.execute(_drop(connection.vendor, name, table))


def _drop(vendor: str, name: str, table: str) -> str:
    return f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if vendor == "postgresql" else "")


def _has_columns(connection: Any) -> bool:
    existing = set(connection.introspection.table_names())
    if not {TABLE, WEBHOOKS, RECORDINGS, TRANSCRIPTIONS} <= existing:
        return False
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, WEBHOOKS)
    return "events_since" in {column.name for column in columns}
