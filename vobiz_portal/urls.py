"""The portal's URLs: the admin for people, callbacks for Vobiz."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from recordings.admin.alerts import choose_alerts
from recordings.admin.reader import choose_zone
from recordings.admin.shell import choose_account, help_page
from recordings.admin.users import SetPassword
from recordings.signin import redirects

handler400 = "vobiz_portal.errors.bad_request"
handler500 = "vobiz_portal.errors.server_error"

to_overview = require_safe(RedirectView.as_view(pattern_name="admin:index"))  # there is no index of an app

urlpatterns = [
    path("", login_not_required(RedirectView.as_view(pattern_name="admin:index"))),
    path("admin/zone/", admin.site.admin_view(choose_zone), name="reader_zone"),
    path("admin/account/", admin.site.admin_view(choose_account), name="choose_account"),
    path("admin/alerts/", admin.site.admin_view(choose_alerts), name="alerts"),
    path("admin/help/", admin.site.admin_view(help_page), name="portal_help"),
    *(path(f"admin/{app}/", admin.site.admin_view(to_overview)) for app in ("recordings", "auth")),
    path("admin/set-password/<uidb64>/<token>/", SetPassword.as_view(), name="set_password"),
    path("admin/", include("recordings.signin.urls")),
    path("admin/r/<path:content_type_id>/<path:object_id>/", admin.site.admin_view(redirects.view_on_site)),
    path("admin/", admin.site.urls),
    path("callbacks/", include("recordings.webhooks.urls")),
]
