"""When a process that died is started again, and when it is given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from magscope_app.processes.revival import Revival, kind_of


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_it_is_started_once_after_the_pause() -> None:
    clock = Clock()
    revival = Revival({"camera": "always"}, clock)
    pause_s = revival.plan("camera")
    assert pause_s is not None
    assert revival.take_due() == []
    clock.now_s += pause_s
    assert revival.take_due() == ["camera"]
    assert revival.take_due() == []


def test_the_pauses_grow_and_after_the_last_it_is_given_up() -> None:
    revival = Revival({"camera": "always"}, Clock())
    assert [revival.plan("camera") for _ in range(7)] == [0.1, 0.5, 1.0, 2.0, 4.0, 8.0, None]


def test_without_a_policy_it_is_not() -> None:
    revival = Revival({"camera": "never"})
    assert revival.plan("camera") is None
    assert revival.plan("experiment") is None
    assert revival.take_due() == []


def test_one_of_several_of_a_kind_has_a_count_of_its_own() -> None:
    revival = Revival({"motors": "always"}, Clock())
    while revival.plan("motors-2") is not None:
        pass
    assert revival.plan("motors-3") is not None
    assert kind_of("motors-3") == "motors"


@given(st.lists(st.floats(0, 400), max_size=40))
def test_it_is_given_up_only_after_six_deaths_in_five_minutes(pauses_s: list[float]) -> None:
    clock = Clock()
    revival = Revival({"tracking": "always"}, clock)
    counted: list[float] = []
    for pause_s in pauses_s:
        clock.now_s += pause_s
        recent = [death for death in counted if clock.now_s - death <= 300]
        planned = revival.plan("tracking")
        assert (planned is None) == (len(recent) >= 6)
        if planned is not None:
            counted.append(clock.now_s)
