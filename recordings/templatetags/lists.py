"""What a list's page shows around its rows."""

from __future__ import annotations

from typing import Any

from django import template

from recordings.admin import list_page

register = template.Library()

register.simple_tag(list_page.chips, name="list_chips")
register.simple_tag(list_page.filter_groups, name="list_filter_groups")
register.simple_tag(list_page.kept_parameters, name="list_kept")
register.simple_tag(list_page.rows, name="list_rows")
register.simple_tag(list_page.sort_choices, name="list_sorts")
register.simple_tag(list_page.without_each, name="list_without_each")
register.simple_tag(list_page.without_filters, name="list_without_filters")


@register.simple_tag(takes_context=True)
def list_views(context: dict[str, Any]) -> list[list_page.View]:
    """Return the tabs above the list."""
    return list_page.views(context["cl"], context["request"])


@register.simple_tag(takes_context=True)
def list_totals(context: dict[str, Any]) -> list[list_page.Total]:
    """Return what the rows of the list come to."""
    return list_page.totals(context["cl"], context["request"])


@register.simple_tag(takes_context=True)
def list_actions(context: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what can be done to ticked rows."""
    return list(list_page.actions(context))
