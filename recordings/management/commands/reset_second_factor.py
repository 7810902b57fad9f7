"""Delete a person's second factors: the way back for the last superuser."""

from __future__ import annotations

import logging
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from recordings.choices import AccessAction
from recordings.management.documented_command import USAGE
from recordings.management.portal_command import PortalCommand
from recordings.models import AccessEvent
from recordings.signin.factors import reset_factors

logger = logging.getLogger(__name__)


class Command(PortalCommand):
    """The command `reset_second_factor`."""

    help = (
        "Delete a user's authenticator app, passkeys and recovery codes, and end their sessions. They set up a new "
        "second factor when they next log in. The access log has a line of it."
    )
    examples = ("priya.nair", "priya.nair --json")
    done = "the user has no second factor"
    failure = "the database could not be used"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the user name."""
        super().add_arguments(parser)
        parser.add_argument("user", metavar="USER", help="the user name")

    def act(self, **options: Any) -> None:
        """Reset the factors and note it in the access log, in the person's own name."""
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"No user is named {options['user']}.", returncode=USAGE)
        count = reset_factors(user)
        AccessEvent.objects.record(user, AccessAction.FACTOR, detail="reset at the command line")
        logger.warning("Second factors of user %s reset at the command line", user.pk)
        self.report({"user": user.get_username(), "factors": count}, f"Removed {count} second factors.")
