"""A list as the portal shows it: paged by keyset, counted no further than it shows, in orders that have an index."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.cache import caches
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from recordings.admin import formatting
from recordings.admin.keyset import MOST_COUNTED, POSITIONS, KeysetPage, Order, count_up_to, order_of, page_at
from recordings.admin.search import AS, ListSearch, read_search
from recordings.admin.zones import reader_zone
from recordings.overview import EventTotals, Totals
from recordings.search import NEWEST_FIRST

TOTALS_HOLD = 30  # seconds


@dataclass(frozen=True, slots=True)
class Sort:
    """An order that a list can be put in, by the heading of `column`; its `name` travels in the address."""

    name: str
    label: Any
    column: str
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link to a page beside the one shown."""

    label: str
    rel: str
    url: str


class PortalChangeList(ChangeList):
    """A list that does not fetch what it does not show, under its plain name."""

    search: ListSearch | None = None
    page: KeysetPage | None = None  # None where the order of the rows allows no keyset
    order: Order | None = None
    counts_more = False
    totals: Totals | EventTotals | None = None

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        if not self.is_popup:
            self.title = str(capfirst(self.opts.verbose_name_plural))

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows of one page, found by keyset, and count at most MOST_COUNTED of the list."""
        owner: Any = self.model_admin
        order = order_of(self.queryset)
        if order is None:
            super().get_results(request)
        else:
            self.get_page(request, order)
        if self.query and owner.readings:
            self.search = read_search(request, self.query, owner.readings)
        owner.on_page(self.result_list, self.order)
        owner.on_found(request, self.search, self.result_list)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count

    def get_page(self, request: HttpRequest, order: Order) -> None:
        """Set what Django's list sets, without an offset and without a count of all rows."""
        page = page_at(
            self.queryset, order, request.GET.dict(), size=self.list_per_page, zone=reader_zone(request)
        )
        if page.is_position_wrong:
            words = _("The position in this link is not valid. This is the first page.")
            messages.warning(request, words, fail_silently=True)
        self.page, self.order, self.result_list = page, order, page.rows
        is_whole = page.ahead is None and page.following is None
        self.totals = self.sum_up(request) if request.method == "GET" else None
        if self.totals is not None:
            self.result_count, self.counts_more = self.totals.rows, self.totals.is_partial
        else:
            counted = len(page.rows) if is_whole else count_up_to(self.queryset)
            self.result_count, self.counts_more = min(counted, MOST_COUNTED), counted > MOST_COUNTED
        self.full_result_count, self.show_full_result_count = None, False
        self.show_admin_actions = True
        self.can_show_all, self.multi_page = False, not is_whole
        self.paginator = None

    def sum_up(self, request: HttpRequest) -> Totals | EventTotals | None:
        """Return the totals of the list, if it has any; those of a part may be TOTALS_HOLD seconds old."""
        owner: Any = self.model_admin
        if owner.totals is None:
            return None
        user: Any = request.user
        filters = sorted((name, values) for name, values in request.GET.lists() if name not in POSITIONS)
        asked = f"{user.pk} {getattr(user, 'narrowed_to', '')} {request.path} {filters}"
        key = f"totals-{hashlib.sha256(asked.encode()).hexdigest()}"
        held: Totals | EventTotals | None = caches["process"].get(key)
        if held is not None:
            return held
        # PostgreSQL: in the page's order, so that the page's index serves, whose hits it takes to be more than they are
        in_order = self.has_active_filters and connections[self.queryset.db].vendor == "postgresql"
        found: Totals | EventTotals = owner.totals(self.queryset if in_order else self.queryset.order_by())
        if found.is_partial:
            caches["process"].set(key, found, TOTALS_HOLD)
        return found

    @property
    def count_words(self) -> str:
        """The number of rows, as far as it was counted: `1,284` or `10,000+`."""
        return (
            f"{formatting.count(self.result_count)}+"
            if self.counts_more
            else formatting.count(self.result_count)
        )

    @property
    def rows_named(self) -> str:
        """What a row of the list is called, for the number before it."""
        owner: Any = self.model_admin
        names = owner.rows_named or (self.opts.verbose_name, self.opts.verbose_name_plural)
        return str(names[0] if self.result_count == 1 and not self.counts_more else names[1])

    @property
    def page_links(self) -> list[PageLink]:
        """The links to the pages beside this one, which keep every filter."""
        if self.page is None or self.order is None:
            return []
        names = (_("Newer"), _("Older")) if self.order.is_newest_first else (_("Previous"), _("Next"))
        positions = zip(names, ("prev", "next"), (self.page.ahead, self.page.following), strict=True)
        return [
            PageLink(name, rel, self.get_query_string(dict(position)))
            for name, rel, position in positions
            if position is not None
        ]

    def get_query_string(
        self, new_params: dict[str, Any] | None = None, remove: Iterable[str] | None = None
    ) -> str:
        """Return an address of this list; a position is kept in none of them, for another list has other pages."""
        self._forget_position()
        return str(super().get_query_string(new_params, remove))

    def _forget_position(self) -> None:
        for name in POSITIONS:
            self.params.pop(name, None)
            self.filter_params.pop(name, None)

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the filters, without what says how to read the search and where in the list the page is."""
        self._forget_position()
        lookups = super().get_filters_params(params)
        lookups.pop(AS, None)
        return lookups

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return the order that a filter asks for, by an annotation `list_order` or its `order`; else the usual one."""
        if "list_order" in queryset.query.annotations:
            return ["list_order", "pk"]
        orders = [order for spec in self.filter_specs if (order := getattr(spec, "order", None))]
        if orders:  # one that gathers few rows goes before one that walks them by time
            return list(next((order for order in orders if order != NEWEST_FIRST), NEWEST_FIRST))
        sort = self.params.pop(ORDER_VAR, None)  # Django would know no order by this name, and take none
        usual = list(super().get_ordering(request, queryset))
        if sort is not None:
            self.params[ORDER_VAR] = sort
        return usual

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Return the rows asked for, in the order asked for, without the columns in the admin's `list_deferred`."""
        rows = super().get_queryset(request, exclude_parameters)
        if self.sort:
            owner: Any = self.model_admin
            rows = owner.sort_rows(request, rows, self.sort)
        return rows.defer(*getattr(self.model_admin, "list_deferred", ()))

    @property
    def sort(self) -> str:
        """The order that the address asks for, of those that the list offers; empty for the usual one."""
        asked = self.params.get(ORDER_VAR, "")
        return asked if any(one.name == asked for one in getattr(self.model_admin, "sorts", ())) else ""
