"""The life of an alert: it begins with its problem, is told once, and ends when the problem is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from recordings.alerts.recipients import addresses, people, webhooks
from recordings.choices import AlertKind, ProblemCode
from recordings.models import Account, Alert, AlertMessage, Worker
from recordings.models.alert import QUIET
from recordings.problem import Problem

# What heals by itself within minutes is told only when it does not.
SELF_HEALING = {
    ProblemCode.API_DOWN, ProblemCode.SYNC_FAILING, ProblemCode.ARCHIVE_STOPPED, ProblemCode.EVENTS_FAILING,
}  # fmt: skip
GRACE = timedelta(minutes=5)


def record(problems: Iterable[Problem], now: datetime) -> None:
    """Open alerts for new problems, end those whose problem is over, and write a message to each recipient."""
    for problem in problems:
        if problem.code == ProblemCode.ALERTS_FAILING:
            continue  # it could not be sent either
        if problem.code in SELF_HEALING and problem.since is not None and now - problem.since < GRACE:
            continue
        _open(problem, now)
    for alert in list(Alert.objects.current().filter(seen_at__lt=now - QUIET)):
        _end(alert, now)


def record_gap(now: datetime) -> None:
    """Record, when a worker starts, that none was running; while that lasted nobody could send anything."""
    newest = Worker.objects.order_by("-heard_at").values_list("heard_at", flat=True).first()
    if newest is None or now - newest < GRACE or not Account.objects.active().exists():
        return
    if Alert.objects.filter(code=ProblemCode.NO_WORKER, since=newest).exists():
        return  # another worker that started has told it
    problem = Problem(
        ProblemCode.NO_WORKER, None, newest, _("No worker was running: nothing was synced or archived by itself"),
        reverse("admin:index"), _("Look why it stopped."),
    )  # fmt: skip
    _end(_open(problem, now), now)


def _open(problem: Problem, now: datetime) -> Alert:
    with transaction.atomic():
        alert, is_new = Alert.objects.open_for(problem, now)
        if is_new:
            _write_messages(alert, AlertKind.STARTED, now)
    return alert


def _end(alert: Alert, now: datetime) -> None:
    with transaction.atomic():
        if Alert.objects.end(alert.pk, now):
            _write_messages(alert, AlertKind.ENDED, now)


def _write_messages(alert: Alert, kind: AlertKind, now: datetime) -> None:
    """Write one message to each person and address; who got no beginning gets no end."""
    told: list[dict[str, Any]] = [{"webhook": webhook} for webhook in webhooks(alert)]
    if settings.EMAIL_URL:
        told += [{"user": user} for user in people() if alert.may_be_told_to(user)]
        told += [{"address": address} for address in addresses(alert)]
    messages = [AlertMessage(alert=alert, kind=kind, created_at=now, next_at=now, **to) for to in told]
    if kind == AlertKind.ENDED:
        began = {one.recipient for one in alert.messages.filter(kind=AlertKind.STARTED)}
        messages = [one for one in messages if one.recipient in began]
    AlertMessage.objects.bulk_create(messages)
