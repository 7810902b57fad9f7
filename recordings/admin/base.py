"""What every page of the admin has in common: who sees which rows, and what a custom page must say to exist.

`AdminSite.admin_view` only asks whether somebody is on the staff, and an action without `permissions=` runs for
anyone who may look. So here a page or an action cannot be made without naming its permission, and every object
is found through the one gate, `visible_to`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import (
    ImproperlyConfigured,
    PermissionDenied,
    SuspiciousOperation,
    ValidationError,
)
from django.db import IntegrityError, models
from django.db.models import QuerySet
from django.forms import Media
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
)
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings.admin import formatting
from recordings.admin.change_list import Link, ListSearch, PortalChangeList, Sort, read_search
from recordings.admin.reader import accounts_seen, in_frame, note_access
from recordings.choices import AccessAction, AccessResult
from recordings.forms import is_key
from recordings.models import Account, Recording
from recordings.overview import EventTotals, Totals
from recordings.search import Reading

READ, WRITE, BOTH = ("GET", "HEAD"), ("POST",), ("GET", "HEAD", "POST")
LIST_FILTERS = "_changelist_filters"  # Django's parameter with the query of the list that somebody came from
LONGEST_TERM = 200  # characters of a search
PageMethod = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Page:
    """A custom page: as a decorator, `@page(…)` makes a method of a PortalAdmin the page at `route`.

    It is for those who have `permission` (`app.codename`) and what it takes `also`. The method gets `(request)`, or
    `(request, obj)` where the route holds `<path:object_id>`: an object that `request.user` may see, or the answer is
    404. What changes anything has `methods=WRITE`, or BOTH where GET only asks. The page's URL name is
    `admin:<app>_<model>_<name>`; without a `name` it has the method's. `access`: what whoever opens it does with what
    was said; the page writes that into the access log, and a refusal is written here.
    """

    route: str
    _: KW_ONLY
    permission: str
    name: str = ""
    methods: tuple[str, ...] = READ
    access: AccessAction | None = None
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(one.count(".") != 1 or not all(one.split(".")) for one in self.permissions):
            raise ImproperlyConfigured(f"The page {self.route} must name its permission as app.codename.")

    def __call__(self, method: PageMethod) -> PageMethod:
        method.portal_page = replace(self, name=self.name or method.__name__)  # type: ignore[attr-defined]
        return method

    @property
    def permissions(self) -> tuple[str, ...]:
        """All that it takes to open it."""
        return (self.permission, *self.also)


page = Page  # as a decorator


if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]  # generic for the type checker only
else:
    _Base = admin.ModelAdmin


class PortalMixin(_Base):
    """A mixin of every admin: its pages in the frame and their addresses, lists without empty fields, lookups."""

    list_title: Any = ""  # of the list's page, where it is not the plain name of its rows
    list_day: str | None = None  # the column whose days are headings
    views: tuple[tuple[Any, dict[str, str]], ...] = ()  # filters under a name, as tabs
    # orders that have an index, besides the usual one; of a column, the first click's first
    sorts: tuple[Sort, ...] = ()
    # groups of fields in the panel of filters, by the first parameter of each; the first group is always open
    filter_groups: tuple[tuple[Any, tuple[str, ...]], ...] = ()

    @property
    def media(self) -> Media:
        """No scripts but those of the frame; Django would load jQuery and nine more on every page."""
        return Media()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; a panel of filters sends empty fields, which an address does not keep."""
        if self.has_view_or_change_permission(request) and (answer := nothing_selected(request)):
            return answer
        if answer := without_empty_filters(request):
            return answer
        said = {"title": self.list_title} if self.list_title else {}
        return super().changelist_view(
            request, {**said, **self.list_context(request), **(extra_context or {})}
        )

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the list's template shows besides the list."""
        return {}

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show or save the form; one whose name another request took meanwhile is checked again, and says so."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except IntegrityError:  # such as by a second click on Save
            return super().changeform_view(request, *args, **kwargs)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the object; an id that no database takes is absent, and an empty `_to_field` is none."""
        if "\x00" in object_id:
            return None
        return super().get_object(request, object_id, from_field or None)

    def render(
        self, request: HttpRequest, template: str, context: dict[str, Any], *, title: str, status: int = 200
    ) -> TemplateResponse:
        """Return a page of this model in the admin's frame."""
        of_model = {
            "opts": self.opts,
            "has_view_permission": self.has_view_permission(request),
            "media": self.media,
        }
        return in_frame(request, template, {**of_model, **context}, title=title, status=status)

    def url_name(self, name: str) -> str:
        """Return `recordings_call_live` for the page `live` of Call."""
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def to_object(self, obj: models.Model, *, anchor: str = "") -> str:
        """Return the address of an object's page."""
        return reverse(f"admin:{self.url_name('change')}", args=[obj.pk]) + anchor

    def to_page(self, name: str, *args: object) -> str:
        """Return the address of one of this admin's pages, by its short name."""
        return reverse(f"admin:{self.url_name(name)}", args=args)


class PortalAdmin(PortalMixin):
    """Rows gated by `visible_to`; pages and actions with their own permissions; nothing is deleted here."""

    change_list_template = "admin/recordings/worded_list.html"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 100
    sortable_by = ()  # Django's sorting: a click on a heading must not sort a million
    list_deferred: tuple[str, ...] = ()
    date_column = "happened_at"  # that the list's filter by date goes by
    list_words: Any = ""  # what the rows are, below the title
    empty_title: Any = ""  # what an empty list says first
    empty_words: Any = ""  # and how rows get here
    begins_live = False  # whether the first row comes by recording a live call
    rows_named: tuple[Any, Any] | None = None  # one row and several, where the list says it in other words
    # what the list's rows come to, above them
    totals: Callable[[QuerySet[Any]], Totals | EventTotals] | None = None
    readings: Sequence[Reading] = ()  # the ways in which this list's search box can be read
    actions: Sequence[Any] = ()

    def __init__(self, model: type[models.Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        for action in self.actions:
            if not getattr(getattr(self, action), "allowed_permissions", None):
                raise ImproperlyConfigured(f"The action {action} must name its permissions.")

    # Rows

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows `request.user` may see."""
        rows: Any = super().get_queryset(request)
        gated: QuerySet[Any] = rows.visible_to(request.user)
        return gated

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        """Limit a form's choices to the rows the user may see."""
        offered: QuerySet[Any] | None = super().get_field_queryset(db, db_field, request)
        rows: Any = db_field.remote_field.model._default_manager.all() if offered is None else offered
        if hasattr(rows, "visible_to"):
            offered = rows.visible_to(request.user)
        return offered

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        """Return the change list class that defers heavy columns."""
        return PortalChangeList

    def listed(self, request: HttpRequest, query: str, *, is_counted: bool = False) -> QuerySet[Any] | None:
        """Return the rows that this list would show for a query string; None where it asks for nothing known."""
        asked: Any = copy(request)
        asked.GET, asked.is_unread, asked.is_counted = QueryDict(query), True, is_counted
        try:
            rows: QuerySet[Any] = self.get_changelist_instance(asked).queryset
        except (IncorrectLookupParameters, SuspiciousOperation, ValidationError):
            return None
        return rows

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow only lookups of the page's own filters: others could reveal a key letter by letter."""
        allowed = set()
        for entry in self.get_list_filter(request) if request is not None else self.list_filter:
            if isinstance(entry, type) and issubclass(entry, admin.SimpleListFilter):
                allowed.add(entry.parameter_name)
            elif isinstance(entry, type):
                allowed |= set(getattr(entry, "parameters", ()))  # a filter with several says which
            else:
                name = entry[0] if isinstance(entry, list | tuple) else entry
                allowed |= {f"{name}__exact", f"{name}__isnull"}
        return lookup in allowed

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by `find`, with a term of bounded length."""
        term = search_term.strip()[:LONGEST_TERM]
        if not term:
            return queryset, False
        if not self.readings:
            return self.find(queryset, term), False
        return self.find_read(queryset, read_search(request, term, self.readings)), False

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the rows that `term` finds: for lists of few rows, and of what leads to no recording."""
        return queryset.none()

    def find_read(self, queryset: QuerySet[Any], search: ListSearch) -> QuerySet[Any]:
        """Return the rows that a search finds, read as `search.reading` says: for lists with `readings`."""
        return queryset.none()

    def _get_obj_does_not_exist_redirect(self, *_args: Any) -> HttpResponse:
        """Django would lead to the index with a message; what is absent or not ours to see is not found."""
        raise Http404

    # Columns

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Leave out the account column for a user who sees one account only."""
        columns = super().get_list_display(request)
        sees_many = len(accounts_seen(request)) > 1
        return [name for name in columns if name != "account_name" or sees_many]

    def action_checkbox(self, obj: models.Model) -> SafeString:
        """Return the box that chooses a row, named shorter than Django names it; a widget is a template for each."""
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">',
            ACTION_CHECKBOX_NAME, obj.pk, _("Select %s") % obj,
        )  # fmt: skip

    @admin.display(description=gettext_lazy("account"))
    def account_name(self, obj: Any) -> SafeString:
        """Return whose row it is, for somebody who sees several accounts."""
        return formatting.account_name(obj.account)

    def sort_rows(self, request: HttpRequest, rows: QuerySet[Any], name: str) -> QuerySet[Any]:
        """Return the rows in one of the orders of `sorts`."""
        return rows

    def on_page(self, request: HttpRequest, cl: PortalChangeList) -> None:
        """Annotate the rows of a page together, before they are rendered."""

    # Permissions

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Refuse: nothing is deleted in the admin."""
        return False

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return the history, whose permission is asked before the object is looked for."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)

    # Custom pages

    def pages(self) -> Iterator[tuple[Page, PageMethod]]:
        """Return the custom pages of this admin."""
        for name in dir(type(self)):
            found = getattr(getattr(type(self), name), "portal_page", None)
            if isinstance(found, Page):
                yield found, getattr(self, name)

    def get_urls(self) -> list[Any]:
        """Put custom pages first: `<path:object_id>/` would swallow them."""
        own: list[URLPattern] = [
            path(found.route, self.guard(found, method), name=self.url_name(found.name))
            for found, method in self.pages()
        ]
        return [*own, *super().get_urls()]

    def guard(self, found: Page, method: PageMethod) -> PageMethod:
        """Return the page behind its permission, its gate and its methods, in this order."""

        def view(request: HttpRequest, object_id: str | None = None) -> HttpResponseBase:
            if not request.user.has_perms(found.permissions):
                self.note_refusal(request, found.access, object_id)
                raise PermissionDenied
            arguments: list[models.Model] = []
            if object_id is not None:
                obj = self.get_object(request, unquote(object_id))
                if obj is None:
                    self.note_refusal(request, found.access, object_id)
                    raise Http404
                arguments.append(obj)
            if request.method not in found.methods:
                return HttpResponseNotAllowed(found.methods)
            return method(request, *arguments)

        # what the test that walks every route reads
        view.portal_page = found  # type: ignore[attr-defined]
        return self.admin_site.admin_view(view)

    def note_refusal(
        self, request: HttpRequest, access: AccessAction | None, object_id: str | None = None
    ) -> None:
        """Write into the access log who was refused what, theirs to see or not; what is not there is no refusal."""
        if access is None:
            return
        recording, account = None, None
        if object_id is not None:
            try:
                key: Any = self.opts.pk.to_python(unquote(object_id))
            except ValidationError:
                return
            obj: Any = self.model._default_manager.filter(pk=key).first()
            if obj is None:
                return
            recording = obj if isinstance(obj, Recording) else getattr(obj, "recording", None)
            account = getattr(obj, "account", None)
        note_access(request, access, recording, account=account, result=AccessResult.REFUSED)

    # What a person did

    def conclude(
        self,
        request: HttpRequest,
        obj: models.Model,
        *,
        words: str,
        log: str,
        to: str,
        level: int = messages.SUCCESS,
    ) -> HttpResponseRedirect:
        """Say what a button did, write it into the object's history, and lead on to `to`."""
        self.log_change(request, obj, log)
        self.message_user(request, words, level)
        return HttpResponseRedirect(to)

    def say_how_many(
        self,
        request: HttpRequest,
        count: int,
        words: str,
        *,
        none: str,
        left: str = "",
        level: int | None = None,
    ) -> None:
        """Say in one message of how many rows something became what `words` say, which have a place for the number.

        `left`: a sentence about those that were left as they are. `none`: the sentence where all were.
        """
        if count:
            level = level or (messages.INFO if left else messages.SUCCESS)
            self.message_user(request, f"{words % formatting.count(count)} {left}".strip(), level)
        else:
            self.message_user(request, none, messages.WARNING)

    def log_each(self, request: HttpRequest, rows: list[models.Model], message: str) -> None:
        """Write one line into the history of each object."""
        if rows:
            LogEntry.objects.log_actions(
                user_id=request.user.pk or 0, queryset=rows, action_flag=CHANGE, change_message=message
            )

    def to_index(self) -> str:
        """Return the address of the admin's first page, which everybody on the staff may open."""
        return reverse("admin:index")


@dataclass(frozen=True, slots=True)
class Fact:
    """A value under its name; `hint` says more in small print, `source` where it is from, `url` leads to its page."""

    label: str
    value: str | SafeString
    hint: str | SafeString = ""
    source: str | SafeString = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Facts under a heading; `words` stand above them, `text` is long text shown as it is."""

    title: str
    facts: list[Fact] = field(default_factory=list)
    words: str | SafeString = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a timeline. `who` did it, or it came from there; `detail` is what was said.

    `day` is named where it is another than that of the line before.
    """

    at: datetime
    words: str | SafeString
    who: str | SafeString = ""
    detail: str | SafeString = ""
    icon: str = ""
    day: str = ""


class ReadOnlyAdmin(PortalAdmin):
    """For what only Vobiz decides: looked at, never typed in."""

    page_template = "admin/recordings/facts.html"
    list_display_links = ("when",)

    @admin.display(description=gettext_lazy("when"))
    def when(self, obj: Any) -> str | SafeString:
        """Return when it started, else when it became known; under a heading that names the day, the time alone."""
        under_day = getattr(obj, "under_day", False)
        return formatting.day_and_time(obj.happened_at, timezone.now(), under_day=under_day)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: rows come from Vobiz."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Refuse: rows change by what Vobiz reports and by buttons."""
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Return the page of one row: what is known, and where it is from."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if request.method not in READ:
            return HttpResponseNotAllowed(READ)
        return self.show(request, obj, extra_context)

    def show(
        self, request: HttpRequest, obj: models.Model, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return the page of one row that the reader may see."""
        context = {
            "original": obj,
            "object": obj,
            "history_url": self.to_page("history", obj.pk),
            "subtitle": None,
            **self.page_context(request, obj),
            **(extra_context or {}),
        }
        title = str(context.pop("title", obj))
        return self.render(request, self.page_template, context, title=title)

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return what the template shows: `sections`, and what else it asks for."""
        raise NotImplementedError


def without_empty_filters(request: HttpRequest) -> HttpResponseRedirect | None:
    """Lead to the address without the fields that were sent empty; None where there is none."""
    kept = [(name, value) for name, values in request.GET.lists() for value in values if value]
    if request.method != "GET" or len(kept) == sum(len(values) for _name, values in request.GET.lists()):
        return None
    return HttpResponseRedirect(f"{request.path}?{urlencode(kept)}" if kept else request.path)


def needs_none(left: int) -> str:
    """Return the sentence about those of a selection that needed no review; empty where there is none."""
    words = ngettext("%s needed no review.", "%s needed no review.", left) % formatting.count(left)
    return words if left else ""


def nothing_selected(request: HttpRequest) -> HttpResponseRedirect | None:
    """Lead back to the list where an action was pressed without a row; None where there is one, or no action.

    Django's own fails at a row that is no number.
    """
    if request.method != "POST" or "action" not in request.POST:
        return None
    selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
    if selected and all(is_key(one) for one in selected):
        return None
    messages.warning(request, _("Select at least one row."))
    return HttpResponseRedirect(request.get_full_path())


def may(request: HttpRequest, permission: str) -> bool:
    """Return whether the reader has `recordings.<permission>`."""
    return request.user.has_perm(f"recordings.{permission}")


BATCH = 500  # rows written at once


def in_batches(rows: QuerySet[Any], *, without: tuple[str, ...]) -> Iterator[list[Any]]:
    """Yield lists of BATCH rows, `without` their heaviest columns. The keys are read first: writing changes them."""
    keys = list(rows.values_list("pk", flat=True))
    for start in range(0, len(keys), BATCH):
        yield list(rows.model._default_manager.filter(pk__in=keys[start : start + BATCH]).defer(*without))


# What stops an account, with the link to its cure: one answer for every page and message


def cure_of(request: HttpRequest, account: Account) -> Link:
    """Return what to press: the account's page, at the field for the token where none is stored.

    No address for who may not open it, and the page alone for who may not fill that field.
    """
    if not may(request, "view_account"):
        return Link("", "")
    url = reverse("admin:recordings_account_change", args=[account.pk])
    if account.is_active and account.encrypted_token is None and may_enter_token(request):
        return Link(_("Enter the token"), f"{url}#id_token")
    return Link(_("Open the account"), url)


def may_enter_token(request: HttpRequest) -> bool:
    """Return whether the reader may fill the field for the token."""
    return may(request, "view_account") and may(request, "change_account") and may(request, "change_token")


def with_cure(request: HttpRequest, account: Account, words: str) -> str | SafeString:
    """Return the words of a message, with the link to the cure after them where the reader may open it."""
    cure = cure_of(request, account)
    return format_html('{} <a href="{}">{}</a>', words, cure.url, cure.label) if cure.url else words


def stopped_words(request: HttpRequest, account: Account, n: int) -> str | SafeString:
    """Say that recordings are not archived, because archiving of their account is stopped, why, and the cure."""
    if not account.is_active:
        words = ngettext(
            "Not archived: %(account)s is inactive. %(n)s recording waits.",
            "Not archived: %(account)s is inactive. %(n)s recordings wait.",
            n,
        )
    elif account.encrypted_token is None:
        words = ngettext(
            "Not archived: no token is stored for %(account)s. %(n)s recording waits.",
            "Not archived: no token is stored for %(account)s. %(n)s recordings wait.",
            n,
        )
    else:
        words = ngettext(
            "Not archived yet: archiving of %(account)s is stopped. %(n)s recording waits. %(why)s",
            "Not archived yet: archiving of %(account)s is stopped. %(n)s recordings wait. %(why)s",
            n,
        )
    names = {"account": formatting.plain(account), "why": formatting.plain(account.archive_stop)}
    return with_cure(request, account, words % {"n": formatting.count(n), **names})
