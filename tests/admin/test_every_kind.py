"""The rows that every page is tried with: of each model that has pages, and hostile as far as the wire lets it be."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.admin.every_kind import hostile, one_of_each

pytestmark = pytest.mark.django_db


def test_every_model_that_has_pages_has_rows_to_try_them_with() -> None:
    made = one_of_each(0)

    missing = [
        f"No page of {model._meta.label} is tried with rows: make one in one_of_each (tests/admin/every_kind.py)."
        for model in admin.site._registry
        if model._meta.label_lower not in made
    ]
    assert not missing, "\n".join(missing)


def test_what_no_database_takes_is_shown_as_a_replacement(boss: Client) -> None:
    recording = hostile(1)[0]["recordings.recording"]

    page = boss.get(reverse("admin:recordings_recording_change", args=[recording.pk])).content.decode()

    assert "\ufffd" in page
    assert "\x00" not in page
    assert "[U+202E]" in page
