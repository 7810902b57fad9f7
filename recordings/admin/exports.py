"""Exports: any list as CSV, as it is filtered; and selected recordings as a ZIP with their audio.

Every export is written into the access log before its first byte leaves: one line an account for the whole of it; and
one for each recording whose audio or words are in it, before those leave.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import tzinfo
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings import exports, playback
from recordings.admin import formatting
from recordings.admin.base import BATCH, WRITE, PortalAdmin, may, page
from recordings.admin.reader import accounts_seen, note_access
from recordings.choices import AccessAction, AccessResult, TranscriptionStatus
from recordings.exports import AudioOpenError, ExportSlot, Opened, Plan, TooManyExportsError
from recordings.forms import keys_among
from recordings.models import Account, Recording, Transcription
from recordings.playback import AudioRequest, AudioUnavailableError, TooManyStreamsError
from recordings.vobiz.errors import VobizError

MOST_FILES = 1_000  # recordings in one ZIP
MOST_LINES = 1_000_000  # of one CSV
MOST_NAMED = 20  # of those a ZIP lacks, by name before it starts
LONGEST_QUERY = 400  # characters of a list's filters in the access log
MAIN = "main"  # the form's word for the main columns; without it a file has all of them
CHUNK = 500  # rows read at once
WORDY_CHUNK = 20  # rows read at once where each may bring the words of hours
PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


class CsvExportMixin(PortalAdmin):
    """A mixin for lists: CSV export for those who may see and export the rows."""

    has_csv = True
    csv_related: tuple[str, ...] = ()  # what the table's columns follow
    csv_more: tuple[str, ...] = ()  # columns beside the table's

    @page("export-csv/", permission="recordings.export_recording", methods=WRITE, access=AccessAction.EXPORT)
    def export_csv(self, request: HttpRequest) -> HttpResponseBase:
        """Return every row that the list shows under the filters in the address, in its order."""
        if not self.has_view_permission(request):
            self.note_refusal(request, AccessAction.EXPORT)
            raise PermissionDenied
        try:
            changes, slot = self.get_changelist_instance(request), ExportSlot()
        except IncorrectLookupParameters:
            return HttpResponseRedirect(self.to_page("changelist"))
        except TooManyExportsError:
            return self._too_many(request)
        table, zone = self.csv_table(request), timezone.get_current_timezone()
        lines = _lines(self.csv_rows(request, changes.queryset, table, zone))
        self._note(request, table, changes.queryset)
        header = [*table.header(zone), *self.csv_more]
        body = slot.of(exports.csv_file(header, lines))
        headers = _headers(f"{table.name}-{_today(zone)}.csv")
        return StreamingHttpResponse(body, content_type="text/csv; charset=utf-8", headers=headers)

    def _too_many(self, request: HttpRequest) -> HttpResponseRedirect:
        """Back to the list, which says why."""
        self.message_user(
            request, _("Other exports are being made. Try again in a minute."), messages.WARNING
        )
        query = request.GET.urlencode()
        return HttpResponseRedirect(self.to_page("changelist") + (f"?{query}" if query else ""))

    @property
    def csv_columns(self) -> int:
        """How many columns the whole table has, where a table of the main ones is offered too; else 0."""
        name = str(self.opts.model_name)
        return len(exports.TABLES[name].columns) if name in exports.MAIN_COLUMNS else 0

    def csv_table(self, request: HttpRequest) -> exports.Table:
        """Return the whole table; where the form asks for the main columns, those with a link to each row's page."""
        name = str(self.opts.model_name)
        if request.POST.get("columns") != MAIN or name not in exports.MAIN_COLUMNS:
            return exports.TABLES[name]

        def link(row: Any) -> str:
            return request.build_absolute_uri(self.to_object(row))

        main = exports.MAIN_COLUMNS[name]
        return replace(main, columns=(*main.columns, exports.Column("link", link, label=_("Link"))))

    def csv_rows(
        self, request: HttpRequest, rows: QuerySet[Any], table: exports.Table, zone: tzinfo
    ) -> Iterator[list[str]]:
        """Return the lines, read while they are sent."""
        loaded = self.csv_loaded(table)
        for batch in in_order(rows, loaded=loaded, at_once=CHUNK, most=MOST_LINES + 1):
            for row in batch:
                yield table.row(row, zone)

    def csv_loaded(self, table: exports.Table) -> QuerySet[Any]:
        """Return rows with what the columns follow; of what the list leaves out, only what is a column."""
        named = {*(column.of or column.name for column in table.columns), *self.csv_more}
        rows: QuerySet[Any] = self.model._default_manager.defer(
            *(name for name in self.list_deferred if name not in named)
        )
        return rows.select_related(*self.csv_related) if self.csv_related else rows

    def _note(self, request: HttpRequest, table: exports.Table, rows: Any) -> None:
        """Write one line for each account whose rows are in it, or one without an account where there is none.

        The rows say whose they are, not the filter's parameter: `01` means account 1 to one who reads it as a number.
        """
        query = request.GET.urlencode()[:LONGEST_QUERY]
        words = _("%(what)s as CSV, filtered by %(query)s") % {"what": table.name, "query": query or "–"}
        found = rows.auth_ids()
        accounts: list[Account | None] = [one for one in accounts_seen(request) if one.auth_id in found]
        for account in accounts or [None]:
            note_access(request, AccessAction.EXPORT, None, account=account, detail=words)


class TranscriptionCsvMixin(CsvExportMixin):
    """A mixin for the transcriptions' list: CSV export with the text, for those who may read it; each row is logged."""

    csv_related = ("recording__account", "recording__call")
    csv_more = ("text",)

    def csv_rows(
        self, request: HttpRequest, rows: QuerySet[Any], table: exports.Table, zone: tzinfo
    ) -> Iterator[list[str]]:
        """With the words, or why they are not there."""
        loaded, at_once = self.csv_loaded(table), WORDY_CHUNK
        if not (may_read := may(request, "read_transcription")):
            loaded, at_once = loaded.defer("text"), CHUNK
        text: str | None = _("withheld: you do not have the permission to read transcripts")
        for batch in in_order(rows, loaded=loaded, at_once=at_once, most=MOST_LINES + 1):
            if may_read:
                _note_words(request, batch)
            for row in batch:
                if may_read:  # what is not completed is not verified
                    text = row.text if row.status == TranscriptionStatus.COMPLETED else None
                yield table.row(row, zone) + table.cells(text)


class ZipExportMixin(CsvExportMixin):
    """A mixin for recordings: export of the selected ones as a ZIP, after a page that shows what it will hold."""

    csv_related = ("account", "call", "requested_by", "transcription")

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Return what the action asks for."""
        return may(request, "export_recording")

    @admin.action(description=gettext_lazy("Download ZIP…"), permissions=["export"])
    def export_zip(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Say how many files, how large, and what is missing, before it starts."""
        found = list(queryset.order_by("-happened_at", "-pk").values_list("pk", flat=True)[: MOST_FILES + 1])
        if len(found) > MOST_FILES:
            words = (
                _("No ZIP made: at most %d recordings at once. Narrow the list, for example by date.")
                % MOST_FILES
            )
            self.message_user(request, words, messages.ERROR)
            return None
        held = self._plan(request, found)
        context = {
            "plan": held,
            "size": formatting.file_size(held.bytes),
            "pks": ",".join(map(str, found)),
            "lacking": [(formatting.plain(item.recording), item.lacks) for item in held.missing[:MOST_NAMED]],
            "more_lacking": max(0, len(held.missing) - MOST_NAMED),
            "zone": str(timezone.get_current_timezone()),
        }
        words = ngettext("Export %d recording", "Export %d recordings", len(found)) % len(found)
        return self.render(request, "admin/recordings/recording/export.html", context, title=words)

    @page(
        "export-zip/",
        permission="recordings.export_recording",
        also=("recordings.view_recording",),
        methods=WRITE,
        access=AccessAction.EXPORT,
    )
    def export_zip_file(self, request: HttpRequest) -> HttpResponseBase:
        """Return the ZIP, made while it is sent."""
        keys = keys_among(request.POST.get("recordings", "").split(","))
        held = self._plan(request, keys[:MOST_FILES])
        if not held.items:
            self.message_user(request, _("Select at least one recording."), messages.WARNING)
            return HttpResponseRedirect(self.to_page("changelist"))
        try:
            slot = ExportSlot()
        except TooManyExportsError:
            return self._too_many(request)
        zone = timezone.get_current_timezone()
        _note_whole(request, held)
        words = _Transcripts(request) if may(request, "read_transcription") else None
        zipped = exports.ZipExport(held, _open, partial(_note_file, request), zone, words)
        body, length = zipped.stream()
        headers = _headers(f"recordings-{_today(zone)}.zip")
        if length is not None:
            headers["Content-Length"] = str(length)
        return StreamingHttpResponse(slot.of(body), content_type="application/zip", headers=headers)

    def _plan(self, request: HttpRequest, keys: list[int]) -> Plan:
        rows = (
            Recording.objects.visible_to(request.user).filter(pk__in=keys).select_related("account", "call")
        )
        loaded = rows.defer("provider_data", "call__provider_data").order_by("-happened_at", "-pk")
        return exports.plan(
            loaded, zone=timezone.get_current_timezone(), may_hear=may(request, "hear_recording")
        )


def in_order(rows: QuerySet[Any], *, loaded: QuerySet[Any], at_once: int, most: int) -> Iterator[list[Any]]:
    """Yield lists of rows from `loaded`, in the order of the first `most` of `rows`, without rows deleted since.

    Between two lists nothing is being read: SQLite refuses to write (`database is locked`) on a connection that still
    reads what another has changed.
    """
    keys = array("q", rows.values_list("pk", flat=True)[:most].iterator(chunk_size=BATCH))
    for start in range(0, len(keys), at_once):
        wanted = keys[start : start + at_once]
        found = loaded.in_bulk(wanted.tolist())
        yield [found[key] for key in wanted if key in found]


def _lines(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    for number, row in enumerate(rows):
        if number == MOST_LINES:
            yield [_("There are more: narrow the list, by date for instance.")]
            return
        yield row


def _note_words(request: HttpRequest, batch: list[Transcription]) -> None:
    """Log that the text of these transcripts is about to be exported as CSV."""
    with transaction.atomic():
        for held in batch:
            if held.status == TranscriptionStatus.COMPLETED:
                note_access(request, AccessAction.EXPORT, held.recording, detail=_("its transcript, as CSV"))


def _note_whole(request: HttpRequest, held: Plan) -> None:
    counts = Counter(item.recording.account for item in held.items)
    for account, count in counts.items():
        words = ngettext("a ZIP of %d recording", "a ZIP of %d recordings", count) % count
        note_access(request, AccessAction.EXPORT, None, account=account, detail=words)


def _note_file(request: HttpRequest, recording: Recording, reason: str) -> None:
    """One recording of a ZIP: its audio leaves, or `reason` says why not."""
    result = AccessResult.FAILED if reason else AccessResult.OK
    note_access(
        request, AccessAction.EXPORT, recording, result=result, detail=reason or _("its audio, in a ZIP")
    )


class _Transcripts:
    """The transcripts of a ZIP, for somebody who may read them."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def read(self, recordings: Sequence[Recording]) -> dict[int, str]:
        """By the recordings' primary keys."""
        keys = [one.pk for one in recordings]
        rows = Transcription.objects.filter(recording__in=keys, status=TranscriptionStatus.COMPLETED)
        return {pk: text or "" for pk, text in rows.values_list("recording_id", "text")}

    def note(self, recordings: Sequence[Recording]) -> None:
        """Those whose audio is in it have their line already."""
        with transaction.atomic():
            for one in recordings:
                note_access(self._request, AccessAction.EXPORT, one, detail=_("its transcript, in a ZIP"))


class _Fetched:
    """What is still at Vobiz, through the proxy that keeps nothing."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except (VobizError, OSError) as trouble:
            raise AudioOpenError(str(trouble)) from trouble

    def close(self) -> None:
        """Ask for no more of it."""
        self._body.close()


def _open(recording: Recording) -> Opened:
    try:
        return _Fetched(playback.open_audio(recording, AudioRequest()).body)
    except AudioUnavailableError as none:
        raise AudioOpenError(str(none)) from none
    except TooManyStreamsError as busy:
        raise AudioOpenError(_("too many people were listening at that moment")) from busy


def _headers(name: str) -> dict[str, str]:
    return {**PRIVATE, "Content-Disposition": f'attachment; filename="{name}"'}


def _today(zone: tzinfo) -> str:
    return timezone.now().astimezone(zone).strftime("%Y-%m-%d")
