"""Short pages without anything to compute: whoever guesses must cost the portal little."""

from __future__ import annotations

from django.http import HttpResponse
from django.template import loader

from recordings.signin.budgets import GuessRefusedError


def refusal(refused: GuessRefusedError) -> HttpResponse:
    """Return the page that says why somebody was refused; without a request, whose context would ask the database."""
    return HttpResponse(
        loader.get_template("signin/refused.html").render({"words": refused.words}),
        status=refused.status,
        headers={"Cache-Control": "no-store"},
    )
