"""Rules that several tables have in common."""

from __future__ import annotations

from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Q


def never_empty(name: str, *columns: str) -> models.CheckConstraint:
    """Unknown is NULL: none of these texts may be ""."""
    empty = [Q(**{column: ""}) for column in columns]
    return models.CheckConstraint(condition=~reduce(or_, empty), name=name)
