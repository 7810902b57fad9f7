"""The portal for an ASGI server: `vobiz_portal.asgi:application`."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vobiz_portal.settings")
application = get_asgi_application()

from vobiz_portal.startup import refuse_wrong_settings  # noqa: E402 - its checks import models

refuse_wrong_settings()
