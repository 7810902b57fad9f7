"""The flush that ends each test whose rows are really written."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from recordings.choices import AccessAction
from recordings.models import AccessEvent, Account


def roles() -> set[tuple[str, str]]:
    return set(Group.objects.values_list("name", "permissions__codename"))


@pytest.mark.django_db(transaction=True)
def test_it_empties_what_was_filled_and_restores_what_migrations_wrote() -> None:
    before = roles()
    user = User.objects.create_superuser("somebody")
    Account.objects.create(auth_id="MA_FLUSHED", name="Flushed")
    AccessEvent.objects.record(user, AccessAction.PLAY, now=timezone.now())
    user.groups.add(Group.objects.get(name="Viewer"))
    Group.objects.get(name="Listener").delete()
    Group.objects.create(name="Another")

    call_command("flush", verbosity=0, interactive=False, reset_sequences=False)

    assert not User.objects.exists()
    assert not Account.objects.exists()
    assert not AccessEvent.objects.exists()
    assert roles() == before
    event = AccessEvent.objects.record(User.objects.create_superuser("again"), AccessAction.PLAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        AccessEvent.objects.filter(pk=event.pk).delete()
