"""The callback paths. Each ends in a slash and holds the key: the path is all that Vobiz signs."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "callbacks"
urlpatterns: list[URLPattern] = []
