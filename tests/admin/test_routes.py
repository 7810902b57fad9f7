"""Every address and every action of the portal, existing and future, is in the table, and answers as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, path
from pytest_django import Settings

from recordings.models import AccessEvent, CacheEntry, Call
from tests.admin.route_table import ACTIONS, LOGIN, ROUTES, Route
from tests.admin.scene import KINDS, Scene, a_scene, in_paths

TABLE = {route.path: route for route in ROUTES}
METHODS = ("GET", "POST")
GROUP = re.compile(r"\(\?P<(\w+)>[^)]*\)")  # in a route that is a pattern; what it matches is in any order
OPEN = {
    "",
    "admin/login/",
    "admin/login/second-factor/",
    "admin/login/passkey/",
    "admin/login/forgotten/",
    "admin/login/sso/",
    "admin/login/sso/callback/",
    "admin/set-password/<uidb64>/<token>/",
} | {route.path for route in ROUTES if route.path.startswith("callbacks/")}


@pytest.fixture
def scene(db: None) -> Scene:
    """Everybody, and rows of two accounts."""
    return a_scene()


# Nothing is missing


def routes_of(
    patterns: Sequence[URLPattern | URLResolver], before: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    """Every route below `patterns` with its whole path."""
    for pattern in patterns:
        path = before + GROUP.sub(r"<\1>", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from routes_of(pattern.url_patterns, path)
        else:
            yield path, pattern


def missing_lines(patterns: Sequence[URLPattern | URLResolver]) -> list[str]:
    """What to add to the table so that it names every route below `patterns`."""
    return [
        f"Nobody has said who may open {path!r}: add Route({path!r}, get={{…}}, post={{…}}) to "
        "tests/admin/route_table.py, each with who may and the status they get."
        for path, _pattern in routes_of(patterns)
        if path not in TABLE
    ]


def actions_of(site: admin.AdminSite) -> set[str]:
    """Every action of every model, whoever may run it."""
    return {
        f"{owner.opts.label_lower}.{name}"
        for owner in site._registry.values()
        for _function, name, _words in owner._get_base_actions()  # type: ignore[attr-defined]
    }


def missing_actions(site: admin.AdminSite) -> list[str]:
    """What to add to the table so that it names every action of `site`."""
    return [
        f"Nobody has said who may run {name!r}: add it to ACTIONS in tests/admin/route_table.py."
        for name in sorted(actions_of(site) - ACTIONS.keys())
    ]


def test_every_route_is_in_the_table() -> None:
    missing = missing_lines(get_resolver().url_patterns)
    assert not missing, "\n".join(missing)


def test_the_table_names_no_route_that_is_gone_and_none_twice() -> None:
    # Ours stands before one of Django's admin at the same path, which then nobody reaches.
    known = dict.fromkeys(path for path, _pattern in routes_of(get_resolver().url_patterns))

    assert sorted(known) == sorted(route.path for route in ROUTES)


def test_every_action_is_in_the_table_and_none_that_is_gone() -> None:
    missing = missing_actions(admin.site)
    assert not missing, "\n".join(missing)
    assert actions_of(admin.site) == ACTIONS.keys()


def plain_view(request: HttpRequest) -> HttpResponse:
    """A view whose author thought of nothing."""
    return HttpResponse("open")


def test_a_route_that_nobody_entered_is_told_with_what_to_add() -> None:
    patterns = [path("admin/exports/<int:pk>/", plain_view), *get_resolver().url_patterns]

    told = (
        "Nobody has said who may open 'admin/exports/<int:pk>/': add Route('admin/exports/<int:pk>/', get={…}, "
        "post={…}) to tests/admin/route_table.py, each with who may and the status they get."
    )
    assert missing_lines(patterns) == [told]


def test_an_action_that_nobody_entered_is_told_with_what_to_add() -> None:
    class Shouting(admin.ModelAdmin):  # type: ignore[type-arg]
        actions = ("shout",)

        @admin.action(description="Shout")
        def shout(self, request: HttpRequest, queryset: object) -> None:
            """Nobody is asked who may."""

    site = admin.AdminSite()
    site.register(Call, Shouting)

    assert missing_actions(site) == [
        "Nobody has said who may run 'recordings.call.shout': add it to ACTIONS in tests/admin/route_table.py."
    ]


# Closed unless opened


def test_no_other_route_is_open_to_people_who_have_not_signed_in() -> None:
    found = routes_of(get_resolver().url_patterns)

    assert {path for path, pattern in found if not getattr(pattern.callback, "login_required", True)} == OPEN


def test_a_view_whose_author_thought_of_nothing_is_closed_to_strangers(settings: Settings) -> None:
    settings.ROOT_URLCONF = (path("exports/", plain_view), *get_resolver().url_patterns)

    answer = Client().get("/exports/")

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


# Each cell


def said(answer: Any) -> int | str:
    """The status, or LOGIN."""
    to_login = answer.status_code == 302 and answer["Location"].startswith("/admin/login/")
    return LOGIN if to_login else answer.status_code


@dataclass(frozen=True, slots=True)
class Try:
    """One cell of the table: `kind` of person at a route by a method, on their own account's rows or the other's."""

    route: Route
    kind: str
    method: str
    is_mine: bool

    @property
    def is_visible(self) -> bool:
        """Superusers see every row; a callback key that was never given out is nobody's."""
        everything = self.kind == "superuser" and not self.route.path.startswith("callbacks/")
        return self.is_mine or everything

    @property
    def expected(self) -> int | str:
        """What the table says."""
        return self.route.answer({self.kind}, self.method, visible=self.is_visible)

    def made(self, scene: Scene) -> int | str:
        """What really comes."""
        rows = scene.mine if self.is_mine else scene.foreign
        url = self.route.address(in_paths(rows, known=self.is_mine))
        data = {self.route.names: rows[f"recordings.{self.route.names}"].pk} if self.route.names else {}
        client = scene.people[self.kind]
        answer: Any = client.post(url, data) if self.method == "POST" else client.get(url, data)
        if answer.streaming:  # an export holds its slot until it is read
            assert b"".join(answer.streaming_content)
        return said(answer)


def cells(route: Route) -> list[Try]:
    """Every cell of a route's line."""
    whose = (True, False) if route.names_object() else (True,)
    return [Try(route, kind, method, is_mine) for kind, method, is_mine in product(KINDS, METHODS, whose)]


def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row that a request might change, but for sessions, last sign-ins, and refusals noted or counted."""
    models = apps.get_app_config("recordings").get_models()
    shown: list[Any] = [
        *(model for model in models if model not in {AccessEvent, CacheEntry}),
        Group,
        LogEntry,
        Permission,
    ]
    rows = {model._meta.label: list(model._default_manager.order_by("pk").values()) for model in shown}
    people = User.objects.order_by("pk").values(
        "username", "is_superuser", "is_staff", "is_active", "password"
    )
    return rows | {"people": list(people), "roles": list(User.groups.through.objects.order_by("pk").values())}


@pytest.mark.once  # who may is decided in Python; test_foreign_rows.py asks every endpoint on both engines
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_route_answers_as_the_table_says_and_whoever_it_refuses_changes_nothing(
    route: Route, scene: Scene
) -> None:
    refused = [cell for cell in cells(route) if cell.expected in (LOGIN, 403, 404)]
    allowed = [cell for cell in cells(route) if cell not in refused]
    before = everything()

    told = {cell: cell.made(scene) for cell in refused}
    assert everything() == before
    told |= {cell: cell.made(scene) for cell in allowed}

    wrong = [f"{cell.kind} {cell.method} {cell.is_mine=}: {answer}, not {cell.expected}"
             for cell, answer in told.items() if answer != cell.expected]  # fmt: skip
    assert not wrong, f"{route}\n" + "\n".join(wrong)


@pytest.mark.once
@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
def test_no_other_method_opens_what_get_and_post_do_not(method: str, scene: Scene) -> None:
    before, opened = everything(), []
    for route, kind in product(ROUTES, ("anonymous", "staff")):
        answers = [route.answer({kind}, known) for known in METHODS]
        url = route.address(in_paths(scene.mine, known=True))
        answer = said(scene.people[kind].generic(method, url))
        if not {200, 302} & set(answers) and answer not in (LOGIN, 403, 404, 405):
            opened.append(f"{kind} {method} {url}: {answer}")
    assert not opened
    assert everything() == before


# Actions


def run(client: Client, action: str, row: Any) -> Any:
    """Choose a row in its list and run an action on it, confirmed."""
    url = f"/admin/{row._meta.app_label}/{row._meta.model_name}/"
    return client.post(url, {"action": action, "_selected_action": [row.pk], "post": "yes", "index": "0"})


def trace(row: Any) -> tuple[bool, int]:
    """Whether a row is there, and how long its history is: what an action changes."""
    history = LogEntry.objects.filter(object_id=str(row.pk), content_type__model=row._meta.model_name)
    return type(row)._default_manager.filter(pk=row.pk).exists(), history.count()


@pytest.mark.parametrize("kind", KINDS)
def test_an_action_runs_for_those_in_the_table_on_the_rows_they_see(kind: str, scene: Scene) -> None:
    for action, who in ACTIONS.items():
        label, _dot, name = action.rpartition(".")
        mine, foreign = scene.mine[label], scene.foreign[label]
        before = trace(mine), trace(foreign)

        run(scene.people[kind], name, foreign)
        if kind not in who or kind != "superuser":
            assert trace(foreign) == before[1], f"{kind} ran {action} on a foreign row"
        answer = run(scene.people[kind], name, mine)
        # what only asks first shows its page; each of the others leaves a trace
        asks = answer.status_code == 200 and "cl" not in (answer.context or {})
        ran = trace(mine) != before[0] or asks
        assert ran == (kind in who), f"{kind} ran {action}, or could not"
