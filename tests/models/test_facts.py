"""Facts from several sources become one row by rank, whatever the order they come in."""

from __future__ import annotations

import itertools
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.choices import Source
from recordings.models import Account, Recording
from recordings.models.recording.provenance import FACT_COLUMNS, Facts
from tests.facts import merge_facts
from tests.models.test_upsert_adoption import asked_for

SAID = {
    Source.CALLBACK: Facts(recording_url="callback", duration_ms=1, api_id="callback"),
    Source.ANSWER: Facts(recording_url="answer", api_id="answer"),
    Source.API: Facts(recording_url="api", billed_seconds=60),
}


@pytest.mark.parametrize("order", list(itertools.permutations(SAID)))
def test_every_order_of_the_sources_ends_in_the_same_facts(account: Account, order: list[Source]) -> None:
    row = asked_for(account)
    for source in order:
        merge_facts(row, SAID[source], source)

    assert (row.recording_url, row.api_id, row.duration_ms, row.billed_seconds) == ("api", "answer", 1, 60)
    assert row.sources == {
        "recording_url": "api", "api_id": "answer", "duration_ms": "callback", "billed_seconds": "api",
    }  # fmt: skip


@pytest.mark.parametrize(("source", "stands"), [
    (Source.CALLBACK, "first"), (Source.ANSWER, "first"), (Source.API, "second"),
])  # fmt: skip
def test_a_second_word_of_the_same_source_counts_only_from_the_api(
    account: Account, source: Source, stands: str
) -> None:
    row = asked_for(account)
    merge_facts(row, Facts(recording_url="first"), source)
    merge_facts(row, Facts(recording_url="second"), source)
    assert row.recording_url == stands


def test_what_was_asked_for_is_no_source_so_any_replaces_it(account: Account) -> None:
    row = asked_for(account, file_format="wav")
    assert row.source_of("file_format") is None
    merge_facts(row, Facts(file_format="mp3"), Source.CALLBACK)
    assert (row.file_format, row.source_of("file_format")) == ("mp3", Source.CALLBACK)


def test_a_value_confirmed_by_a_better_source_is_that_sources(account: Account) -> None:
    row = asked_for(account)
    merge_facts(row, Facts(duration_ms=10), Source.CALLBACK)
    assert merge_facts(row, Facts(duration_ms=10), Source.API) == ["sources"]
    assert row.source_of("duration_ms") == Source.API


def test_filling_in_nothing_new_writes_nothing(account: Account) -> None:
    row = asked_for(account)
    merge_facts(row, SAID[Source.CALLBACK], Source.CALLBACK)
    assert merge_facts(row, SAID[Source.CALLBACK], Source.CALLBACK) == []


def test_filling_one_row_leaves_what_another_writer_changed_meanwhile(
    account: Account, now: datetime
) -> None:
    row = asked_for(account)
    remembered = Recording.objects.get(pk=row.pk)
    row.request_stop(None, now=now)
    merge_facts(remembered, Facts(started_at=now), Source.CALLBACK)
    row.refresh_from_db()
    assert (row.stop_requested_at, row.happened_at) == (now, now)


@given(
    said=st.lists(
        st.tuples(
            st.sampled_from(Source), st.sampled_from(FACT_COLUMNS[:4]), st.none() | st.text(max_size=2)
        ),
        max_size=12,
    )
)
def test_null_never_overwrites_and_a_lower_rank_never_does(
    said: list[tuple[Source, str, str | None]],
) -> None:
    rank = {Source.CALLBACK: 1, Source.ANSWER: 2, Source.API: 3}
    row, held = Recording(), dict[str, tuple[int, str]]()
    for source, column, value in said:
        Facts(**{column: value}).merge_into(row, source)  # type: ignore[arg-type]
        best = held.get(column, (0, ""))
        if value is not None and (rank[source] > best[0] or source == Source.API):
            held[column] = (rank[source], value)
    assert {name: getattr(row, name) for name in held} == {name: value for name, (_, value) in held.items()}
