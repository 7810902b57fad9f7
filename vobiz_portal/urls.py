"""The portal's two doors: the admin for people, callbacks for Vobiz."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

from recordings.admin.zones import choose_zone

urlpatterns = [
    path("", login_not_required(RedirectView.as_view(pattern_name="admin:index"))),
    path("admin/zone/", admin.site.admin_view(choose_zone), name="reader_zone"),
    path("admin/", admin.site.urls),
    path("callbacks/", include("recordings.callbacks.urls")),
]
