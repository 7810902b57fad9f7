"""The words of the domain: none is missing its meaning."""

from __future__ import annotations

from recordings.choices import (
    ATTENTION_WORDS,
    CALLBACK_WORDS,
    NO_AUDIO_WORDS,
    NOTHING_STARTED,
    OPEN_STATUSES,
    SOURCE_RANK,
    Attention,
    AudioState,
    EventKind,
    RecordingStatus,
    Source,
    StartAnswer,
)


def test_every_reason_for_a_person_to_look_has_words_that_say_what_to_do() -> None:
    assert ATTENTION_WORDS.keys() == set(Attention)
    assert all(str(words).endswith(".") for words in ATTENTION_WORDS.values())


def test_every_state_without_audio_to_hear_has_words_that_say_why() -> None:
    assert NO_AUDIO_WORDS.keys() == {state for state in AudioState if not state.can_be_heard}
    assert all(str(words).endswith(".") for words in NO_AUDIO_WORDS.values())


def test_every_kind_of_callback_has_a_title() -> None:
    assert CALLBACK_WORDS.keys() == set(EventKind)


def test_the_api_has_the_last_word_then_the_answer_then_callbacks() -> None:
    assert sorted(Source, key=SOURCE_RANK.__getitem__) == [Source.CALLBACK, Source.ANSWER, Source.API]


def test_what_may_still_run_and_what_certainly_never_did() -> None:
    assert set(RecordingStatus) - set(OPEN_STATUSES) == {RecordingStatus.COMPLETED, RecordingStatus.FAILED}
    assert set(StartAnswer) - set(NOTHING_STARTED) == {StartAnswer.ACCEPTED, StartAnswer.UNKNOWN}
