"""Short pages without anything to compute: whoever guesses must cost the portal little."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from recordings.signin.budgets import GuessRefusedError

PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>Vobiz Portal</title><p role="alert">{}</p><p><a href="{}">{}</a></p></html>'
)


def refusal(refused: GuessRefusedError) -> HttpResponse:
    """Return the page that says why somebody was refused."""
    return HttpResponse(
        format_html(PAGE, refused.words, reverse("admin:login"), _("Log in")),
        status=refused.status,
        headers={"Cache-Control": "no-store"},
    )
