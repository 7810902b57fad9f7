"""What stands for a row's number in an address or a form: no page fails on what no database takes."""

from __future__ import annotations

import pytest
from django.test import Client

from recordings.forms import is_key
from tests.admin.route_table import ROUTES

NO_KEYS = ("9" * 5_000, "9" * 19, "٣", "²", "abc", "-1", "1.5", "")
PATHS = {route.path for route in ROUTES}
LISTS = [
    f"/{path}"
    for path in sorted(PATHS)
    if path.count("/") == 3 and f"{path}<path:object_id>/change/" in PATHS
]
VIEWS, AT_RISK = "/admin/recordings/recording/views/", "/admin/recordings/recording/at-risk/"


def test_the_lists_are_found() -> None:
    assert len(LISTS) == 9


@pytest.mark.parametrize("value", NO_KEYS, ids=lambda value: value[:9])
def test_no_page_fails_on_what_is_no_key(value: str, boss: Client) -> None:
    assert not is_key(value)
    failed = []
    boss.raise_request_exception = False
    for path in LISTS:
        failed += [path] * (boss.get(path, {"account": value}).status_code >= 500)
        for action in ("mark_seen", "delete_selected", "export_zip"):
            form = {"action": action, "_selected_action": ["1", value], "index": "0"}
            failed += [f"{path} {action}"] * (boss.post(path, form).status_code >= 500)
    for do in ("rename", "delete"):
        failed += [do] * (boss.post(VIEWS, {"do": do, "view": value, "sure": "1"}).status_code >= 500)
    failed += [AT_RISK] * (boss.get(AT_RISK, {"since": value, "asked": value}).status_code >= 500)
    people = {"groups": value, "accounts": value, "user_permissions": value, "permissions": value}
    for path in ("/admin/auth/user/add/", "/admin/auth/group/add/"):
        answer = boss.post(path, {"username": "new", "name": "New", **people})
        failed += [path] * (answer.status_code >= 500 or (bool(value) and answer.status_code != 200))
    assert failed == []
