"""Every check that an operator would make by hand, each with its cure. Nothing is changed, and nothing stays behind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from django.db import DatabaseError, InterfaceError

from recordings.doctor import machine, outside
from recordings.doctor.findings import Finding, Findings, State, failed, skipped

__all__ = ["CHECKS", "Finding", "State", "examine"]

# In the order in which one cures them: what is below may fail because of what is above.
CHECKS: dict[str, Callable[[], Findings]] = {
    "settings": machine.look_at_settings,
    "owner of files": machine.look_at_owners,
    "free disk": machine.look_at_disk,
    "database": machine.look_at_database,
    "migrations": machine.look_at_migrations,
    "query plans": machine.look_at_plans,
    "search": machine.look_at_search,
    "outgoing events": machine.look_at_events,
    "shared cache": machine.look_at_cache,
    "storage": machine.look_at_storage,
    "worker": machine.look_at_worker,
    "database clock": machine.look_at_database_clock,
    "public address": outside.look_at_address,
    "certificate": outside.look_at_certificate,
    "callbacks": outside.look_at_callbacks,
    "clock": outside.look_at_vobiz,
    "credentials": outside.look_at_accounts,
    "media host": outside.look_at_media,
    "e-mail": outside.look_at_mail,
    "single sign-on": outside.look_at_single_sign_on,
}


def examine(only: Collection[str] = ()) -> Iterator[tuple[str, Finding]]:
    """Run every check, or `only` those; yield the name with each finding as it comes. None stops the others."""
    is_database_away = False
    for name, check in CHECKS.items():
        if only and name not in only:
            continue
        try:
            for finding in check():
                yield name, finding
        except (DatabaseError, InterfaceError) as error:
            if is_database_away or name != "database":
                yield name, skipped(f"The database did not answer ({type(error).__name__}).")
                continue
            is_database_away = True
            first_line = str(error).partition("\n")[0]
            yield (
                name,
                failed(f"The database cannot be used: {first_line}", "Start it, or correct DATABASE_URL."),
            )
        except Exception as error:  # noqa: BLE001 - one check must not hide the others
            cure = "Correct what the checks above found. If nothing is above, report this."
            yield name, failed(f"This check broke off: {type(error).__name__}: {str(error)[:200]}", cure)
