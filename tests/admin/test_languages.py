"""Readers of other languages get English until a catalogue exists; numbers and amounts are ready for one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import translation

from recordings.admin import formatting
from recordings.models import Account, SyncRun
from recordings.overview import Counted
from recordings.templatetags.portal import figures
from tests.admin.route_table import ROUTES
from tests.admin.rows import a_run
from tests.admin.scene import a_scene, in_paths

OTHERS = ("de", "hi", "ar")


@pytest.mark.once
@pytest.mark.parametrize("language", OTHERS)
def test_another_language_gets_english_from_left_to_right(db: None, language: str) -> None:
    scene = a_scene()
    client, paths = scene.people["superuser"], in_paths(scene.mine, known=False)
    pages = [route.address(paths) for route in ROUTES if route.answer({"superuser"}, "GET") == 200]
    assert len(pages) > 30
    for page in pages:
        answer = client.get(page, headers={"Accept-Language": language})
        text = answer.content.decode()
        assert answer.status_code == 200, page
        if answer["Content-Type"].startswith("text/html") and "<header" in text:
            assert '<html lang="en" dir="ltr"' in text, page
            assert "Log out" in text, page


def test_numbers_and_months_are_english_for_every_reader(account: Account, boss: Client) -> None:
    run: SyncRun = a_run(account, at=datetime(2025, 10, 6, 12, tzinfo=UTC), seen=12_345)
    page = f"/admin/recordings/syncrun/{run.pk}/change/"

    for language in ("en", *OTHERS):
        text = boss.get(page, headers={"Accept-Language": language}).content.decode()
        assert "12,345" in text
        assert "6 Oct 2025" in text


def test_counts_and_amounts_are_written_in_the_readers_language() -> None:
    for language, count, more, money in (
        ("en", "1,284", "1,000+", "USD 1200.005"), ("de", "1.284", "1.000+", "USD 1200,005"),
    ):  # fmt: skip
        with translation.override(language):
            assert figures(1_284) == figures(Counted(1_284)) == count
            assert figures(Counted(1_000, more=True)) == more
            assert formatting.money(Decimal("1200.00500")) == money
