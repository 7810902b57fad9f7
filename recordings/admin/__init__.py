"""DOOR for people: one module for each model or page."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from recordings.admin import accounts, callback_events, calls, people, recordings, sync_runs, transcriptions

__all__ = ["accounts", "callback_events", "calls", "people", "recordings", "sync_runs", "transcriptions"]

admin.site.site_header = _("Vobiz Portal")
admin.site.site_title = _("Vobiz Portal")
admin.site.index_title = _("Overview")
admin.site.site_url = None
admin.site.enable_nav_sidebar = False  # the portal's own pages are in a row on top, and lists need the width
