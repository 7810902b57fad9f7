"""The callback paths. Each ends in a slash and holds the key: the path is all that Vobiz signs."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import StringConverter
from django.views.decorators.common import no_append_slash

from recordings.webhooks.views import CallbackView


class CallbackKeyConverter(StringConverter):
    """A callback key as the portal makes it; no other text can be one."""

    regex = "[A-Za-z0-9_-]{1,64}"


register_converter(CallbackKeyConverter, "callback_key")

app_name = "callbacks"
# Without its final slash an address is another one, to which nothing was signed: 404, never a redirect.
urlpatterns = [
    path(f"{name}/<callback_key:key>/", no_append_slash(CallbackView.as_view(endpoint_name=name)), name=name)
    for name in ("recording", "transcription", "account")
]
