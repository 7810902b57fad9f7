"""Static files as the portal serves them: collected, hashed, compressed; and a check that misses them in time."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.checks import run_checks
from django.test import Client
from pytest_django import Settings

from recordings.admin.shell import ENTRIES
from tests.admin.route_table import ROUTES
from tests.admin.scene import a_scene, in_paths

ROOT = Path(__file__).parent.parent


def problems() -> list[str]:
    return [str(one) for one in run_checks(include_deployment_checks=True) if one.id == "recordings.E018"]


def test_every_page_names_only_files_that_were_collected(db: None, collected: Path) -> None:
    scene = a_scene()
    client, paths = scene.people["superuser"], in_paths(scene.mine, known=False)
    urls = [route.address(paths) for route in ROUTES if route.answer({"superuser"}, "GET") == 200]
    seen: set[str] = set()
    for url in [*urls, "/admin/nowhere/"]:
        answer = client.get(url)
        if answer.get("Content-Type", "").startswith("text/html"):
            seen |= set(re.findall(r'"/static/([^"#]+)', answer.content.decode()))
    seen |= set(re.findall(r'"/static/([^"#]+)', Client().get("/admin/login/").content.decode()))

    assert len(seen) > 10
    for name in seen:
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", name), name
        assert (collected / name).is_file(), name
        assert name.endswith(".woff2") or (collected / f"{name}.gz").is_file(), name


@pytest.mark.once
@pytest.mark.parametrize(
    "url", ["/admin/", "/admin/recordings/recording/", "/admin/auth/user/", "/admin/auth/user/add/"]
)
def test_no_page_loads_scripts_that_it_does_not_use(db: None, url: str) -> None:
    page = a_scene().people["superuser"].get(url).content.decode()

    for script in ("jquery", "xregexp", "urlify", "prepopulate", "jsi18n"):
        assert script not in page


def test_missing_and_older_files_are_named_with_their_cure(
    collected: Path, settings: Settings, tmp_path: Path
) -> None:
    assert problems() == []

    manifest = collected / "staticfiles.json"
    then = manifest.stat().st_mtime
    os.utime(manifest, (0, 0))
    try:
        assert "older" in problems()[0]
    finally:
        os.utime(manifest, (then, then))
    settings.STATIC_ROOT = tmp_path
    assert "collectstatic" in problems()[0]
    settings.DEBUG = True
    assert problems() == []


def test_plain_tests_need_no_collecting() -> None:
    assert django_settings.STATIC_ROOT is None
    assert staticfiles_storage.url("recordings/tokens.css") == "/static/recordings/tokens.css"


def test_the_sprite_holds_the_icons_that_pages_show_and_no_others() -> None:
    sprite = (ROOT / "static/recordings/vendor/lucide/icons.svg").read_text(encoding="utf-8")
    held = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "templates").rglob("*.html"))
    lines = (ROOT / "recordings/admin/calls/detail.py").read_text(encoding="utf-8")
    shown = set(re.findall(r'\{% icon "([^"]+)"', pages)) | {entry.icon for entry in ENTRIES if entry.icon}
    shown |= {name for name in re.findall(r'"([a-z-]+)"', lines) if name in held}

    script = (ROOT / "scripts/assets.py").read_text(encoding="utf-8")
    made = set(re.findall(r'"([^"]+)"', script.partition("ICONS = [")[2].partition("]")[0]))
    assert held == shown == made
