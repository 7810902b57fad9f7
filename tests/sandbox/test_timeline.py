from __future__ import annotations

from vobiz_portal.sandbox.timeline import Timeline


def test_steps_happen_in_order_of_time_and_then_of_planning() -> None:
    timeline = Timeline(lambda: 100.0, seed=1)
    done: list[str] = []
    for when, name in ((130.0, "later"), (110.0, "first"), (110.0, "second")):
        timeline.plan(when, lambda subject, when: done.append(f"{subject} {when}"), name)
    timeline.tick()
    assert done == []
    timeline.advance(50)
    assert done == ["first 110.0", "second 110.0", "later 130.0"]


def test_a_step_that_looks_around_does_not_run_the_steps_after_it() -> None:
    timeline = Timeline(lambda: 100.0, seed=1)
    done: list[str] = []

    def look_around(subject: str, when: float) -> None:
        timeline.tick()
        done.append(subject)

    timeline.plan(101.0, look_around, "one")
    timeline.plan(102.0, look_around, "two")
    timeline.advance(10)
    assert done == ["one", "two"]


def test_nonces_are_twenty_digits_and_never_the_same() -> None:
    timeline = Timeline(None, seed=3)
    nonces = {timeline.new_nonce() for _ in range(1000)}
    assert len(nonces) == 1000
    assert {len(nonce) for nonce in nonces} == {20}
    assert all(nonce.isdecimal() for nonce in nonces)
