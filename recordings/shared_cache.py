"""A cache that all processes share: rows of our own database, with JSON values.

Django's own database cache pickles, so whoever can write to the table could run code here; and its `incr` reads, then
writes, so two processes lose counts. Here each operation is one statement, or repeats one that another got ahead of.
"""

from __future__ import annotations

import json
import logging
import random
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.utils import timezone

logger = logging.getLogger(__name__)

SWEEP = 100  # one write in so many also deletes what has expired


class CacheEntry(models.Model):
    """One value. A whole number is in `number`, so that the database can add to it; anything else is JSON text."""

    key = models.CharField(max_length=250, primary_key=True)
    number = models.BigIntegerField(null=True)
    text = models.TextField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["expires_at"], name="cacheentry_expiry")]

    def __str__(self) -> str:
        return self.key


def _live() -> Q:
    return Q(expires_at=None) | Q(expires_at__gt=timezone.now())


def _columns(value: Any) -> dict[str, Any]:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"number": value, "text": None}
    return {"number": None, "text": json.dumps(value)}


class DatabaseCache(BaseCache):
    """Django's cache interface over `CacheEntry`."""

    def __init__(self, _location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def _expiry(self, timeout: Any) -> datetime | None:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return None if seconds is None else timezone.now() + timedelta(seconds=seconds)

    def _key(self, key: Any, version: int | None) -> str:
        return str(self.make_and_validate_key(key, version=version))

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store a value unless there is one; return whether it was stored. One of several at once gets True."""
        made, columns = self._key(key, version), {**_columns(value), "expires_at": self._expiry(timeout)}
        if CacheEntry.objects.filter(key=made).exclude(_live()).update(**columns):
            return True
        if random.randrange(SWEEP) == 0:
            CacheEntry.objects.filter(expires_at__lte=timezone.now()).delete()
        try:
            with transaction.atomic():
                CacheEntry.objects.create(key=made, **columns)
        except IntegrityError:
            return False
        return True

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or the default where there is none or it has expired."""
        found = CacheEntry.objects.filter(_live(), key=self._key(key, version)).first()
        if found is None:
            return default
        return found.number if found.text is None else json.loads(found.text)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store a value, whatever was there."""
        columns = {**_columns(value), "expires_at": self._expiry(timeout)}
        CacheEntry.objects.update_or_create(key=self._key(key, version), defaults=columns)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Give a value another expiry; return whether there is one."""
        rows = CacheEntry.objects.filter(_live(), key=self._key(key, version))
        return bool(rows.update(expires_at=self._expiry(timeout)))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Delete a value; return whether there was one."""
        return bool(CacheEntry.objects.filter(key=self._key(key, version)).delete()[0])

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add to a number in one statement and return it; ValueError where there is none."""
        rows = CacheEntry.objects.filter(_live(), key=self._key(key, version), number__isnull=False)
        with transaction.atomic():  # the row stays locked until it was read
            if not rows.update(number=F("number") + delta):
                raise ValueError(f"No number is stored under {key!r}")
            return int(rows.values_list("number", flat=True).get() or 0)

    def clear(self) -> None:
        """Delete everything."""
        CacheEntry.objects.all().delete()


def count_up(key: str, *, seconds: int) -> int:
    """Count one more under `key` in the cache that all processes share; return the count since `seconds` ago at most.

    A cache that is away must not stop the work that is counted: then it is the first.
    """
    try:
        if cache.add(key, 1, timeout=seconds):
            return 1
        return int(cache.incr(key))
    except ValueError:  # it expired between the two
        return 1
    except Exception as error:  # noqa: BLE001 - whatever the cache's library raises
        logger.warning("The shared cache cannot count: %s", type(error).__name__)
        return 1
