"""Every way into the admin by which a row could be seen or acted on, as requests; and what an answer gives away."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from tests.admin.many import FIRST, FIRST_ACCOUNT, MARK, Many, Person, Target
from tests.admin.route_table import ACTIONS, ROUTES, Route

ROWS = re.compile(r"/admin/recordings/([a-z]+)/(7\d{6})/")  # the address of a row, by model and primary key
CHOSEN = re.compile(r'name="_selected_action" value="(7\d{6})"')
PASSING = re.compile(
    r'name="csrfmiddlewaretoken" value="\w+"|name="intent" value="[-\w]+"|\d+:\d\d(:\d\d)?|\d+(\.\d+)? s( ago)?\b'
    r"|[\d.]+\s[kMGT]?B free|\b\d+\s(?:h|min)\b( ago)?"
    r"|<progress[^>]*>|datetime=\"[^\"]*\"| (?:x|width)=\"[\d.]+%?\"|\b\d+%"
    r"|<text[^>]*>[^<]*</text>|data-(?:elapsed|left)=\"\d+\""
)  # what differs from one answer to the next
NEW_EACH_TIME = "admin/your-account/app/"  # its secret is another at each look, and it shows no rows
START = {"limit": "3600", "file_format": "mp3", "channels": "mono"}
MODELS = tuple(
    model._meta.label_lower for model in admin.site._registry if model._meta.app_label == "recordings"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way in for rows of a model.

    `expected(person, is_visible)` is the status, or None where that is another test's matter. `finds`: an answer of
    200 shows the row to those who may see it. `alike`: what is not theirs and what is not there answer the same.
    """

    name: str
    label: str
    open: Callable[[Client, Person, Target], Any]
    expected: Callable[[Person, bool], int | str | None]
    acts: bool = False
    finds: bool = False
    alike: bool = True

    def __str__(self) -> str:
        return self.name


def _any(person: Person, visible: bool) -> None:
    """Whatever the status is."""


def endpoints() -> list[Endpoint]:
    """All of them."""
    found = [_route(route, method) for route in ROUTES for method in ("GET", "POST") if _is_ours(route)]
    lists = [f"{_path(label)}/" for label in MODELS]
    for label in MODELS:
        found += [*_lists(label), _shortcut(label), *_actions(label), *_autocompletes(label)]
    found += [_page(route) for route in ROUTES if is_a_page(route) and route.path not in lists]
    return [*found, _live_fragment(), _selected(), _foreign_parent(), _foreign_running(), _foreign_intent()]


def _is_ours(route: Route) -> bool:
    return route.path.startswith("admin/recordings/") and route.names_object()


def is_a_page(route: Route) -> bool:
    """A page of the portal that names no row, but may show some by itself."""
    others = ("admin/auth/", "admin/login/", "admin/logout/", "admin/password_change/")
    names_none = not route.names_object() or bool(route.names)
    return route.path.startswith("admin/") and names_none and not route.path.startswith(others)


def _path(label: str) -> str:
    return f"admin/{label.replace('.', '/')}"


def _list_route(label: str) -> Route:
    return next(route for route in ROUTES if route.path == f"{_path(label)}/")


def _route(route: Route, method: str) -> Endpoint:
    """A page or button of one row."""
    label = (
        f"recordings.{route.names}" if route.names else route.subject.removeprefix("admin/").replace("/", ".")
    )

    def go(client: Client, person: Person, target: Target) -> Any:
        url, named = (
            route.address({route.subject: str(target.pk)}),
            {route.names: target.pk} if route.names else {},
        )
        return client.get(url, named) if method == "GET" else client.post(url, named, follow=True)

    def expected(person: Person, visible: bool) -> int | str:
        return route.answer(person.who, method, visible=visible)

    return Endpoint(f"{method} {route.path}", label, go, expected, acts=method == "POST")


def _lists(label: str) -> list[Endpoint]:
    """The list: all of it, what a search finds, and what a filter leaves."""
    route = _list_route(label)

    def asking(name: str, query: Callable[[Target], dict[str, Any]], *, finds: bool) -> Endpoint:
        def go(client: Client, person: Person, target: Target) -> Any:
            return client.get(f"/{route.path}", query(target))

        def expected(person: Person, visible: bool) -> int | str:
            return route.answer(person.who, "GET")

        return Endpoint(f"list {label} {name}", label, go, expected, finds=finds)

    of_account = [] if label == "recordings.account" else [
        asking("of account", lambda target: {"account": _account_of(target)}, finds=True),
        asking("of account, searched", lambda target: {"account": _account_of(target), "q": target.term}, finds=False),
    ]  # fmt: skip
    return [
        asking("whole", lambda target: {}, finds=True),
        asking("searched", lambda target: {"q": target.term}, finds=label != "recordings.syncrun"),
        *of_account,
    ]


def _account_of(target: Target) -> int:
    return target.pk if target.owner is None else FIRST_ACCOUNT + target.owner


def _shortcut(label: str) -> Endpoint:
    """Django's own redirect to an object's page on the site: there is none."""

    def go(client: Client, person: Person, target: Target) -> Any:
        of = ContentType.objects.get_by_natural_key(*label.split("."))
        return client.get(f"/admin/r/{of.pk}/{target.pk}/")

    return Endpoint(f"shortcut {label}", label, go, lambda person, visible: 404)


def _actions(label: str) -> list[Endpoint]:
    """Each action with the row chosen, by itself and across all pages."""

    def choosing(name: str, across: str) -> Endpoint:
        def go(client: Client, person: Person, target: Target) -> Any:
            chosen = {"action": name, "_selected_action": [target.pk], "select_across": across, "index": "0"}
            return client.post(f"/{_path(label)}/", {**chosen, "post": "yes"}, follow=True)

        # Across all pages it acts on the list, whichever row is named, and leaves less to do for the next.
        return Endpoint(f"action {label}.{name} {across}", label, go, _any, acts=True, alike=across == "0")

    names = [action.rpartition(".")[2] for action in ACTIONS if action.startswith(f"{label}.")]
    return [choosing(name, across) for name in names for across in ("0", "1")]


def _autocompletes(label: str) -> list[Endpoint]:
    """What a form would offer for each field that points at this model."""
    pointing = [
        (model._meta.model_name, field.name)
        for model in apps.get_app_config("recordings").get_models()
        for field in model._meta.fields
        if field.is_relation and field.related_model._meta.label_lower == label  # type: ignore[union-attr]
    ]

    def offering(model_name: str, field_name: str) -> Endpoint:
        def go(client: Client, person: Person, target: Target) -> Any:
            asked = {"app_label": "recordings", "model_name": model_name, "field_name": field_name}
            return client.get("/admin/autocomplete/", {**asked, "term": target.term})

        def expected(person: Person, visible: bool) -> int | str:
            return _list_route(label).answer(person.who, "GET")

        return Endpoint(f"autocomplete {model_name}.{field_name}", label, go, expected, finds=True)

    return [offering(str(model_name), field_name) for model_name, field_name in pointing]


def _page(route: Route) -> Endpoint:
    """A page that names no row, for what it shows by itself: any row is foreign to it."""

    def go(client: Client, person: Person, target: Target) -> Any:
        return client.get(route.address({}))

    return Endpoint(
        f"page {route.path}",
        "recordings.call",
        go,
        lambda person, visible: route.answer(person.who, "GET"),
        alike=route.path != NEW_EACH_TIME,
    )


def _live_fragment() -> Endpoint:
    """What refreshes a page of live calls that shows the call already."""

    def go(client: Client, person: Person, target: Target) -> Any:
        asked = {"shown": f"{target.pk}", "q": target.term}
        return client.get("/admin/recordings/call/live/", asked, headers={"X-Background-Refresh": "1"})

    return Endpoint("live calls refreshed", "recordings.call", go, _any)


def _selected() -> Endpoint:
    """The form that starts several recordings, complete, with the call ticked twice."""

    def go(client: Client, person: Person, target: Target) -> Any:
        asked = {
            **START,
            "intent": str(uuid4()),
            "running": str(target.pk),
            "call": target.pk,
            "again": target.pk,
        }
        return client.post("/admin/recordings/call/record/", asked, follow=True)

    return Endpoint("start of several", "recordings.call", go, _any, acts=True)


def _foreign_parent() -> Endpoint:
    """An account's form, sent with a parent that is not on offer."""

    def go(client: Client, person: Person, target: Target) -> Any:
        own = min(person.accounts, default=0)
        if person.sees(target):
            return client.get(f"/admin/recordings/account/{FIRST_ACCOUNT + own}/change/")
        return client.post(
            f"/admin/recordings/account/{FIRST_ACCOUNT + own}/change/", {"parent": target.pk}, follow=True
        )

    return Endpoint("account's form with a parent", "recordings.account", go, _any, acts=True)


def _foreign_running() -> Endpoint:
    """The confirmation of *stop all*, sent with a recording of somebody else's call."""

    def go(client: Client, person: Person, target: Target) -> Any:
        own = FIRST + 100 * min(person.accounts, default=0) + 1
        return client.post(
            f"/admin/recordings/call/{own}/stop-all/", {"expected": f"{target.pk}"}, follow=True
        )

    return Endpoint("stop all with a recording", "recordings.recording", go, _any, acts=True)


def _foreign_intent() -> Endpoint:
    """The form that starts a recording, sent with the intent of another one: it tells of no row but its own call's.

    An intent that nobody had before starts a recording, so here what is not there answers otherwise.
    """

    def go(client: Client, person: Person, target: Target) -> Any:
        own = FIRST + 100 * min(person.accounts, default=0) + 1
        asked = {**START, "intent": str(UUID(int=target.pk)), "running": str(own)}
        return client.post(f"/admin/recordings/call/{own}/record/", asked, follow=True)

    return Endpoint("start with an intent", "recordings.recording", go, _any, acts=True, alike=False)


# What an answer gives away


def status_of(answer: Any) -> int:
    """Of the first answer, where it led on to another."""
    led_on = getattr(answer, "redirect_chain", None)
    return int(led_on[0][1] if led_on else answer.status_code)


def text_of(answer: Any, target: Target) -> str:
    """The page as it reads, without the search term and the token of its forms."""
    text = answer.content.decode()
    for echo in (f'value="{target.term}"', f"q={target.term}", f"q%3D{target.term}"):
        text = text.replace(echo, "")
    return PASSING.sub("", text)


def accounts_shown(answer: Any, target: Target, found: Many) -> set[int | None]:
    """Whose texts and whose rows are on the page."""
    text = text_of(answer, target)
    path = answer.request["PATH_INFO"]
    shown: set[int | None] = {int(owner) for owner in MARK.findall(text)}
    for model_name, pk in ROWS.findall(text.replace(path, "")):
        label = f"recordings.{model_name}"
        owners = found.owners(label)
        shown.add(owners[int(pk)] if int(pk) in owners else _owner_of_new(label, int(pk)))
    return shown | {found.owners(target.label).get(int(pk)) for pk in CHOSEN.findall(text)}


def _owner_of_new(label: str, pk: int) -> int | None:
    """Whose a row is that a start or a sync has made meanwhile."""
    made = {"recordings.recording", "recordings.syncrun"}
    rows = apps.get_model(label)._default_manager.filter(pk=pk) if label in made else ()
    return next((row.account_id - FIRST_ACCOUNT for row in rows), None)


def shows(answer: Any, target: Target) -> bool:
    """Whether the row itself is on the page, as a link, a choice or an offer."""
    text = answer.content.decode()
    return any(sign in text for sign in (f"/{target.pk}/", f'value="{target.pk}"', f'"id": "{target.pk}"'))


def told(answer: Any, target: Target) -> tuple[int, str, str]:
    """Status, where it leads and what it says, whichever row was asked for."""
    chain = getattr(answer, "redirect_chain", None) or [(answer.get("Location", ""), 0)]
    words = [chain[0][0], text_of(answer, target)]
    for echo in (str(_account_of(target)), str(target.pk), target.term):
        words = [part.replace(echo, "…") for part in words]
    return status_of(answer), words[0], words[1]
