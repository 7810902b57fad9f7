"""What several models declare alike: constraints, partial indexes, and who did something."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q


def never_empty(name: str, *columns: str) -> models.CheckConstraint:
    """Return a constraint that none of the text columns is empty: unknown is NULL."""
    empty = [Q(**{column: ""}) for column in columns]
    return models.CheckConstraint(condition=~reduce(or_, empty), name=name)


def one_of(
    name: str, column: str, choices: type[models.TextChoices], *, null: bool = False
) -> models.CheckConstraint:
    """Return a constraint that the column holds one of its choices; with `null`, or nothing."""
    chosen = Q(**{f"{column}__in": choices.values})
    return models.CheckConstraint(
        condition=Q(**{f"{column}__isnull": True}) | chosen if null else chosen, name=name
    )


def partial_index(name: str, fields: list[str], where: Q) -> models.Index:
    """Return an index over the rows that meet a condition: few rows that much is asked about, or the due ones."""
    return models.Index(fields=fields, condition=where, name=name)


def unique_where(name: str, fields: list[str], where: Q) -> models.UniqueConstraint:
    """Return a constraint that no two of the rows that meet a condition are alike in these columns."""
    return models.UniqueConstraint(fields=fields, condition=where, name=name)


def amount(verbose_name: Any, **options: Any) -> models.DecimalField[Any, Any]:
    """Return a column for an amount of money as Vobiz gives it, which may be a small part of a cent."""
    return models.DecimalField(
        verbose_name, max_digits=26, decimal_places=8, null=True, blank=True, **options
    )


def done_by(verbose_name: Any, **options: Any) -> models.ForeignKey[Any, Any]:
    """Return a key of the user who did something; NULL for nobody, and for the command line."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=verbose_name,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        **options,
    )
