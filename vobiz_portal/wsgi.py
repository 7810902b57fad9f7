"""The portal for a WSGI server such as waitress: `vobiz_portal.wsgi:application`."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vobiz_portal.settings")
application = get_wsgi_application()

from vobiz_portal.startup import refuse_wrong_settings  # noqa: E402 - its checks import models

refuse_wrong_settings()
