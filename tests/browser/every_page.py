"""Every page there is, by the table of routes, and what a browser says of each."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Route, ViewportSize

from tests.admin import route_table
from tests.admin.every_kind import Rows

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
NARROW, WIDE = ViewportSize(width=360, height=800), ViewportSize(width=1280, height=900)
TELEPHONE = ViewportSize(width=390, height=844)
PAGES = (200, 403, 404, 409, 422)  # what else a route answers has no page of its own
SERIOUS = ("moderate", "serious", "critical")

# Of a long list or table only the beginning: the rest is like it, and each row takes axe as long as the one before.
# A change of colours is not waited for. `preload` would put a style element into the page, against its policy.
RUN_AXE = """async () => {
    document.querySelectorAll("tr:nth-child(n+15), body :nth-child(n+41)").forEach(one => one.remove());
    document.getAnimations().filter(one => one instanceof CSSTransition).forEach(one => one.finish());
    const found = await axe.run(document, {resultTypes: ["violations"], iframes: false, preload: false});
    return found.violations.map(one => ({
        id: one.id, impact: one.impact, count: one.nodes.length,
        where: one.nodes.slice(0, 3).map(node => node.target.join(" ") + " " + (node.any[0] || {message: ""}).message),
    }));
}"""
WATCH = """document.addEventListener("securitypolicyviolation", event =>
    console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"""
# The elements that reach beyond the window and hold none that does: what makes a page scroll sideways.
WIDEST = """() => {
    const isWide = (one) => one.getBoundingClientRect().right > innerWidth + 1;
    const named = (one) => `${one.localName}${one.id && "#" + one.id}.${[...one.classList].join(".")}`;
    return [...document.querySelectorAll("#container *")].filter(isWide)
        .filter((one) => ![...one.children].some(isWide)).slice(0, 3)
        .map((one) => `${named(one.parentElement)} > ${named(one)}`).join(", ");
}"""
LOOK = """() => ({
    width: document.documentElement.scrollWidth,
    room: window.innerWidth,
    inner: [...document.querySelectorAll("#content *")].filter(one => one.scrollWidth > one.clientWidth + 1 &&
        !one.matches("pre, select, input, textarea, .vp-views") && /auto|scroll/.test(getComputedStyle(one).overflowX))
        .map(one => one.className || one.tagName),
    turned: /[\\u0000\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.innerText),
    links: [...document.querySelectorAll("a[href], form[action]")].map(one => one.href || one.action)
        .filter(one => typeof one === "string" && !/^https?:/.test(one)),
})"""


@dataclass(frozen=True, slots=True)
class Place:
    """An address, how it is asked for, and the status it answers."""

    url: str
    status: int = 200
    data: str | None = None  # of a form that is sent
    is_variant: bool = False  # of a page that is looked at anyway, with another row

    def __str__(self) -> str:
        return self.url if self.data is None else f"{self.url} (sent: {self.data})"


@dataclass(frozen=True, slots=True)
class Tour:
    """Which pages to visit: those about a row with the rows of each of the sets, lists with each of the queries too.

    With `sends` every form is sent as well, empty, which starts and changes nothing. Without `examines_rows` axe
    leaves out the pages about a row, which another tour has it examine.
    """

    sets: Sequence[Rows] = ()
    queries: Sequence[str] = ()
    sends: bool = False
    examines_rows: bool = True

    def places(self, kind: str) -> list[Place]:
        """Every page this kind of person may open. Of those that are forbidden only one, they are all the same."""
        found = [
            place
            for route in route_table.ROUTES if not _is_other(route)
            for method in (("GET", "POST") if self.sends else ("GET",))
            for place in self._of(route, method, route.answer({kind}, method))
        ]  # fmt: skip
        found += self._actions() if kind == "superuser" and self.sends else []
        forbidden = [place for place in found if place.status == 403][1:]
        # What ends the session comes last.
        return sorted((one for one in found if one not in forbidden), key=lambda one: "logout" in one.url)

    def _of(self, route: route_table.Route, method: str, status: int | str) -> Iterator[Place]:
        if (
            not isinstance(status, int)
            or status not in PAGES
            or (method == "POST" and _shows_the_same(route))
        ):
            return
        data = "" if method == "POST" else None
        if "<" in route.path and not route.at:
            for n, rows in enumerate(self.sets):
                objects = {f"admin/{label.replace('.', '/')}": str(row.pk) for label, row in rows.items()}
                if route.subject in objects and (n == 0 or (_is_page_of_ours(route) and data is None)):
                    is_variant = n > 0 or not self.examines_rows
                    yield Place(route.address(objects), status, data, is_variant=is_variant)
            return
        url = route.address({})
        yield Place(url, status, data)
        if route.path in _lists():
            yield from (Place(f"{url}?{query}", status) for query in self.queries)
        if method == "GET" and route.names and self.sets:
            chosen = [f"{route.names}={rows[f'recordings.{route.names}'].pk}" for rows in self.sets[:20]]
            yield Place(f"{url}?{'&'.join(chosen)}", status)

    def _actions(self) -> list[Place]:
        """What is asked or said after an action was chosen for the rows of the sets."""
        found = []
        for name, who in route_table.ACTIONS.items():
            label, _dot, action = name.rpartition(".")
            if self.sets and "superuser" in who:
                chosen = "".join(f"&_selected_action={rows[label].pk}" for rows in self.sets)
                found.append(Place(f"/admin/{label.replace('.', '/')}/", 200, f"action={action}{chosen}"))
        return found


def _lists() -> set[str]:
    return {f"admin/{model._meta.label_lower.replace('.', '/')}/" for model in admin.site._registry}


def _is_other(route: route_table.Route) -> bool:
    """Not for people to look at."""
    files = ("jsi18n/", "export-csv/", "export-zip/", "/play/", "/audio/", "/download/")
    if (
        "passkey" in route.path
    ):  # here the portal has a name, so there are some: tests/browser/test_sign_in.py
        return True
    return route.path.startswith(("callbacks/", "admin/r/")) or route.path.endswith(files)


def _shows_the_same(route: route_table.Route) -> bool:
    """Sent or not: there is no form, or it is that of a list."""
    return route.path in _lists() or bool(route.at) or route.path.endswith(("history/", "admin/"))


def _is_page_of_ours(route: route_table.Route) -> bool:
    """One of those that look different from one state of a row to the next."""
    return route.path.startswith("admin/recordings/") and not route.path.endswith("history/")


@dataclass(slots=True)
class Visitor:
    """Somebody's browser, which writes down what is wrong with each page."""

    context: BrowserContext
    page: Page
    heard: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    nested: bool = False  # whether the page as it was sent has a form within a form: what is shown has none

    def visit(self, place: Place) -> None:
        """On a telephone by day, then at a desk by night."""
        self.heard.clear()
        self.page.set_viewport_size(NARROW)
        self.page.emulate_media(color_scheme="light")
        answer = self._open(place)
        if self.nested:
            self.wrong.append(f"{place}: a form within a form, which browsers leave out")
        if answer != place.status:
            self.wrong.append(f"{place}: answered {answer}, not {place.status}")
        self._look(place)
        if not place.is_variant:
            self._examine(place, "light, narrow")
        self.page.set_viewport_size(WIDE)
        self.page.emulate_media(color_scheme="dark")
        self._look(place)
        if not place.is_variant:
            self._examine(place, "dark, wide")
        self.wrong += [f"{place}: {line}" for line in self.heard]

    def _open(self, place: Place) -> int:
        if place.data is None:
            answer = self.page.goto(place.url)
        else:
            token = next(one["value"] for one in self.context.cookies() if one["name"] == "csrftoken")

            def send(route: Route) -> None:
                headers = {**route.request.headers, "x-csrftoken": token}
                headers["content-type"] = "application/x-www-form-urlencoded"
                route.continue_(method="POST", headers=headers, post_data=place.data)

            self.page.route(lambda url: url.endswith(place.url), send, times=1)
            answer = self.page.goto(place.url)
        if answer is None:
            return 0
        forms = re.findall(r"</?form\b", answer.text())
        self.nested = any(pair == ("<form", "<form") for pair in itertools.pairwise(forms))
        return answer.status

    def _look(self, place: Place) -> None:
        seen = self.page.evaluate(LOOK)
        if seen["width"] > seen["room"]:
            wide = self.page.evaluate(WIDEST)
            self.wrong.append(f"{place}: scrolls sideways, {seen['width']} px in {seen['room']}: {wide}")
        if seen["inner"]:
            self.wrong.append(f"{place}: scrolls sideways within {seen['inner']} at {seen['room']} px")
        if seen["turned"]:
            self.wrong.append(f"{place}: a mark that turns the line around is in its text")
        self.wrong += [f"{place}: leads to {link[:80]}" for link in seen["links"]]

    def _examine(self, place: Place, how: str) -> None:
        for one in self.page.evaluate(RUN_AXE):
            if one["impact"] in SERIOUS:
                where = "; ".join(one["where"])
                self.wrong.append(f"{place} ({how}): {one['id']} × {one['count']}: {where}")


def faults_of(page: Page) -> list[str]:
    """Return what is wrong with the page as it stands, on a telephone and at a desk, by day and by night."""
    page.evaluate(AXE.read_text())
    before, wrong = page.viewport_size or WIDE, []
    for size, scheme in itertools.product((TELEPHONE, WIDE), ("light", "dark")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two that it takes
        seen = page.evaluate(LOOK)
        how = f"{page.url}, {size['width']} px, {scheme}"
        if seen["width"] > size["width"] or seen["inner"]:
            wrong.append(f"{how}: scrolls sideways, {seen['width']} px {seen['inner']}")
        wrong += [
            f"{how}: {one['id']} × {one['count']}: {'; '.join(one['where'])}"
            for one in page.evaluate(RUN_AXE)
            if one["impact"] in SERIOUS
        ]
    page.set_viewport_size(before)
    page.emulate_media(color_scheme="light")
    return wrong


def visitor(chromium: Browser, base_url: str, user: User | None) -> Visitor:
    """A browser in which `user` has signed in, or nobody."""
    context = chromium.new_context(base_url=base_url)
    client = Client()
    client.get("/admin/login/")  # for the token that forms are sent with
    if user is not None:
        client.force_login(user)
    context.add_cookies(
        [{"name": name, "value": one.value, "url": base_url} for name, one in client.cookies.items()]
    )
    context.add_init_script(WATCH)
    context.add_init_script(path=AXE)
    page = context.new_page()
    page.set_default_timeout(60_000)
    found = Visitor(context, page)
    page.on("pageerror", lambda error: found.heard.append(f"a script broke: {error}"))
    page.on(
        "console",
        lambda line: found.heard.append(line.text[:300]) if "Content Security" in line.text else None,
    )

    def ran(dialog: Any) -> None:
        if dialog.type == "beforeunload":  # a form that was sent empty was refused, and is left
            dialog.accept()
            return
        found.heard.append(f"a script ran: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", ran)
    return found
