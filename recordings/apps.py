"""The app that the portal is."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class RecordingsConfig(AppConfig):
    """Calls, their recordings, and everything that happens to them."""

    name = "recordings"
    verbose_name = _("Portal")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider

        from recordings import checks  # noqa: F401 - registers the system checks
        from recordings.database_waits import limit_waits
        from recordings.models import access_event, outgoing_event
        from recordings.search import index, lookups
        from recordings.signin import log, sso

        connection_created.connect(limit_waits)
        lookups.register()
        log.connect()
        OpenIDConnectProvider.oauth2_adapter_class = sso.IssuerAdapter
        pre_migrate.connect(outgoing_event.before_migrate, sender=self)
        post_migrate.connect(access_event.make_append_only, sender=self)
        post_migrate.connect(outgoing_event.make_triggers, sender=self)
        post_migrate.connect(index.after_migrate, sender=self)
