"""The sandbox as a Django app, for its two commands; installed in local mode only."""

from __future__ import annotations

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """`runsandbox` and `demo`."""

    name = "vobiz_portal.sandbox"
    label = "sandbox"
