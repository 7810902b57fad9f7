"""The cache in the database: atomic between processes, JSON, and with an expiry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as in_force
from django.core.cache import caches
from django.core.signing import JSONSerializer
from django.db import connection

from recordings.models import CacheEntry
from recordings.shared_cache import DatabaseCache

ROOT = Path(__file__).parent.parent


@pytest.fixture
def cache(db: None) -> DatabaseCache:
    found = caches["default"]
    assert isinstance(found, DatabaseCache)
    return found


def test_values_are_kept_as_json_until_they_expire(cache: DatabaseCache) -> None:
    for value in (1, "one", {"a": [1, None]}, True, None, 2.5):
        cache.set("key", value)
        assert cache.get("key", "nothing") == value
    cache.set("key", 1, timeout=-1)
    assert cache.get("key", "nothing") == "nothing"
    assert not CacheEntry.objects.filter(
        text__startswith="gA"
    ).exists()  # what a pickle begins with, in base64


def test_only_the_first_of_two_adds(cache: DatabaseCache) -> None:
    assert [cache.add("code", "y"), cache.add("code", "y")] == [True, False]
    cache.touch("code", -1)
    assert cache.add("code", "y")
    assert cache.delete("code")
    assert not cache.delete("code")


def test_a_number_grows_and_a_missing_one_is_an_error(cache: DatabaseCache) -> None:
    cache.set("n", 1)
    assert [cache.incr("n"), cache.incr("n", 5)] == [2, 7]
    for key, value in (("absent", None), ("text", "one")):
        if value:
            cache.set(key, value)
        with pytest.raises(ValueError):
            cache.incr(key)


def test_expired_entries_are_deleted_in_passing(cache: DatabaseCache) -> None:
    cache.set("old", 1, timeout=-1)
    for at in range(1500):  # one in a hundred sweeps: all but once in three million runs
        cache.add(f"new{at}", 1)
        if not CacheEntry.objects.filter(key=cache.make_key("old")).exists():
            break
    assert not CacheEntry.objects.filter(key=cache.make_key("old")).exists()


COUNT = """
import django; django.setup()
from django.core.cache import cache
allowed = sum(cache.incr("n") <= 100 for _ in range(100)) + sum(cache.add(f"slot{i}", 1) for i in range(100))
print(allowed)
"""


@pytest.mark.django_db(transaction=True)
def test_two_processes_lose_no_count_and_share_no_slot() -> None:
    caches["default"].set("n", 0)
    database = connection.settings_dict
    url = f"sqlite:///{database['NAME']}"
    if connection.vendor == "postgresql":
        at = f"{database['USER']}:{database['PASSWORD']}@{database['HOST'] or '127.0.0.1'}:{database['PORT'] or 5432}"
        url = f"postgres://{at}/{database['NAME']}"
    environment = {
        **os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "vobiz_portal.settings",
        "VAR_DIR": str(in_force.VAR_DIR),
    }  # fmt: skip
    both = [
        subprocess.Popen([sys.executable, "-c", COUNT], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [json.loads(one.communicate(timeout=300)[0]) for one in both]
    assert sum(told) == 200
    assert caches["default"].get("n") == 200


def test_redis_gets_json_too() -> None:
    serializer = JSONSerializer()  # the settings name it
    assert serializer.dumps(5) == b"5"
    assert serializer.loads(serializer.dumps({"a": "y"})) == {"a": "y"}
