"""No address of the portal opens by a password alone, by whatever method it is asked."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from tests.admin.route_table import ROUTES
from tests.admin.scene import a_scene, in_paths
from tests.admin.test_routes import OPEN
from tests.signin.people import a_person, with_app

pytestmark = [pytest.mark.django_db, pytest.mark.once]
METHODS = ("GET", "POST", "PUT", "OPTIONS")
OF_ENROLMENT = {
    "admin/your-account/", "admin/your-account/app/", "admin/your-account/passkeys/add/",
    "admin/your-account/recovery-codes/", "admin/logout/", "admin/jsi18n/",
}  # fmt: skip


@pytest.mark.parametrize("has_app", [True, False])
def test_before_the_second_factor_every_address_leads_back(has_app: bool, settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    paths, priya, client = in_paths(a_scene().mine, known=True), a_person(), Client()
    if has_app:
        with_app(priya)
    opened = set()
    for route in ROUTES:
        for method in () if route.path in OPEN else METHODS:
            client.force_login(priya)
            to = client.generic(method, route.address(paths)).headers.get("Location", "")
            if not to.startswith("/admin/login/?next=" if has_app else "/admin/your-account/"):
                opened.add(route.path)
    assert opened == (set() if has_app else OF_ENROLMENT)
