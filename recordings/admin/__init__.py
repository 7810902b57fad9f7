"""DOOR for people: one module for each model or page."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from django_tasks_db.models import DBTaskResult

from recordings.admin import (
    access_log,
    accounts,
    callback_events,
    calls,
    people,
    recordings,
    sync_runs,
    transcriptions,
)

__all__ = [
    "access_log",
    "accounts",
    "callback_events",
    "calls",
    "people",
    "recordings",
    "sync_runs",
    "transcriptions",
]

admin.site.site_header = _("Vobiz Portal")
admin.site.site_title = _("Vobiz Portal")
admin.site.index_title = _("Overview")
admin.site.site_url = None
admin.site.enable_nav_sidebar = False  # the portal's own pages are in a row on top, and lists need the width
admin.site.unregister(DBTaskResult)  # a task only says that something may be due: there is nothing to look at
