"""What the portal's pages let anybody send: the fields of their forms and the names in their links, read from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

TEXT_TAGS = {"input", "textarea"}


@dataclass
class Form:
    """One form of a page. `fields`: by name, the values that the page itself offers."""

    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)


class Page(HTMLParser):
    """The forms of a page, and the queries of its links by path."""

    def __init__(self, address: str, text: str) -> None:
        super().__init__()
        self.address = address
        self.forms: list[Form] = []
        self.queries: dict[str, dict[str, list[str]]] = {}
        self._open: Form | None = None
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href", "").startswith(("?", "/")):
            self._note_query(given["href"])
        elif tag == "form":
            action = urlsplit(given.get("action", "")).path or self.address
            self._open = Form(
                action if action.startswith("/") else self.address, given.get("method", "get").upper()
            )
            self.forms.append(self._open)
        elif self._open is not None and tag in TEXT_TAGS | {"button"} and given.get("name"):
            self._open.fields.setdefault(given["name"], []).append(given.get("value", ""))
        elif self._open is not None and tag == "select":
            self._select = given.get("name", "")
            self._open.fields.setdefault(self._select, [])
        elif self._open is not None and tag == "option" and self._select:
            self._open.fields[self._select].append(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = ""

    def _note_query(self, link: str) -> None:
        parts = urlsplit(link)
        names = self.queries.setdefault(parts.path or self.address, {})
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            names.setdefault(name, []).append(value)
