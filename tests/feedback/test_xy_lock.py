"""The XY-lock in numbers: ROIs follow, and never leave the frame or run into each other."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.config.feedback import XYLockConfig
from magscope_app.feedback.readings import COLUMN
from magscope_app.feedback.xy_lock import Look, XYLock
from tests.feedback.rows import NM_PER_PX, tracks

SIZE = (300, 200)
ROI_PX = 32
Places = dict[int, tuple[float, float]]


def looked(lock: XYLock, places: Places, centres: Places, quality: float = 0.9) -> Look:
    return lock.look(tracks(places, n_frames=10, quality=quality), centres, SIZE)


def lock_of(**config: object) -> XYLock:
    lock = XYLock(XYLockConfig.model_validate(config), ROI_PX, NM_PER_PX)
    lock.begin()
    return lock


def moved(look: Look, centres: Places) -> Places:
    return centres | {move.bead_id: (move.x_px, move.y_px) for move in look.moves}


def test_a_roi_follows_its_bead_in_steps() -> None:
    lock, centres = lock_of(), {5: (100.5, 80.5)}
    look = looked(lock, {5: (110.2, 78.9)}, centres)
    assert [(move.x_px, move.y_px) for move in look.moves] == [(104.5, 78.5)]
    assert math.isclose(look.farthest_px, math.hypot(9.7, 1.6))
    for _ in range(3):
        centres = moved(looked(lock, {5: (110.2, 78.9)}, centres), centres)
    assert centres[5] == (110.5, 78.5)
    assert not looked(lock, {5: (110.2, 78.9)}, centres).moves
    assert lock.state.stage == "on"
    assert lock.state.corrections == 4


def test_what_is_not_to_be_followed_stays() -> None:
    centres = {1: (100.5, 80.5), 2: (200.5, 80.5), 3: (50.5, 50.5)}
    away = {bead_id: (x_px + 3, y_px) for bead_id, (x_px, y_px) in centres.items()}
    lock = lock_of(exclude=[1])
    lock.follow(2, False)
    assert [move.bead_id for move in looked(lock, away, centres).moves] == [3]
    lock.follow(1, True)
    assert sorted(move.bead_id for move in looked(lock, away, centres).moves) == [1, 3]
    assert not looked(lock_of(), away, centres, quality=0.1).moves
    assert len(looked(lock_of(), away, centres, quality=-1.0).moves) == 3
    # A bead that is seen in few frames only is not believed.
    seldom = np.concatenate([tracks({3: away[3]}, 0, 3), tracks({1: centres[1]}, 3, 7)])
    assert not lock_of().look(seldom, centres, SIZE).moves


def test_a_bead_that_leaves_the_frame_is_followed_to_its_edge() -> None:
    lock, centres = lock_of(max_step_px=20), {0: (20.5, 100.5)}
    centres = moved(looked(lock, {0: (5.0, 100.5)}, centres), centres)
    assert centres[0] == (15.5, 100.5)
    assert not looked(lock, {0: (2.0, 100.5)}, centres).moves


def test_at_the_far_edges_the_last_pixel_of_the_roi_is_the_last_of_the_frame() -> None:
    lock, centres = lock_of(max_step_px=20), {0: (270.5, 170.5)}
    centres = moved(looked(lock, {0: (295.0, 195.0)}, centres), centres)
    assert centres[0] == (SIZE[0] - ROI_PX / 2 - 0.5, SIZE[1] - ROI_PX / 2 - 0.5)


def test_rois_keep_the_distance_that_is_wanted() -> None:
    centres = {1: (100.5, 100.5), 2: (145.5, 100.5)}
    wanted = {1: (104.5, 100.5), 2: (145.5, 100.5)}
    assert looked(lock_of(), wanted, centres).moves
    look = looked(lock_of(min_distance_px=43), wanted, centres)
    assert not look.moves
    assert list(look.held) == [1]


def test_the_newest_frames_count_and_outliers_among_them_do_not() -> None:
    centres = {0: (100.5, 80.5)}
    old, new = tracks({0: (130.5, 80.5)}, 0, 30), tracks({0: (103.5, 80.5)}, 30, 10)
    look = lock_of(window=10).look(np.concatenate([old, new]), centres, SIZE)
    assert [move.x_px for move in look.moves] == [103.5]
    new[:3, COLUMN["x_nm"]] += 1e5
    look = lock_of(window=10).look(np.concatenate([old, new]), centres, SIZE)
    assert [move.x_px for move in look.moves] == [103.5]


def test_rows_without_a_place_do_not_count() -> None:
    """Of ten frames four have no x: the others say where the bead is; of six, nobody knows."""
    for n_lost, n_moves in ((4, 1), (6, 0)):
        rows = tracks({0: (103.5, 80.5)}, 0, 10)
        rows[:n_lost, COLUMN["x_nm"]] = np.nan
        look = lock_of().look(rows, {0: (100.5, 80.5)}, SIZE)
        assert len(look.moves) == n_moves
        assert look.n_beads == n_moves


def test_a_roi_does_not_run_after_its_neighbours_bead() -> None:
    """The tracker of bead 1 has caught bead 2: its ROI comes near, and stops."""
    lock, centres = lock_of(), {1: (100.5, 100.5), 2: (125.5, 100.5)}
    for _ in range(10):
        look = looked(lock, {1: (125.0, 100.5), 2: (125.0, 100.5)}, centres)
        centres = moved(look, centres)
    assert math.dist(centres[1], centres[2]) >= ROI_PX / 2
    assert look.held[1].startswith("the ROI of bead 1 would come within")
    assert "bead 1" in lock.state.reason
    # Away from each other they may always go, however near they are.
    near = {1: (100.5, 100.5), 2: (106.5, 100.5)}
    assert len(looked(lock_of(), {1: (98.5, 100.5), 2: (108.5, 100.5)}, near).moves) == 2


def test_where_two_are_in_each_others_way_the_farthest_goes_first() -> None:
    centres = {1: (100.5, 100.5), 2: (120.5, 100.5)}
    look = looked(lock_of(), {1: (104.5, 100.5), 2: (110.5, 100.5)}, centres)
    assert [(move.bead_id, move.x_px) for move in look.moves] == [(2, 116.5)]
    assert list(look.held) == [1]
    assert [
        move.bead_id for move in looked(lock_of(), {1: (110.5, 100.5), 2: (116.5, 100.5)}, centres).moves
    ] == [1]


_INSIDE = st.tuples(st.integers(0, 268), st.integers(0, 168)).map(lambda at: (at[0] + 15.5, at[1] + 15.5))
_ANYWHERE = st.tuples(st.floats(-50, 350), st.floats(-50, 250))


@settings(max_examples=80, deadline=None)
@given(
    centres=st.lists(_INSIDE, min_size=1, max_size=5),
    looks=st.lists(st.lists(_ANYWHERE, min_size=5, max_size=5), min_size=1, max_size=5),
    max_step_px=st.integers(1, 30),
)
def test_rois_stay_inside_apart_and_take_small_steps(
    centres: list[tuple[float, float]], looks: list[list[tuple[float, float]]], max_step_px: int
) -> None:
    lock = lock_of(max_step_px=max_step_px)
    now: Places = dict(enumerate(centres))
    for places in looks:
        look = looked(lock, dict(zip(now, places, strict=False)), now)
        then = moved(look, now)
        for bead_id, (x_px, y_px) in then.items():
            assert 15.5 <= x_px <= SIZE[0] - 16.5
            assert 15.5 <= y_px <= SIZE[1] - 16.5
            assert max(abs(x_px - now[bead_id][0]), abs(y_px - now[bead_id][1])) <= max_step_px
        for one in then:
            for other in range(one):
                before, after = math.dist(now[one], now[other]), math.dist(then[one], then[other])
                assert after >= min(before, ROI_PX / 2) - 1e-9
        now = then
