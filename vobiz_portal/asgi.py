"""The portal for an ASGI server: `vobiz_portal.asgi:application`."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vobiz_portal.settings")
django.setup(set_prefix=False)

from vobiz_portal.requests import PortalASGIHandler  # noqa: E402 - imports settings
from vobiz_portal.startup import refuse_wrong_settings  # noqa: E402 - its checks import models

application = PortalASGIHandler()

refuse_wrong_settings()
