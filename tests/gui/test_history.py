"""The last minute of every bead."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from gui.models.history import TraceHistory
from magscope_app.datatypes import TRACKS_COLUMNS


def rows(first_frame: int, n_frames: int, beads: list[int], *, fps: float = 100.0) -> npt.NDArray[np.float64]:
    """x is 1000 · bead + frame, y its negative, z the bead."""
    frames = np.repeat(np.arange(first_frame, first_frame + n_frames), len(beads)).astype(float)
    ids = np.tile(np.array(beads, float), n_frames)
    made = np.zeros((len(frames), len(TRACKS_COLUMNS)))
    made[:, 0], made[:, 1], made[:, 5] = frames, frames / fps * 1e9, ids
    made[:, 2], made[:, 3], made[:, 4] = 1000 * ids + frames, -(1000 * ids + frames), ids
    return made


def test_each_bead_has_its_own_trace() -> None:
    history = TraceHistory(60.0)
    history.add(rows(0, 300, [2, 5]))
    trace = history.trace(5)
    np.testing.assert_array_equal(trace.x_nm, 5000 + np.arange(300))
    np.testing.assert_array_equal(trace.y_nm, -trace.x_nm)
    np.testing.assert_allclose(trace.t_s, np.arange(300) / 100)
    assert len(history.trace(3).t_s) == 0


def test_a_frame_that_comes_in_two_pieces_is_one_moment() -> None:
    history = TraceHistory(60.0)
    whole = rows(0, 20, [1, 2, 3])
    for start in range(0, len(whole), 7):
        history.add(whole[start : start + 7])
    for bead in (1, 2, 3):
        np.testing.assert_array_equal(history.trace(bead).x_nm, 1000 * bead + np.arange(20))


def test_only_the_last_seconds_are_kept_however_long_it_runs() -> None:
    history = TraceHistory(2.0)
    for start in range(0, 3000, 500):
        history.add(rows(start, 500, [0]))
    trace = history.trace(0)
    assert trace.t_s[-1] == pytest.approx(29.99)
    assert trace.t_s[0] > 27.98
    assert len(trace.t_s) == 200


def test_memory_is_bounded_by_leaving_out_frames_evenly() -> None:
    history = TraceHistory(60.0)
    beads = list(range(1000))
    for start in range(0, 400, 50):
        history.add(rows(start, 50, beads))
    trace = history.trace(999)
    steps = np.diff(trace.t_s)
    assert 0.029 < steps.min() <= steps.max() < 0.041
    np.testing.assert_allclose(trace.x_nm, 999000 + trace.t_s * 100, atol=0.1)


def test_a_bead_that_is_not_tracked_leaves_a_gap() -> None:
    history = TraceHistory(60.0)
    history.add(rows(0, 10, [1, 2]))
    history.add(rows(10, 10, [1]))
    history.add(rows(20, 10, [1, 2]))
    gap = np.isnan(history.trace(2).x_nm)
    assert gap.tolist() == [False] * 10 + [True] * 10 + [False] * 10


def test_removed_beads_are_forgotten_and_their_place_is_used_again() -> None:
    history = TraceHistory(60.0)
    history.add(rows(0, 10, [1, 2]))
    history.keep_only({2})
    assert len(history.trace(1).t_s) == 0
    history.add(rows(10, 10, [2, 3]))
    assert np.isnan(history.trace(3).x_nm[:10]).all()
    np.testing.assert_array_equal(history.trace(3).x_nm[10:], 3000 + np.arange(10, 20))
    assert history.latest()[:, 5].tolist() == [2, 3]


def test_frames_without_beads_move_time_on() -> None:
    history = TraceHistory(60.0)
    empty = np.full((1, len(TRACKS_COLUMNS)), np.nan)
    empty[0, [0, 1, 5]] = 7, 5e9, -1
    history.add(empty)
    assert history.newest_t_s == 5.0
    assert len(history.latest()) == 0
