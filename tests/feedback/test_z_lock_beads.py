"""Beads of the Z-lock that come, go, creep, are noisy, or are others suddenly."""

from __future__ import annotations

import numpy as np
import pytest

from magscope_app.config.feedback import ZLockConfig
from tests.feedback.quick import LARGEST_JUMP_NM, Quick


def test_a_bead_that_jumps_in_x_and_y_is_another_one() -> None:
    """Its z is not followed for a single frame, also if others are good."""
    for bead_ids in ((0,), (0, 1, 2)):
        quick = Quick(bead_ids=bead_ids, noise_nm=2.0).held()
        quick.run(1.0)
        quick.places_nm, quick.moved_nm = {0: (1.0 + 1.1 * LARGEST_JUMP_NM, 1.0)}, {0: 300.0}
        at_nm = quick.focus_nm
        quick.run(0.1)
        assert quick.lock.state.let_go
        assert quick.lock.state.reason == "bead 0 has jumped by 440 nm in x and y, it may be another one"
        assert abs(quick.focus_nm - at_nm) < 5


def test_a_bad_frame_or_a_step_of_the_stage_is_no_other_bead() -> None:
    quick = Quick(noise_nm=2.0).held()
    for frame in range(200):
        # Two frames in which the tracker has looked elsewhere; and a bead that wanders by a pixel a frame.
        quick.places_nm = {0: (90_000.0, 1.0) if frame in (50, 51) else (1.0 + 100.0 * frame, 1.0)}
        quick.frame()
    assert quick.lock.state.stage == "on", quick.lock.state


def test_when_beads_go_and_come_back_the_focus_does_not_jump() -> None:
    """One of three has crept by less than what ends the lock, and is the only one for a while."""
    quick = Quick(bead_ids=(1, 2, 3), noise_nm=2.0).held()
    quick.run(1.0)
    for creep_nm in range(46):
        quick.moved_nm = {3: float(creep_nm)}
        quick.run(0.05)
    quick.run(1.0)
    begin = len(quick.focus_trace_nm)
    for lost in ({1, 2}, set(), {1, 2}, set[int]()):
        quick.lost = set(lost)
        quick.run(2.0)
    assert quick.lock.state.stage == "on", quick.lock.state
    trace_nm = np.array(quick.focus_trace_nm[begin - 100 :])
    assert np.ptp(trace_nm) < 12, np.ptp(trace_nm)


def test_one_that_crept_counts_on_when_the_other_two_are_lost_for_single_frames() -> None:
    """Noise of many short losses does not add up."""
    quick = Quick(bead_ids=(1, 2, 3), noise_nm=2.0).held()
    for number in range(3000):
        quick.lost = {1, 2} if number % 7 == 0 else {3} if number % 11 == 0 else set()
        quick.frame()
    assert quick.lock.state.stage == "on", quick.lock.state
    assert np.abs(quick.focus_trace_nm).max() < 8


def test_of_two_that_disagree_none_is_followed_when_the_third_is_lost() -> None:
    quick = Quick(bead_ids=(1, 2, 3), noise_nm=2.0).held()
    quick.moved_nm = {3: 45.0}
    quick.run(2.0)
    at_nm = quick.focus_nm
    quick.lost = {1}
    quick.run(1.0)
    assert "2 and 3 have moved" in quick.lock.state.reason
    assert abs(quick.focus_nm - at_nm) < 8


def test_a_named_bead_that_is_missing_is_waited_for_and_said() -> None:
    quick = Quick(bead_ids=(1, 2, 3), noise_nm=2.0, lost={3})
    quick.run(2.5)
    assert quick.lock.state.text == "Z-lock waits: bead 3 is not tracked"
    quick.run(1.0)
    state = quick.lock.state
    assert (state.stage, state.bead_ids, state.reason) == ("on", (1, 2), "bead 3 is not tracked")
    # It comes, is where it is, and counts: for the agreement, too.
    at_nm = quick.focus_nm
    quick.lost, quick.moved_nm = set(), {3: 700.0}
    quick.run(1.0)
    state = quick.lock.state
    assert (state.stage, state.bead_ids, state.reason) == ("on", (1, 2, 3), "")
    assert abs(quick.focus_nm - at_nm) < 8
    quick.moved_nm = {3: 780.0}
    quick.run(0.5)
    assert "bead 3 has moved" in quick.lock.state.reason


def test_a_bead_that_comes_late_holds_the_focus_alone() -> None:
    """The stage drifts while it is learned: where it is held is where it was."""
    quick = Quick(bead_ids=(1, 2), noise_nm=1.0, lost={2})
    quick.run(3.5)
    quick.lost, quick.moved_nm = set(), {2: -300.0}
    for _ in range(200):
        quick.z_nm += 1.0
        quick.frame()
    quick.lost = {1}
    for _ in range(200):
        quick.z_nm += 1.0
        quick.frame()
    quick.run(1.0)
    assert quick.lock.state.stage == "on", quick.lock.state
    assert quick.focus_nm * 0.88 == pytest.approx(quick.z_nm, abs=4)


def test_all_named_beads_that_are_there_are_not_waited_for() -> None:
    quick = Quick(bead_ids=(1, 2, 3), noise_nm=2.0)
    # They are held as exactly as they are compared with each other later.
    quick.run(0.2)
    assert quick.lock.state.text == "Z-lock waits"
    quick.run(0.1)
    assert quick.lock.state.stage == "on"


def test_one_that_is_taken_off_the_list_is_not_waited_for() -> None:
    quick = Quick(bead_ids=(1, 2), lost={2})
    quick.run(0.5)
    quick.lock.forget({2})
    quick.run(0.15)
    assert quick.lock.state.stage == "on"
    assert quick.lock.state.bead_ids == (1,)


def quiet(noise_nm: float, seed: int, seconds: float, bead_ids: tuple[int, ...] = (1, 2)) -> Quick:
    """Return what has run while nothing moved."""
    quick = Quick(bead_ids=bead_ids, noise_nm=noise_nm, seed=seed).held()
    quick.run(seconds)
    assert quick.lock.state.stage == "on", (noise_nm, seed, quick.count, quick.lock.state)
    return quick


@pytest.mark.parametrize("noise_nm", [12.0, 15.0, 20.0])
def test_noise_of_two_good_beads_is_no_disagreement(noise_nm: float) -> None:
    for seed in range(2):
        quiet(noise_nm, seed, 15.0)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("noise_nm", [12.0, 15.0, 20.0])
def test_noise_of_two_good_beads_is_no_disagreement_in_minutes(noise_nm: float) -> None:
    for seed in range(20):
        quiet(noise_nm, seed, 120.0)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_nothing_ends_a_lock_where_nothing_moves(count: int) -> None:
    for seed in range(5):
        quiet(3.0, seed, 120.0, tuple(range(count)))


@pytest.mark.parametrize(("noise_nm", "limit_nm"), [(3.0, 60.0), (20.0, 250.0)])
def test_one_of_two_that_jumps_ends_it_at_once(noise_nm: float, limit_nm: float) -> None:
    quick = Quick(bead_ids=(1, 2), noise_nm=noise_nm).held()
    quick.run(1.0)
    at_nm = quick.focus_nm
    quick.moved_nm = {2: 500.0}
    quick.run(0.5)
    assert "1 and 2 have moved" in quick.lock.state.reason
    assert abs(quick.focus_nm - at_nm) < limit_nm


@pytest.mark.parametrize(("noise_nm", "most_nm"), [(2.6, 20.0), (20.0, 70.0)])
def test_one_of_two_that_creeps_is_not_followed_far(noise_nm: float, most_nm: float) -> None:
    quick = Quick(bead_ids=(1, 2), noise_nm=noise_nm).held()
    quick.run(1.0)
    for creep_nm in range(200):
        quick.moved_nm = {2: float(creep_nm)}
        quick.run(0.1)
    assert quick.lock.state.let_go
    assert np.abs(quick.focus_trace_nm).max() < most_nm


def test_what_is_just_good_enough_is_believed() -> None:
    assert Quick(quality=ZLockConfig().min_quality).held().lock.on


def test_frames_before_beads_were_bad_say_nothing_about_where_they_are() -> None:
    quick = Quick()
    quick.run(0.08)
    quick.lost = {0}
    quick.run(0.02)
    quick.lost, quick.z_nm = set(), 300.0
    quick.run(1.0)
    assert quick.lock.state.stage == "on"
    assert quick.focus_nm == 0.0


def test_frames_measured_with_other_zluts_say_nothing_about_where_beads_are() -> None:
    quick = Quick()
    quick.run(0.08)
    quick.lock.measure_with(lambda _: (-2000.0, 2000.0))
    quick.z_nm = 300.0
    quick.run(1.0)
    assert quick.lock.state.stage == "on"
    assert quick.focus_nm == 0.0


def test_a_bead_that_was_away_is_compared_before_it_counts() -> None:
    quick = Quick(bead_ids=(1, 2), noise_nm=1.0).held()
    quick.run(1.0)
    quick.lost, quick.moved_nm = {2}, {2: 22.0}
    quick.run(1.0)
    quick.lost = set()
    at_nm = quick.focus_nm
    quick.run(2.0)
    assert quick.lock.state.stage == "on", quick.lock.state
    assert abs(quick.focus_nm - at_nm) < 5


def test_a_bead_may_come_while_the_others_are_shifted() -> None:
    quick = Quick(bead_ids=(1, 2), noise_nm=1.0, lost={2})
    quick.run(3.5)
    quick.lost = set()
    quick.run(0.15)
    assert quick.lock.shift(200.0) is None
    quick.run(1.0)
    quick.lost = {1}
    quick.run(1.0)
    assert quick.lock.state.stage == "on", quick.lock.state
    assert quick.focus_nm * 0.88 == pytest.approx(-200.0, abs=4)


def test_single_frames_in_which_a_bead_is_elsewhere_do_not_add_up() -> None:
    quick = Quick(bead_ids=(1,)).held()
    for _ in range(4):
        quick.places_nm = {1: (5000.0, 1.0)}
        quick.frame()
        quick.places_nm = {}
        quick.run(1.0)
    assert quick.lock.state.stage == "on", quick.lock.state


def test_noise_is_no_creep_when_beads_come_and_go() -> None:
    """Counted from where noise shows them, the focus would wander with every one that comes and goes."""
    ways_nm = []
    for seed in range(6):
        quick = Quick(bead_ids=(1, 2, 3), noise_nm=10.0, seed=seed).held()
        for number in range(150):
            quick.lost = {1 + number % 3}
            quick.run(0.1)
        assert quick.lock.state.stage == "on", quick.lock.state
        ways_nm.append(quick.focus_nm)
    assert float(np.sqrt(np.mean(np.square(ways_nm)))) < 10
