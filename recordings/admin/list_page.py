"""A list's page around its rows: filters as chips and one panel, views as tabs, days and calls as groups of rows.

A view is a choice of filters under a name; the form here saves and renames those of people.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from django import forms
from django.contrib.admin.templatetags.admin_list import result_headers, results
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.db import IntegrityError, transaction
from django.http import HttpRequest, QueryDict
from django.utils import dateformat, timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin import formatting
from recordings.admin.change_list import POSITIONS, without_words
from recordings.admin.filters import DateFilter
from recordings.admin.reader import found_once, iso_day
from recordings.models import Account, SavedView
from recordings.overview import EventTotals

MOST_VIEWS = 12  # saved ones that are tabs
MOST_SAVED, LONGEST_QUERY = 50, 2_000
PILLS = {"date", "length"}  # filters whose choices all show, one press each


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, and the address without it; the order of the list is one too, that narrows nothing."""

    label: str
    url: str
    narrows: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class FilterField:
    """A filter as a field of the panel; with `is_date` it has two more, for the first and the last day."""

    name: str
    label: str
    choices: list[Choice]
    is_date: bool = False
    date_from: str = ""
    date_to: str = ""
    inputs: tuple[Any, ...] = ()

    @property
    def has_pills(self) -> bool:
        """Whether all its choices show."""
        return self.name in PILLS

    @property
    def is_used(self) -> bool:
        """Whether it narrows the list."""
        return any(one.value for one in self.inputs) or any(
            one.is_chosen and one.value for one in self.choices
        )


@dataclass(frozen=True, slots=True)
class View:
    """A tab above the list: a choice of filters under a name, or a list beside it."""

    label: Any
    url: str
    is_current: bool
    count: str = ""


@dataclass(frozen=True, slots=True)
class Total:
    """One sum above the list: the figure, its word, and what it means on hover."""

    figure: str
    word: str = ""
    title: str = ""


@dataclass(slots=True)
class RowGroup:
    """Rows that follow each other: of one call, or each of its own; `day` begins a new day."""

    day: str = ""
    day_sum: str = ""
    call: int | None = None
    rows: list[SafeString] = field(default_factory=list)  # the cells of each

    @property
    def is_call(self) -> bool:
        """Whether it is recordings of one call."""
        return self.call is not None and len(self.rows) > 1


@dataclass(frozen=True, slots=True)
class Rows:
    """What the table shows."""

    headers: list[Any]
    groups: list[RowGroup]


def without_each(cl: Any) -> list[Chip]:
    """Return the filters to take away one at a time from a list without rows; none where there is only one."""
    found = [chip for chip in chips(cl) if chip.narrows]
    return found if len(found) > 1 or cl.query else []


@found_once
def chips(cl: Any) -> list[Chip]:
    """Return the filters that are on, found once for a list: one of them counts rows."""
    found = []
    for spec in cl.filter_specs:
        names = [name for name in spec.expected_parameters() if name in cl.get_filters_params()]
        if not names:
            continue
        if hasattr(spec, "chip"):
            found.append(
                Chip(spec.chip(), cl.get_query_string(remove=[*spec.expected_parameters(), PAGE_VAR]))
            )
            continue
        chosen = [str(one["display"]) for one in spec.choices(cl) if one["selected"]]
        label = chosen[0] if chosen else _between(spec)
        if not isinstance(spec, DateFilter):
            label = f"{str(spec.title).capitalize()}: {label}"
        found.append(Chip(label, cl.get_query_string(remove=[*spec.expected_parameters(), PAGE_VAR])))
    sorted_by = next((one for one in cl.model_admin.sorts if one.name == cl.sort), None)
    if sorted_by is not None:
        found.append(Chip(str(sorted_by.label), cl.get_query_string(remove=[ORDER_VAR]), narrows=False))
    return found


def without_filters(cl: Any) -> str:
    """Return the address of the list without any of its chips: its search stays."""
    return str(cl.get_query_string(remove=[*cl.get_filters_params(), ORDER_VAR, PAGE_VAR]))


def _between(spec: Any) -> str:
    if not isinstance(spec, DateFilter):
        return formatting.plain(", ".join(str(value) for value in spec.used_parameters.values()))
    first, last = _day_words(spec.date_from), _day_words(spec.date_to)
    if first and first == last:
        return first
    if first and last:
        return _("%(first)s to %(last)s") % {"first": first, "last": last}
    return _("from %s") % first if first else _("until %s") % last


def _day_words(text: str) -> str:
    day = iso_day(text)
    return formatting.plain(text) if day is None else formatting.day(day)


@found_once
def filter_fields(cl: Any) -> list[FilterField]:
    """Return the panel's fields; a filter that only a link makes is a chip alone."""
    found = []
    for spec in cl.filter_specs:
        names = [str(name) for name in spec.expected_parameters()]
        name = names[0]
        if getattr(spec, "is_linked", False):
            continue
        if hasattr(spec, "fields"):
            found.append(FilterField(name, str(spec.title), [], inputs=tuple(spec.fields())))
            continue
        choices = [
            Choice(_value_of(one["query_string"], name), str(one["display"]), bool(one["selected"]))
            for one in spec.choices(cl)
            if one.get("query_string") is not None
        ]
        if isinstance(spec, DateFilter):
            found.append(
                FilterField(name, str(spec.title), choices, True, spec.date_from, spec.date_to)  # noqa: FBT003
            )
        elif len(choices) > 2 or not getattr(spec, "words", ""):
            found.append(FilterField(name, str(spec.title), choices))
    return found


def filter_groups(cl: Any) -> list[dict[str, Any]]:
    """Return the panel's fields in the groups that the list names; one without a title where it names none.

    `is_more`: folded away until it is asked for.
    """
    fields = {one.name: one for one in filter_fields(cl)}
    named = cl.model_admin.filter_groups or (("", tuple(fields)),)
    rest = [name for name in fields if not any(name in names for _title, names in named)]
    found = []
    for number, (title, names) in enumerate(named):
        of_group = [*names, *rest] if number == len(named) - 1 else names
        shown = [fields[name] for name in of_group if name in fields]
        is_open = any(one.is_used for one in shown)
        if shown:
            found.append({"title": title, "fields": shown, "is_more": number > 0, "is_open": is_open})
    return found


def _value_of(query: str, name: str) -> str:
    return (parse_qs(query.removeprefix("?")).get(name) or [""])[0]


def kept_parameters(cl: Any) -> list[tuple[str, str]]:
    """Return what the panel's form must send along: the search, and filters that are no fields of it."""
    fields = {name for one in filter_fields(cl) for name in (one.name, *_date_names(one))}
    found = [
        (str(name), str(value))
        for name, values in cl.get_filters_params().items()
        if name not in {*fields, PAGE_VAR}
        for value in (values if isinstance(values, list) else [values])
    ]
    return [*found, (SEARCH_VAR, cl.query)] if cl.query else found


def _date_names(one: FilterField) -> tuple[str, ...]:
    return DateFilter.parameters if one.is_date else tuple(str(each.name) for each in one.inputs)


def views(cl: Any, request: HttpRequest) -> list[View]:
    """Return the tabs of this list; the first is the whole list, where they are not those of an admin's `tabs`."""
    if tabs := getattr(cl.model_admin, "tabs", None):
        return list(tabs(request))
    named = _named_views(cl, request)
    filters = {name: value for name, value in request.GET.items() if name not in {PAGE_VAR, *POSITIONS}}
    unsorted = {name: value for name, value in filters.items() if name != ORDER_VAR}
    counts: dict[str, str] = getattr(request, "view_counts", {})
    found = [
        View(
            label,
            f"?{urlencode(query)}" if query else request.path,
            query in (filters, unsorted),
            counts.get(urlencode(query), ""),
        )
        for label, query in named
    ]
    if found and not any(view.is_current for view in found):
        found[0] = replace(found[0], is_current=True)
    return found


def _named_views(cl: Any, request: HttpRequest) -> list[tuple[Any, dict[str, str]]]:
    """Return the views of this list, then those that were saved."""
    named = list(cl.model_admin.views)
    if not named:
        return []
    for view in saved_views(request):
        filters = without_words(request, QueryDict(view.query)).items()
        named.append((view.name, {name: str(value) for name, value in filters}))
    return named


@found_once
def saved_views(request: HttpRequest) -> list[SavedView]:
    """Return the saved views that the reader is shown."""
    return list(SavedView.objects.shown_to(request.user)[:MOST_VIEWS])


class SavedViewForm(forms.Form):
    """A name for the filters of the recordings' list; who changes an account may share them with all who see it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    query = forms.CharField(required=False, widget=forms.HiddenInput, max_length=LONGEST_QUERY)
    account = forms.ModelChoiceField(
        Account.objects.none(),
        label=gettext_lazy("For"),
        required=False,
        empty_label=gettext_lazy("Me alone"),
    )

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data, initial={"query": request.GET.urlencode()}, label_suffix="")
        self.user: Any = request.user
        shared: Any = self.fields["account"]
        shared.queryset = Account.objects.visible_to(self.user).order_by("name", "auth_id")
        if not request.user.has_perm("recordings.change_account"):
            del self.fields["account"]

    def clean_query(self) -> str:
        """Return the filters without the place in the list and without empty fields; there must be some."""
        sent = QueryDict(self.cleaned_data["query"]).items()
        kept = [(name, str(value)) for name, value in sent if value and name not in {*POSITIONS, PAGE_VAR}]
        if not kept:
            raise forms.ValidationError(_("The list has no filter. Choose some, then save the view."))
        return urlencode(kept)

    def clean_name(self) -> str:
        """Return a name that is none of the person's other views, of which there are at most MOST_SAVED."""
        name: str = self.cleaned_data["name"]
        views = SavedView.objects.filter(user_id=self.user.pk)
        if views.filter(name=name).exists():
            raise forms.ValidationError(_("You have a view of this name."))
        if views.count() >= MOST_SAVED:
            raise forms.ValidationError(_("You have %d views. Delete one first.") % MOST_SAVED)
        return name

    def store(self) -> SavedView:
        """Store the view; a second click on the button stores no second one."""
        data = self.cleaned_data
        values = {"query": data["query"], "account": data.get("account")}
        view, _created = SavedView.objects.get_or_create(user=self.user, name=data["name"], defaults=values)
        return view

    def rename(self, view: SavedView, name: str) -> bool:
        """Give a view another name; False where it cannot have it."""
        name = name.strip()[:60]
        if not name:
            return False
        try:
            with transaction.atomic():
                SavedView.objects.filter(pk=view.pk).update(name=name)
        except IntegrityError:  # another of the person's views has it
            return False
        return True


def view_queries(cl: Any, request: HttpRequest) -> list[str]:
    """Return the query string of each view that is counted: not of a search, which is made of several statements."""
    named = _named_views(cl, request)
    return [urlencode(query) for _label, query in named if query and SEARCH_VAR not in query]


def rows(cl: Any) -> Rows:
    """Return the page's rows under their days, those of one call together."""
    column = _day_column(cl)
    now = timezone.now()
    for row in cl.result_list:
        row.under_day = column is not None
    groups: list[RowGroup] = []
    day_before, call_before = "", None
    for row, cells in zip(cl.result_list, results(cl), strict=True):
        at = getattr(row, column) if column is not None else None
        day = day_name(at, now) if at is not None else ""
        call = getattr(row, "call_id", None) if getattr(row, "shared", None) else None
        if not groups or day != day_before or call != call_before:
            groups.append(RowGroup(day if day != day_before else "", call=call))
            if groups[-1].day and at is not None:
                groups[-1].day_sum = _sum_of_day(cl, at)
        groups[-1].rows.append(format_html_join("", "{}", ((cell,) for cell in cells)))
        day_before, call_before = day, call
    headers = [
        {**header, **_sort_link(cl, name)}
        for name, header in zip(cl.list_display, result_headers(cl), strict=True)
    ]
    return Rows(headers, groups)


def _sort_link(cl: Any, column: str) -> dict[str, Any]:
    """Return where a heading leads: to its first order, from one order to the next, from the last to the usual one."""
    offered = [one for one in cl.model_admin.sorts if one.column == column]
    if not offered:
        return {}
    names = [one.name for one in offered]
    place = names.index(cl.sort) if cl.sort in names else None
    following = offered[0] if place is None else next(iter(offered[place + 1 :]), None)
    url = (
        cl.get_query_string({ORDER_VAR: following.name})
        if following
        else cl.get_query_string(remove=[ORDER_VAR])
    )
    title = following.label if following else _("Newest first")
    if place is None:
        return {"sort_url": url, "sort_title": title}
    way = "descending" if offered[place].is_descending else "ascending"
    return {"sort_url": url, "sort_title": title, "aria_sort": way}


def sort_choices(cl: Any) -> list[Choice]:
    """Return the orders that the list can be put in; none where there is only the usual one."""
    offered = cl.model_admin.sorts
    if not offered:
        return []
    usual = Choice("", _("Newest first"), not cl.sort)
    return [usual, *(Choice(one.name, str(one.label), one.name == cl.sort) for one in offered)]


def _day_column(cl: Any) -> str | None:
    """Return the column whose days are headings, while the list is sorted by it."""
    column: str | None = cl.model_admin.list_day
    return column if cl.order is not None and cl.order.attribute == column else None


def _sum_of_day(cl: Any, at: datetime) -> str:
    """Return `17 recordings · 1:12:05` for a day that is whole on this page; else nothing, for it goes on elsewhere."""
    zone = timezone.get_current_timezone()
    column = cl.model_admin.list_day
    days = [getattr(row, column).astimezone(zone).date() for row in cl.result_list]
    day = at.astimezone(zone).date()
    if (cl.page.ahead is not None and day == days[0]) or (cl.page.following is not None and day == days[-1]):
        return ""
    rows = [row for row, on in zip(cl.result_list, days, strict=True) if on == day]
    name = cl.opts.verbose_name if len(rows) == 1 else cl.opts.verbose_name_plural
    seconds = sum(getattr(row, "duration_ms", None) or 0 for row in rows) / 1_000
    words = f"{formatting.count(len(rows))} {name}"
    return f"{words} · {formatting.span(seconds)}" if seconds else words


def totals(cl: Any, request: HttpRequest) -> list[Total]:
    """Return the sums of the whole list; `+` where only a part of it was summed."""
    found = cl.totals
    if found is None or not found.rows:
        return []
    more = "+" if found.is_partial else ""

    def add(figure: str, word: str = "", title: str = "") -> None:
        shown.append(Total(figure + more, word, title))

    name = cl.opts.verbose_name if found.rows == 1 and not more else cl.opts.verbose_name_plural
    shown = [Total(formatting.count(found.rows) + more, str(name))]
    if isinstance(found, EventTotals):
        counts = [(formatting.count(n), str(outcome.label).lower()) for outcome, n in found.outcomes.items()]
        return [*shown, *(Total(figure, words) for figure, words in counts)]
    if found.duration_ms:
        add(formatting.span(found.duration_ms / 1_000), title=_("Length, as Vobiz reports it"))
    if found.audio_bytes:
        add(formatting.file_size(found.audio_bytes), title=_("Archived copies"))
    add(formatting.count(found.archived), _("archived"))
    if found.storage:
        title = _("Vobiz's storage cost this month")
        add(formatting.money(round(found.storage, 2)), _("storage"), title)
    if found.transcription and request.user.has_perm("recordings.view_transcription"):
        title = _("What Vobiz charged for transcription; it names no currency")
        add(
            formatting.money(round(found.transcription, 2), ""),
            _("transcription, currency not stated"),
            title,
        )
    return shown


def day_name(at: datetime, now: datetime) -> str:
    """`Today`, `Yesterday`, `Thu 29 Oct`, with the year only where it is another."""
    zone = timezone.get_current_timezone()
    on, today = at.astimezone(zone).date(), now.astimezone(zone).date()
    match (today - on).days:
        case 0:
            return _("Today")
        case 1:
            return _("Yesterday")
    return dateformat.format(on, "D j M" if on.year == today.year else "j M Y")


def actions(form: Any) -> list[tuple[str, str]]:
    """Return the name and label of each action for ticked rows, by Django's form; it has none without actions."""
    return [(name, label) for name, label in form.fields["action"].choices if name] if form else []
