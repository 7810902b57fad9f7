"""What a list's page shows around its rows."""

from __future__ import annotations

from django import template

from recordings.admin import list_page

register = template.Library()

register.simple_tag(list_page.actions, name="list_actions")
register.simple_tag(list_page.chips, name="list_chips")
register.simple_tag(list_page.filter_groups, name="list_filter_groups")
register.simple_tag(list_page.kept_parameters, name="list_kept")
register.simple_tag(list_page.rows, name="list_rows")
register.simple_tag(list_page.sort_choices, name="list_sorts")
register.simple_tag(list_page.totals, name="list_totals")
register.simple_tag(list_page.views, name="list_views")
register.simple_tag(list_page.without_each, name="list_without_each")
register.simple_tag(list_page.without_filters, name="list_without_filters")
