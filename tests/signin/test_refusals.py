"""The page that says why somebody was not let in: it looks like the rest and asks the database nothing."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recordings.signin.budgets import GuessRefusedError


@pytest.mark.django_db
def test_a_refusal_is_a_page_of_the_portal_that_costs_no_query() -> None:
    with CaptureQueriesContext(connection) as captured:
        answer = GuessRefusedError("Try <again> tomorrow.", HTTPStatus.TOO_MANY_REQUESTS).page()

    page = answer.content.decode()
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert answer["Cache-Control"] == "no-store"
    assert "components.css" in page
    assert "<h1>Not logged in</h1>" in page
    assert '<p role="alert">Try &lt;again&gt; tomorrow.</p>' in page
    assert 'href="/admin/login/"' in page
    assert len(captured) == 0
