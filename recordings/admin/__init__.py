"""The admin site: a module for each model, or a package where a model has several pages.

In a package `admin` is the list and its buttons, `detail` what the page of one row shows.
"""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from django_tasks_db.models import DBTaskResult

from recordings.admin import access_log, callback_events, sync_runs, transcriptions, users
from recordings.admin.accounts import AccountAdmin
from recordings.admin.calls.admin import CallAdmin
from recordings.admin.recordings.admin import RecordingAdmin

__all__ = [
    "AccountAdmin",
    "CallAdmin",
    "RecordingAdmin",
    "access_log",
    "callback_events",
    "sync_runs",
    "transcriptions",
    "users",
]

admin.site.site_header = _("Vobiz Portal")
admin.site.site_title = _("Vobiz Portal")
admin.site.index_title = _("Overview")
admin.site.site_url = None
admin.site.enable_nav_sidebar = False  # the portal's own pages are in a row on top, and lists need the width
admin.site.unregister(DBTaskResult)  # a task only says that something may be due: there is nothing to look at
