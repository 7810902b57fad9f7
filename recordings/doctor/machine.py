"""Checks of this machine and what belongs to it: settings, database, files, worker, storage."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.core.cache import cache
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.template.defaultfilters import filesizeformat

from recordings.archive import trial
from recordings.checks import check_static_files
from recordings.doctor.findings import Finding, Findings, failed, ok, skipped, warning
from recordings.models import Recording, Worker, outgoing_event
from recordings.search import index
from recordings.storage.space import space_of

MANY = 1_000  # rows, from which on the database needs statistics to plan its queries
READ_IN_A_MOMENT = 500 * 1024**2  # bytes of an SQLite file that may be read in full
OLDEST_POSTGRESQL = 14
SWEPT_WITHIN = timedelta(minutes=10)
MOST_SKEW = 30  # seconds: the code of an authenticator app is good for so long
CLOCK_CURE = "Have this machine's clock set from the network: timedatectl set-ntp true."
DURABLE = {
    "fsync": "a crash may lose callbacks that were answered, or the whole database",
    "full_page_writes": "a crash may spoil the database",
    "synchronous_commit": "a crash may lose callbacks that were answered",
    "autovacuum": "the database slows down, and its plans go stale",
}


def look_at_settings() -> Findings:
    """Run every system check, and outside local mode those for production."""
    found = [*checks.run_checks(include_deployment_checks=not settings.LOCAL_MODE)]
    if settings.LOCAL_MODE:
        found += check_static_files()
    found = [one for one in found if not one.is_silenced()]
    for message in found:
        make = failed if message.is_serious() else warning
        yield make(f"{message.msg} ({message.id})", message.hint or "See the documentation of that check.")
    if not found:
        where = settings.ENV_FILE if settings.ENV_FILE and settings.ENV_FILE.is_file() else "the environment"
        yield ok(f"Every setting can be used; read from {where}.")


def look_at_owners() -> Findings:
    """Look whether what is in VAR_DIR belongs to the user that VAR_DIR belongs to."""
    owner = settings.VAR_DIR.stat().st_uid
    names = ("portal.sqlite3", "portal.sqlite3-wal", "portal.sqlite3-shm", "archive", "incoming", "converted")
    paths = [path for name in names if (path := settings.VAR_DIR / name).exists()]
    strange = [path for path in paths if path.stat().st_uid != owner]
    for path in strange:
        yield failed(
            f"{path} belongs to another user than its folder: a command was once run as that user.",
            f"Run as root: chown -R --reference={settings.VAR_DIR} {path}",
        )
    if not strange:
        yield ok(f"Everything in {settings.VAR_DIR} belongs to one user.")
    if os.geteuid() != owner:
        yield warning(
            f"This command runs as another user than the one {settings.VAR_DIR} belongs to.",
            "Run it as the portal's user, so that it sees what the portal sees.",
        )


def look_at_disk() -> Findings:
    """Measure the disk of VAR_DIR, where database and staging files are."""
    space = space_of(settings.VAR_DIR)
    words = f"{filesizeformat(space.free)} of {filesizeformat(space.total)} are free at {settings.VAR_DIR}."
    if space.enough:
        yield ok(words)
    else:
        yield failed(
            f"{words} Below {filesizeformat(space.reserve)} archiving stops.",
            "Make room on this disk, or move VAR_DIR to a larger one.",
        )


def look_at_database() -> Findings:
    """Look at what decides whether a stored row is safe, by the database's own words."""
    if connection.vendor != "sqlite":
        yield from _postgresql()
        return
    try:
        yield from _sqlite()
    except OperationalError:  # such as locked
        raise
    except DatabaseError as error:  # damaged so that SQLite cannot even read what tables there are
        yield _damaged(error)


def _sqlite() -> Findings:
    name = Path(connection.settings_dict["NAME"])
    mode = _ask("PRAGMA journal_mode")
    if mode not in {"wal", "memory"}:
        yield failed(
            f"SQLite does not write ahead (journal_mode {mode}): pages and callbacks wait for each other.",
            f"Put {name.parent} on a local disk, not on a network file system.",
        )
    size = name.stat().st_size if name.is_file() else 0
    if size < READ_IN_A_MOMENT and (said := _ask("PRAGMA quick_check(1)")) != "ok":
        yield _damaged(said)
        return
    yield ok(f"SQLite, {mode}, {filesizeformat(size)}.")


def _damaged(what: object) -> Finding:
    return failed(
        f"The database's file is damaged: {str(what).partition(chr(10))[0]}",
        "Stop the portal, and restore the last backup (docs/operations.md). Look at the disk.",
    )


def _postgresql() -> Findings:
    version = int(str(_ask("SHOW server_version_num"))) // 10_000
    if version < OLDEST_POSTGRESQL:
        yield failed(
            f"PostgreSQL {version} is too old.", f"Upgrade to PostgreSQL {OLDEST_POSTGRESQL} or newer."
        )
    for name, effect in DURABLE.items():
        if _ask(f"SHOW {name}") == "off":
            yield failed(
                f"PostgreSQL's {name} is off: {effect}.",
                f"Run as the database's owner: ALTER SYSTEM SET {name} = on; "
                "or ALTER DATABASE or ALTER ROLE, where it is set there. Then reload.",
            )
    if _ask("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'") == 0:
        yield failed(
            "PostgreSQL's extension pg_trgm is missing: search does not work.",
            f"Run as the database's owner: {index.EXTENSION};",
        )
    yield ok(f"PostgreSQL {version}, at {connection.settings_dict['HOST'] or 'a socket'}.")


def look_at_plans() -> Findings:
    """Look for the statistics by which the database plans its queries."""
    many = Recording.objects.order_by("pk").values_list("pk", flat=True)[MANY : MANY + 1].exists()
    if not many:
        yield skipped("Too few recordings to matter.")
        return
    table = Recording._meta.db_table
    if connection.vendor == "sqlite":
        there = _ask("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'") and _ask(
            f"SELECT count(*) FROM sqlite_stat1 WHERE tbl = '{table}'"  # noqa: S608 - a table of ours
        )
    else:
        there = float(str(_ask(f"SELECT reltuples FROM pg_class WHERE oid = '{table}'::regclass"))) > 0  # noqa: S608
    if there:
        yield ok("The database has statistics of the recordings.")
    else:
        yield failed(
            "The database has no statistics of the recordings: lists and the worker are slow.",
            "Run a worker, which gathers them each night."
            if connection.vendor == "sqlite"
            else f"Run: ANALYZE {table}; and see that autovacuum is on.",
        )


def look_at_migrations() -> Findings:
    """Look for migrations that were not applied."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        yield failed(
            f"{len(plan)} migrations are not applied, the first is {plan[0][0]}.", "Run: manage.py migrate"
        )
    else:
        yield ok("The database is up to date.")


def look_at_database_clock() -> Findings:
    """Compare this machine's clock with that of the database, by which leases run."""
    if connection.vendor == "sqlite":
        yield skipped("SQLite runs by this machine's clock.")
        return
    before = datetime.now(UTC)
    theirs = _ask("SELECT clock_timestamp()")
    yield from judge_clock("The database's", theirs, before)  # type: ignore[arg-type]


def judge_clock(whose: str, theirs: datetime, before: datetime) -> Findings:
    """Compare a clock that was read between `before` and now with this machine's."""
    now = datetime.now(UTC)
    skew = (theirs - (before + (now - before) / 2)).total_seconds()
    if abs(skew) <= MOST_SKEW:
        yield ok(f"{whose} clock and this machine's agree within {max(1, round(abs(skew)))} s.")
    else:
        way = "ahead of" if skew > 0 else "behind"
        yield failed(f"{whose} clock is {abs(skew):.0f} s {way} this machine's.", CLOCK_CURE)


def look_at_worker() -> Findings:
    """Look for a worker that is alive and does its rounds."""
    alive = list(Worker.objects.alive().order_by("-heard_at"))
    if not alive:
        last = Worker.objects.order_by("-heard_at").first()
        when = f"the last one was heard of at {last.heard_at:%Y-%m-%d %H:%M} UTC" if last else "none ever ran"
        yield failed(
            f"No worker is running: {when}. Nothing is synced, archived or checked.",
            "Start one: systemctl start vobiz-portal-worker, or manage.py worker",
        )
        return
    now = Worker.objects.annotate(now=Now()).values_list("now", flat=True)[0]
    stuck = [one for one in alive if (one.swept_at or one.started_at) < now - SWEPT_WITHIN]
    for one in stuck:
        yield failed(
            f"Worker {one.name} is alive, but has not looked at what is due since {one.swept_at or one.started_at}.",
            "Read its log, then restart it: systemctl restart vobiz-portal-worker",
        )
    if not stuck:
        yield ok(f"{len(alive)} alive.")


def look_at_cache() -> Findings:
    """Store, read and delete a value in the cache that all processes share."""
    key, value = f"doctor-{secrets.token_hex(8)}", secrets.token_hex(8)
    where = "Redis" if settings.ON_REDIS else "the database"
    try:
        cache.set(key, value, 60)
        same = cache.get(key) == value
        cache.delete(key)
    except Exception as error:  # noqa: BLE001 - whatever the cache's library raises
        yield failed(
            f"The shared cache in {where} does not work ({type(error).__name__}): nobody can sign in.",
            "Start Redis, and compare TASKS_BACKEND with its address and password."
            if settings.ON_REDIS
            else "Run: manage.py migrate",
        )
        return
    if same:
        yield ok(f"Shared by all processes, in {where}.")
    else:
        yield failed(
            f"The shared cache in {where} forgets at once.", "Give Redis memory (maxmemory), or less to keep."
        )


def look_at_storage() -> Findings:
    """Write, read and delete a file where the archive is."""
    tried = trial.try_storage()
    if tried.failed is None:
        yield ok(f"{tried.place}: written, read back, closed to others, deleted.")
        return
    left = f" The file {tried.left} may still be there: delete it." if tried.left else ""
    step = str(trial.STEP_WORDS[tried.failed])
    yield failed(f"{tried.place} cannot keep recordings ({step}): {tried.why}{left}", tried.cure)


def look_at_search() -> Findings:
    """Look for the triggers by which the search follows what is written."""
    if connection.vendor != "sqlite":
        yield skipped("PostgreSQL's indexes follow by themselves.")
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')")
        there = {name for (name,) in cursor.fetchall()}
    wanted = {name for table in index.FULL_TEXT_TABLES for name in (table.name, *table.triggers)}
    if wanted <= there:
        yield ok("Its indexes follow every write.")
    else:
        yield failed(
            "Indexes of the search are missing: what is written since is not found.",
            "Run: manage.py rebuild_search",
        )


def look_at_events() -> Findings:
    """Look for the triggers that write outgoing events."""
    if missing := outgoing_event.missing_triggers():
        yield failed(
            f"Outgoing events are not written: triggers are missing ({len(missing)}).",
            "Run: manage.py migrate",
        )
    else:
        yield ok("Outgoing events are written with every change.")


def _ask(statement: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return row[0] if row else None
