"""What a page of each list costs at a million recordings, against a stock ModelAdmin and against rows by primary key.

    .venv/bin/python -m bench.lists [--rows 1000000] [--library FOLDER] [--database postgres://…] [--repeat 3]

One process asks pages of itself, through the whole middleware. *Stock*: an admin site with the same columns,
`date_hierarchy` and `search_fields`, for a superuser. *By key*: the same page, its context made once, with a hundred
rows fetched anew by primary key and rendered by the same template. What the portal remembers between two requests is
forgotten before each. CPU is this process's and its PostgreSQL backend's, which has no parallel workers here.

`--library`: a folder that keeps the library between runs; with `--database` it belongs to that database.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bench.portal import make, on_database, options

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from django.test import Client

TICKS = 100  # of a process's CPU clock in a second, as Linux counts them
STOCK = "/stock/recordings"
PORTAL = "/admin/recordings"
RECORDINGS = f"{PORTAL}/recording/"
LARGEST = "MA_SEEDED01"  # account of half of the library
EVENTS_A_RECORDING, ACCESSES_A_RECORDING, RUNS_A_RECORDING = 5, 10, 100  # one event for so many recordings


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of CPU and of wall time of one page, the medians of its repetitions."""

    cpu: float
    wall: float

    def __str__(self) -> str:
        return f"{self.cpu:.0f} ({self.wall:.0f})"


@dataclass(frozen=True, slots=True)
class Case:
    """One page of the portal, and the stock page that answers the same question."""

    name: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    stock: str = ""
    stock_query: dict[str, str] = field(default_factory=dict)
    by_key: bool = False

    def url(self, *, stock: bool = False) -> str:
        """Return the address."""
        path, query = (self.stock, self.stock_query) if stock else (self.path, self.query)
        return f"{path}?{urlencode(query)}" if query else path


# The library


def fill(rows: int) -> None:
    """Write the library where it is not there yet, and take the statistics that the worker takes."""
    from django.core.management import call_command
    from django.db import connection

    from recordings.models import Recording
    from recordings.worker import statistics as worker_statistics

    if not Recording.objects.exists():
        call_command("seed_library", recordings=rows, transcripts=rows * 3 // 10, verbosity=0)
    _fill_histories(rows)
    if connection.vendor == "sqlite":
        worker_statistics.analyse()
    else:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # as autovacuum does


def _fill_histories(rows: int) -> None:
    """Write callbacks, accesses and syncs beside the recordings, where there are none."""
    from django.utils import timezone

    from recordings.models import AccessEvent, Account, CallbackEvent, Recording, SyncRun

    now = timezone.now()
    step = max(1, rows // EVENTS_A_RECORDING)
    accounts = list(Account.objects.values_list("pk", "auth_id"))
    if not CallbackEvent.objects.exists():
        events = (
            CallbackEvent(
                account_id=account, recording_id=pk, door="account", key_digest="0" * 64, content_digest=f"{pk:064}",
                kind="recording", outcome="applied", payload={"recording_id": str(pk)}, trust="signed", scheme="v3",
                received_at=at, processed_at=at,
            )
            for pk, account, at in Recording.objects.order_by("pk").values_list("pk", "account_id", "happened_at")[
                :step
            ].iterator()
        )  # fmt: skip
        _insert(events)
    if not AccessEvent.objects.exists():
        _insert(
            AccessEvent(at=now - timedelta(seconds=37 * at), action="play", result="ok", user_pk=1,
                        username=f"u{at % 50}", account_auth_id=accounts[at % len(accounts)][1], recording_pk=at + 1)
            for at in range(rows // ACCESSES_A_RECORDING)
        )  # fmt: skip
    if SyncRun.objects.count() < rows // RUNS_A_RECORDING:
        _insert(
            SyncRun(account_id=accounts[at % len(accounts)][0], state="complete", complete=True, started_at=since,
                    ended_at=since, lease_until=since, scope={"newest": "x"}, pages=1, seen=100, unchanged=100)
            for at in range(rows // RUNS_A_RECORDING)
            for since in [now - timedelta(minutes=5 * at)]
        )  # fmt: skip


def _insert(rows: Iterator[Any]) -> None:
    from django.db import transaction

    from recordings.bulk_insert import insert_rows

    while batch := list(islice(rows, 5_000)):
        with transaction.atomic():
            insert_rows(batch)


# The stock site


def stock_site() -> AdminSite:
    """Return an admin site of stock ModelAdmins: the same columns, `date_hierarchy` and `search_fields`."""
    from django.conf import settings
    from django.contrib import admin
    from django.template.backends.django import DjangoTemplates

    from recordings import models

    site = admin.AdminSite("stock")
    options: dict[Any, dict[str, Any]] = {
        models.Recording: {
            "list_display": ("happened_at", "call__from_number", "call__to_number", "duration_ms", "account",
                             "file_format", "archived_at", "transcription", "requested_by"),
            "list_select_related": ("account", "call", "requested_by", "transcription"),
            "date_hierarchy": "happened_at",
            "search_fields": ("recording_id", "call__call_uuid", "call__from_digits", "call__to_digits"),
        },
        models.Call: {
            "list_display": ("happened_at", "from_number", "to_number", "direction", "state", "account"),
            "date_hierarchy": "happened_at", "search_fields": ("call_uuid", "from_digits", "to_digits"),
        },
        models.Transcription: {
            "list_display": ("recording", "recording__call__from_number", "status", "trust", "received_at"),
            "list_select_related": ("recording__account", "recording__call"), "search_fields": ("text",),
            "date_hierarchy": "received_at",
        },
        models.CallbackEvent: {
            "list_display": ("received_at", "kind", "recording", "trust", "outcome", "deliveries", "account"),
            "date_hierarchy": "received_at", "search_fields": ("recording__recording_id",),
        },
        models.SyncRun: {
            "list_display": ("started_at", "account", "state", "seen", "ended_at", "requested_by"),
            "date_hierarchy": "started_at",
        },
        models.AccessEvent: {
            "list_display": ("at", "username", "action", "result", "recording_id", "account_auth_id", "address"),
            "date_hierarchy": "at", "search_fields": ("username",),
        },
    }  # fmt: skip
    own = DjangoTemplates({
        "NAME": "stock", "DIRS": [Path(admin.__file__).parent / "templates"], "APP_DIRS": False,
        "OPTIONS": settings.TEMPLATES[0]["OPTIONS"],
    })  # fmt: skip
    for model, attributes in options.items():
        attributes["change_list_template"] = own.get_template("admin/change_list.html")
        site.register(model, type("Stock", (admin.ModelAdmin,), attributes))
    return site


# By primary key


def by_key(page: Any) -> Callable[[HttpRequest], HttpResponseBase]:
    """Return a view that renders `page`, an answer of the portal, with its rows fetched anew by primary key."""
    from django.template.response import TemplateResponse

    context, cl = page.context_data, page.context_data["cl"]
    owner, keys = cl.model_admin, [row.pk for row in cl.result_list]
    told = [{name: row.__dict__.get(name) for name in ("shared", "snippet")} for row in cl.result_list]

    def view(request: HttpRequest) -> HttpResponseBase:
        rows = owner.model.objects.select_related(*owner.list_select_related).defer(*owner.list_deferred)
        found = rows.in_bulk(keys)
        cl.result_list = [found[key] for key in keys]
        for row, values in zip(cl.result_list, told, strict=True):
            row.__dict__.update(values)
        return TemplateResponse(request, page.template_name, context)

    return view


# Measuring


class Meter:
    """Asks pages and says what each costs."""

    def __init__(self, repeat: int) -> None:
        self.repeat = repeat
        self._backend = _backend_pid()

    def page(self, client: Client, url: str, repeat: int = 0) -> Cost:
        """Ask for a page, once to warm up unless it is asked once only."""
        times = repeat or self.repeat
        if times > 1:
            self._ask(client, url)
        costs = [self._ask(client, url) for _each in range(times)]
        return Cost(*(statistics.median(each) * 1_000 for each in zip(*costs, strict=True)))

    def _ask(self, client: Client, url: str) -> tuple[float, float]:
        from django.core.cache import caches

        caches["process"].clear()
        cpu, wall = self._cpu(), time.perf_counter()
        answer = client.get(url)
        wall, cpu = time.perf_counter() - wall, self._cpu() - cpu
        if answer.status_code != 200:
            raise RuntimeError(f"{url} was answered with {answer.status_code}")
        return cpu, wall

    def _cpu(self) -> float:
        spent = time.process_time()
        if self._backend is not None:
            numbers = Path(f"/proc/{self._backend}/stat").read_text().rpartition(")")[2].split()
            spent += (int(numbers[11]) + int(numbers[12])) / TICKS
        return spent


def _backend_pid() -> int | None:
    from django.db import connection

    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # so that all its CPU is counted
        cursor.execute("SELECT pg_backend_pid()")
        pid = int(cursor.fetchone()[0])
    return pid if Path(f"/proc/{pid}/stat").exists() else None


def clients() -> dict[str, Client]:
    """Return a superuser, and an account admin of the largest account."""
    from django.contrib.auth.models import Group, User
    from django.test import Client

    from recordings.models import Account

    boss = User.objects.get_or_create(
        username="bench-superuser", defaults={"is_staff": True, "is_superuser": True}
    )[0]
    member = User.objects.get_or_create(username="bench-member", defaults={"is_staff": True})[0]
    member.groups.set(Group.objects.all())
    member.vobiz_accounts.set([Account.objects.get(auth_id=LARGEST)])
    found = {}
    for name, user in (("superuser", boss), ("member", member)):
        found[name] = Client(SERVER_NAME="127.0.0.1")
        found[name].force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return found


def cases() -> Iterator[Case]:
    """Yield the pages to measure, with numbers, words and dates that the library holds."""
    from django.utils import timezone

    from recordings.models import Recording

    stock = f"{STOCK}/recording/"
    newest = Recording.objects.order_by("-happened_at", "-pk")
    total = newest.count()
    deep = min(5_000, max(2, total // 200))
    edge = newest[deep * 100 - 100 - 1]
    since = timezone.now() - timedelta(days=90)
    until = since + timedelta(days=30)
    month = {"date_from": f"{since:%Y-%m-%d}", "date_to": f"{until:%Y-%m-%d}"}
    stock_month = {
        "happened_at__gte": f"{since:%Y-%m-%d} 00:00:00+00:00", "happened_at__lt": f"{until:%Y-%m-%d} 00:00:00+00:00"
    }  # fmt: skip
    call = newest.filter(call__direction="inbound").select_related("call")[total // 3].call
    theirs, ours = (
        call.from_digits,
        call.to_digits,
    )  # of one caller; of a line that one call in 160 has
    account = str(Recording.objects.values_list("account_id", flat=True)[0])
    cursor = f"{int(edge.happened_at.timestamp()) * 1_000_000 + edge.happened_at.microsecond}.{edge.pk}"
    yield Case("recordings, page 1", RECORDINGS, {}, stock, {}, by_key=True)
    yield Case("30 days", RECORDINGS, month, stock, stock_month, by_key=True)
    yield Case("account", RECORDINGS, {"account": account}, stock, {"account__exact": account})
    yield Case("origin", RECORDINGS, {"origin__exact": "sync"}, stock, {"origin__exact": "sync"})
    yield Case("origin, none", RECORDINGS, {"origin__exact": "portal"}, stock, {"origin__exact": "portal"})
    yield Case("direction", RECORDINGS, {"call__direction__exact": "inbound"}, stock, {})
    yield Case("over 10 min", RECORDINGS, {"min_length": "600"}, stock, {"duration_ms__gte": "600000"})
    yield Case("archived, none", RECORDINGS, {"kept": "archived"}, stock, {"archived_at__isnull": "0"})
    yield Case("at risk", RECORDINGS, {"kept": "at_risk"}, stock, {"archived_at__isnull": "1"})
    yield Case("with transcript", RECORDINGS, {"transcript": "there"}, stock, {})
    yield Case(f"page {deep:,}", RECORDINGS, {"after": cursor}, stock, {"p": str(deep)}, by_key=True)
    for name, text in (
        ("full", theirs), ("6 digits", theirs[-8:-2]), ("no hit", "99990000111122"), ("of our line", ours),
    ):  # fmt: skip
        yield Case(f"number, {name}", RECORDINGS, {"q": text}, stock, {"q": text})
    for name, word in (("rare", rare_word()), ("common", "parcel")):
        listed = f"{PORTAL}/transcription/"
        yield Case(f"words, {name}", listed, {"q": word}, f"{STOCK}/transcription/", {"q": word})
        yield Case(
            f"recordings by words, {name}", RECORDINGS, {"q": word}, f"{STOCK}/transcription/", {"q": word}
        )
    for name in ("call", "transcription", "callbackevent", "syncrun", "accessevent"):
        yield Case(f"{name}, page 1", f"{PORTAL}/{name}/", {}, f"{STOCK}/{name}/", {})
    yield Case("overview", "/admin/", {})


def rare_word() -> str:
    """Return a word from the end of the library's vocabulary, longer than any other."""
    from recordings.models import Transcription

    text = Transcription.objects.exclude(text=None).order_by("pk")[7].text or ""
    return max(text.split(), key=lambda word: (any(map(str.isdigit, word)), len(word)))


def run(repeat: int, only: str, *, with_stock: bool) -> None:
    """Print the table."""
    from django.urls import clear_url_caches, path

    from recordings import database_waits
    from vobiz_portal import urls

    database_waits.STATEMENT_WAIT = 600.0  # what takes longer than a page waits is measured too
    urls.urlpatterns.insert(0, path("stock/", stock_site().urls))
    meter, people = Meter(repeat), clients()
    print("CPU ms (wall ms); ratios of CPU, of wall in brackets.\n")
    print(
        "| page | superuser | member | stock | stock : superuser | stock : member | by key | page : by key |"
    )
    print("|---|---|---|---|---|---|---|---|")
    floor: Cost | None = None
    for at, case in enumerate(cases()):
        if only and only not in case.name:
            continue
        ours = {name: meter.page(client, case.url()) for name, client in people.items()}
        stock = (
            meter.page(people["superuser"], case.url(stock=True), 1) if with_stock and case.stock else None
        )
        if case.by_key:
            page = people["superuser"].get(case.url())
            urls.urlpatterns.insert(0, path(f"by-key-{at}/", by_key(page)))
            clear_url_caches()
            floor = meter.page(people["superuser"], f"/by-key-{at}/")
        against = [_ratio(stock, cost) for cost in ours.values()]
        over = _ratio(ours["superuser"], floor) if case.by_key or case.name == "overview" else ""
        said = (case.name, *ours.values(), stock or "", *against, floor if over else "", over)
        print(f"| {' | '.join(str(one) for one in said)} |", flush=True)


def _ratio(above: Cost | None, below: Cost | None) -> str:
    if above is None or below is None:
        return ""
    return f"{above.cpu / max(below.cpu, 0.1):.1f}× ({above.wall / max(below.wall, 0.1):.1f}×)"


def main() -> None:
    """Make or open the library, then measure."""
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="recordings in the library (1000000)")
    parser.add_argument("--library", default="", help="a folder that keeps the library between runs")
    parser.add_argument("--database", default="", help="an empty PostgreSQL; SQLite without it")
    parser.add_argument("--repeat", type=int, default=3, help="times each page of ours is asked (3)")
    parser.add_argument("--only", default="", help="only the pages whose name holds this")
    parser.add_argument("--no-stock", action="store_true", help="without the stock pages, which take minutes")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = given.library or stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(folder).chmod(0o700)
        make(folder, **on_database(given.database))
        began = time.monotonic()
        fill(given.rows)
        print(f"{given.rows:,} recordings, ready in {time.monotonic() - began:.0f} s", file=sys.stderr)
        run(given.repeat, given.only, with_stock=not given.no_stock)


if __name__ == "__main__":
    main()
