"""Whether the focus does what it is told, from its telemetry alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.feedback.focus_watch import FocusWatch

Row = tuple[float, float, float, float, float]
REST: Row = (0.0, 0.0, 0.0, 0.0, 1.0)
FOREIGN = "the focus was moved or stopped by something else"


def rows(*given: Row) -> npt.NDArray[np.float64]:
    return np.array(given, np.float64)


@pytest.fixture
def watch() -> FocusWatch:
    made = FocusWatch(5.0, 2.0)
    assert made.begin(rows(REST)) is None
    return made


def test_what_was_ordered_is_no_interference(watch: FocusWatch) -> None:
    watch.send(3.0, 10e6)
    # The order before stands until the new one arrives, and is in the telemetry for long.
    seen = [REST, (5e6, 0.0, 0.0, 0.0, 1.0), (11e6, 0.0, 0.0, 0.0, 1.0)]
    assert watch.look(rows(*seen), 12e6) is None
    assert np.isnan(watch.latency_ms)
    seen += [(13e6, 1.5, 3.0, 1.0, 0.0), (14e6, 3.0, 3.0, 0.0, 1.0)]
    assert watch.look(rows(*seen), 15e6) is None
    watch.send(6.0, 16e6)
    seen += [(16.5e6, 3.0, 3.0, 0.0, 1.0), (17e6, 6.0, 6.0, 0.0, 1.0)]
    assert watch.look(rows(*seen), 18e6) is None
    assert watch.latency_ms == pytest.approx(2.0)


def test_somebody_elses_move_is_seen_before_a_correction_hides_it(watch: FocusWatch) -> None:
    """The user moves it, and a correction that was on its way already takes it back: within one look."""
    watch.send(3.0, 12e6)
    moved = [(10.5e6, 60.0, 100.0, 1.0, 0.0), (11e6, 100.0, 100.0, 0.0, 1.0)]
    back = [(13e6, 50.0, 3.0, 1.0, 0.0), (14e6, 3.0, 3.0, 0.0, 1.0)]
    assert watch.look(rows(REST, *moved, *back), 15e6) == FOREIGN


def test_somebody_elses_move_is_seen_while_a_correction_is_on_its_way(watch: FocusWatch) -> None:
    watch.send(3.0, 10e6)
    arrived = [(11e6, 3.0, 3.0, 0.0, 1.0), (12e6, 60.0, 100.0, 1.0, 0.0)]
    assert watch.look(rows(REST, *arrived), 13e6) == FOREIGN


def test_what_was_ordered_long_ago_is_foreign(watch: FocusWatch) -> None:
    seen = [REST]
    for number, target in enumerate((3.0, 6.0, 9.0), start=1):
        watch.send(target, number * 1e7)
        seen += [(number * 1e7 + 1e6, target, target, 0.0, 1.0)]
        assert watch.look(rows(*seen), number * 1e7 + 2e6) is None
    seen += [(4e7, 9.0, 3.0, 1.0, 0.0)]
    assert watch.look(rows(*seen), 4.1e7) == FOREIGN


def test_a_focus_that_does_not_arrive_is_said(watch: FocusWatch) -> None:
    watch.send(300.0, 10e6)

    def on_way(until_ns: float) -> npt.NDArray[np.float64]:
        return rows(REST, *((t_ns, 20.0, 300.0, 1.0, 0.0) for t_ns in np.arange(11e6, until_ns, 20e6)))

    assert watch.look(on_way(1e9), 1e9) is None
    said = "did not reach 300 nm within 2 s, it is at 20 nm (is it stuck?)"
    assert said in str(watch.look(on_way(3e9), 3e9))


def test_where_it_stood_before_the_order_is_no_arrival(watch: FocusWatch) -> None:
    """The same place is ordered again: only rows of after that say that it is there."""
    watch.send(0.0, 10e6)
    before = rows(REST, (9e6, 0.0, 0.0, 0.0, 1.0))
    on_its_way = []
    for seen, now_ns in (before, 11e6), (rows(*before, (12e6, 0.0, 0.0, 0.0, 1.0)), 13e6):
        assert watch.look(seen, now_ns) is None
        on_its_way.append(watch.on_its_way)
    assert on_its_way == [True, False]
    assert watch.settled_ns == 12e6


@pytest.mark.parametrize(("moving", "at_target"), [(1.0, 1.0), (0.0, 0.0)])
def test_it_begins_at_rest_only(moving: float, at_target: float) -> None:
    assert FocusWatch(5.0, 2.0).begin(rows((0.0, 0.0, 0.0, moving, at_target))) == "the focus is moving"


def test_a_search_for_the_reference_position_is_somebody_elses_move(watch: FocusWatch) -> None:
    """Nobody knows its target meanwhile; one row at rest without a target says nothing."""
    unknown = (5e6, 0.0, np.nan, 0.0, 1.0)
    assert watch.look(rows(REST, unknown), 6e6) is None
    assert watch.look(rows(REST, unknown, (7e6, -5.0, np.nan, 1.0, 0.0)), 8e6) == FOREIGN


def test_a_row_without_a_target_is_no_search_while_an_order_is_on_its_way(watch: FocusWatch) -> None:
    watch.send(3.0, 10e6)
    assert watch.look(rows(REST, (11e6, 1.0, np.nan, 1.0, 0.0)), 12e6) is None


def test_it_rests_since_it_arrived_and_not_since_it_was_looked_at() -> None:
    watch = FocusWatch(5.0, 2.0)
    on_way = (1e6, 50.0, 100.0, 1.0, 0.0)
    there = [(t_ms * 1e6, 100.0, 100.0, 0.0, 1.0) for t_ms in range(2, 80)]
    assert watch.begin(rows(REST, on_way, *there[:5])) is None
    assert watch.settled_ns == 2e6
    # What is known of its arrival is no more among the newest rows.
    assert watch.begin(rows(*there[40:])) is None
    assert watch.settled_ns == 2e6
    elsewhere = (90e6, 200.0, 200.0, 0.0, 1.0)
    assert watch.begin(rows(*there[40:], elsewhere)) is None
    assert watch.settled_ns == 90e6


def test_a_focus_that_is_seldom_asked_is_not_silent(watch: FocusWatch) -> None:
    """2.5 of its usual pauses, here of 1 s, and 0.75 s where it speaks often."""
    seen = [(number * 1e9, 0.0, 0.0, 0.0, 1.0) for number in range(4)]
    assert watch.look(rows(*seen), 3.1e9) is None
    assert watch.look(rows(*seen), 5.4e9) is None
    assert watch.look(rows(*seen), 5.6e9) == "the focus has not told where it is for 2.6 s"
