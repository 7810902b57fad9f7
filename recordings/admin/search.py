"""The search box: a number in any spelling, a call UUID or a recording ID."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin.audit import note_access
from recordings.admin.keyset import POSITIONS
from recordings.choices import AccessAction
from recordings.models import Recording, Transcription
from recordings.search import Part, Query, Reading, likeliest, parse_query, snippet

AS = "as"  # the query string's name for the reading
EVERY_READING = (Reading.NUMBER, Reading.ID, Reading.WORDS, Reading.NAME)
LABELS = {
    Reading.NUMBER: gettext_lazy("Phone number"),
    Reading.ID: gettext_lazy("Call or recording ID"),
    Reading.WORDS: gettext_lazy("Words in transcripts"),
    Reading.NAME: gettext_lazy("SIP address or conference name"),
}


@dataclass(frozen=True, slots=True)
class OtherReading:
    """Another way to read the same words, and where it leads."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class ListSearch:
    """One search of one list. `reading` is None where nothing typed so can be found."""

    query: Query
    reading: Reading | None
    others: tuple[OtherReading, ...]

    @property
    def read_as(self) -> str:
        """How the page says that it was read."""
        if self.reading is None:
            return ""
        label = str(LABELS[self.reading])
        if self.query.side == "from":
            return _("%(reading)s, caller only") % {"reading": label}
        if self.query.side == "to":
            return _("%(reading)s, callee only") % {"reading": label}
        return label


def read_search(request: HttpRequest, typed: str, readings: Collection[Reading]) -> ListSearch:
    """Read the box as the query string says, else in the likeliest way; words only for who may read transcripts."""
    allowed = [reading for reading in readings if reading != Reading.WORDS or may_search_words(request)]
    query = parse_query(typed)
    offered = query.offered(allowed)
    wanted = request.GET.get(AS, "")
    reading = next((one for one in offered if one == wanted), None)
    reading = reading or likeliest(Recording.objects.visible_to(request.user), query, offered)
    others = [OtherReading(str(LABELS[one]), _url(request, one)) for one in offered if one != reading]
    return ListSearch(query, reading, tuple(others))


def may_search_words(request: HttpRequest) -> bool:
    """Return whether this person may read transcripts, and so search their words; rows are gated by account besides."""
    return request.user.has_perm("recordings.read_transcription")


def without_words(request: HttpRequest, query: QueryDict) -> QueryDict:
    """Return a view's filters; without its search where that may look for words and the reader may not read them."""
    readings = parse_query(query.get("q", "")).readings
    if may_search_words(request) or Reading.WORDS not in readings:
        return query
    kept = query.copy()
    for name in ("q", AS):
        kept.pop(name, None)
    return kept


def snippets_of(
    request: HttpRequest, search: ListSearch, rows: Collection[Recording]
) -> dict[int, list[Part]]:
    """Return the matching part of each shown recording's transcript, by primary key, and log that they were shown."""
    if search.reading != Reading.WORDS or not rows:
        return {}
    held = Transcription.objects.filter(recording__in=rows).only("recording_id", "text", "status", "trust")
    parts = {one: snippet(one.text or "", search.query) for one in held}
    warning = Part(_("Not verified: "), matches=False)
    shown = {
        one.recording_id: [warning, *found] if one.is_unverified else found
        for one, found in parts.items()
        if found
    }
    if shown:
        accounts = {row.account for row in rows if row.pk in shown}
        note_access(
            request,
            AccessAction.TRANSCRIPT,
            None,
            account=accounts.pop() if len(accounts) == 1 else None,
            detail=_("A search showed the matching words of %d transcripts.") % len(shown),
        )
    return shown


def _url(request: HttpRequest, reading: Reading) -> str:
    changed: Any = request.GET.copy()
    changed[AS] = str(reading)
    for position in POSITIONS:
        changed.pop(position, None)
    return f"?{changed.urlencode()}"
