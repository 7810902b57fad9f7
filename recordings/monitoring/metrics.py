"""Metrics for Prometheus: requests of this process, and the state of the portal as the database has it."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from recordings import overview
from recordings.models import Worker
from recordings.overview import EVERYTHING, Figures

REQUESTS = CollectorRegistry()
request_count = Counter(
    "vobiz_portal_requests",
    "Requests answered by this process.",
    ["view", "method", "status"],
    registry=REQUESTS,
)
request_seconds = Histogram(
    "vobiz_portal_request_seconds", "Seconds until the headers of the answer.", ["view"], registry=REQUESTS
)


class PortalCollector(Collector):
    """The figures behind the overview, of all accounts. An account is named by its number, as in its URL."""

    def collect(self) -> Iterator[Metric]:
        """Yield each gauge; reads the database."""
        look = overview.figures(EVERYTHING, timezone.now(), lambda _permission: True, every_account=True)
        found = GaugeMetricFamily(
            "vobiz_portal_problem", "1 for each current problem; account is empty for the whole portal.",
            labels=["code", "account"],
        )  # fmt: skip
        for problem in overview.problems_of(look):
            found.add_metric([problem.code.value, str(problem.account or "")], 1)
        yield found
        yield _gauge("workers", "Workers that are alive.", Worker.objects.alive().count())
        yield from _of_accounts(look)
        yield from _of_archive(look)


def _of_accounts(look: Figures) -> Iterator[Metric]:
    parts = {"at_risk": look.at_risk_in, "lost": look.lost_in}
    for name, groups in parts.items():
        gauge = GaugeMetricFamily(
            f"vobiz_portal_recordings_{name}", "Recordings, counted up to 1000.", labels=["account"]
        )
        for account in look.accounts:
            group = groups.get(account.pk)
            gauge.add_metric([str(account.pk)], group.count.n if group else 0)
        yield gauge
    moments = {"last_complete_sync": "whole_at", "last_callback": "heard_at"}
    for name, attribute in moments.items():
        gauge = GaugeMetricFamily(
            f"vobiz_portal_{name}_timestamp_seconds",
            "Unix time; absent where there was none.",
            labels=["account"],
        )
        for account in look.accounts:
            at = getattr(account, attribute)
            if at is not None:
                gauge.add_metric([str(account.pk)], at.timestamp())
        yield gauge


def _of_archive(look: Figures) -> Iterator[Metric]:
    if look.archiving is not None:
        yield _gauge("archive_due", "Recordings that wait to be archived, up to 1000.", look.archiving.due.n)
        if look.archiving.free is not None:
            yield _gauge("archive_free_bytes", "Free bytes of the archive's disk.", look.archiving.free)
    if look.database is not None:
        yield _gauge("database_free_bytes", "Free bytes of the embedded database's disk.", look.database.free)


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"vobiz_portal_{name}", about, value)


PORTAL = CollectorRegistry()
PORTAL.register(PortalCollector())


def exposition() -> bytes:
    """Return all metrics in the text format."""
    return generate_latest(REQUESTS) + generate_latest(PORTAL)
