"""What cannot be built: a page or an action without a permission."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

from recordings.admin.base import PortalAdmin, page
from recordings.models import Call


@pytest.mark.parametrize("permission", ["", "view_call", "recordings.", ".view_call", "a.b.c"])
def test_a_page_is_not_made_without_a_permission(permission: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="must name its permission"):
        page("open/", name="open", permission=permission)


def test_a_page_that_names_none_at_all_is_not_even_called() -> None:
    with pytest.raises(TypeError, match="permission"):
        page("open/", name="open")  # type: ignore[call-arg]


def test_an_action_is_not_made_without_permissions() -> None:
    class Careless(PortalAdmin):
        actions = ("shout",)

        @admin.action(description="Shout")
        def shout(self, request: HttpRequest, queryset: object) -> HttpResponse | None:
            """Nobody is asked who may."""

    with pytest.raises(ImproperlyConfigured, match="shout must name its permissions"):
        Careless(Call, admin.site)
