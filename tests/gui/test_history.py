"""The last minute of every bead."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pytest

from gui.models.analysed import allan_of, spectra_of
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


def at(*bead_ids: int) -> dict[int, tuple[float, float]]:
    """ROIs of beads that stand in a row."""
    return {bead_id: (50.0 * bead_id, 10.0) for bead_id in bead_ids}


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


@pytest.mark.parametrize(("fps", "n_beads"), [(100.0, 300), (200.0, 1), (1000.0, 20)])
def test_what_is_analysed_has_every_frame(fps: float, n_beads: int) -> None:
    history = TraceHistory(60.0)
    beads = list(range(n_beads))
    for start in range(0, 3000, 300):
        history.add(rows(start, 300, beads, fps=fps))
    trace = history.every_frame(n_beads - 1)
    assert trace.frame_ids.tolist() == list(range(3000))
    np.testing.assert_array_equal(trace.x_nm, 1000 * (n_beads - 1) + np.arange(3000))


def test_memory_of_every_frame_is_bounded_too() -> None:
    history = TraceHistory(60.0)
    beads = list(range(1500))
    for start in range(0, 2400, 100):
        history.add(rows(start, 100, beads))
    assert history.every_frame(0).frame_ids.tolist() == list(range(2400 - 2048, 2400))


@pytest.mark.parametrize("fps", [100.0, 130.0, 200.0, 1000.0])
@pytest.mark.parametrize("jitter_s", [0.0, 5e-4])
def test_noise_and_corner_are_those_of_the_bead_at_any_rate(fps: float, jitter_s: float) -> None:
    rng = np.random.default_rng(2)
    n = int(40 * fps)
    made = rows(0, n, [0], fps=fps)
    made[:, 1] = np.sort(made[:, 1] + rng.normal(0, jitter_s * 1e9, n))
    decay = np.exp(-2 * np.pi * 8.0 / fps)
    kicks = rng.normal(0, 10 * np.sqrt(1 - decay**2), n)
    for index in range(1, n):
        kicks[index] += decay * kicks[index - 1]
    made[:, 2], made[:, 3] = kicks, rng.normal(0, 2.0, n)
    history = TraceHistory(60.0)
    for start in range(0, n, 500):
        history.add(made[start : start + 500])
    white = allan_of(history.every_frame(0))["y"]
    assert white.x[0] == pytest.approx(1 / fps, rel=1e-3)
    near = int(np.argmin(abs(white.x - 0.1)))
    assert white.y[near] == pytest.approx(2.0 / np.sqrt(white.x[near] * fps), rel=0.08)
    found = re.fullmatch(r"corner ([\d.]+) ± ([\d.]+) Hz", spectra_of(history.every_frame(0), 0.0)["x"].said)
    assert found is not None
    corner_hz, sd_hz = map(float, found.groups())
    assert abs(corner_hz - 8.0) < 2.5 * sd_hz < 2.5


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
    history.keep_only(at(2, 3))
    assert len(history.trace(1).t_s) == 0
    history.add(rows(10, 10, [2, 3]))
    assert np.isnan(history.trace(3).x_nm[:10]).all()
    np.testing.assert_array_equal(history.trace(3).x_nm[10:], 3000 + np.arange(10, 20))
    assert history.latest()[:, 5].tolist() == [2, 3]


def test_late_rows_of_a_removed_bead_do_not_bring_it_back() -> None:
    history = TraceHistory(60.0)
    history.add(rows(0, 10, [0, 1, 2]))
    history.keep_only(at(0, 1))
    for first in (10, 20):
        history.add(rows(first, 10, [0, 1, 2] if first == 10 else [0, 1]))
        assert history.latest()[:, 5].tolist() == [0, 1]
        assert len(history.trace(2).t_s) == 0
    history.keep_only({})
    history.add(rows(30, 10, [0, 1]))
    assert len(history.latest()) == 0
    assert history.newest_t_s == 0.39


@pytest.mark.parametrize("others", [0, 14, 15, 30])
def test_a_bead_that_is_brought_back_has_its_past_with_a_gap(others: int) -> None:
    history = TraceHistory(60.0)
    history.keep_only(at(0, 1))
    history.add(rows(0, 10, [0, 1]))
    history.keep_only(at(0))
    history.add(rows(10, 10, [0, 1]))
    fresh = range(2, 2 + others)
    history.keep_only(at(0, *fresh))
    history.add(rows(20, 10, [0, *fresh]))
    history.keep_only(at(0, 1))
    history.add(rows(30, 10, [0, 1]))
    for trace in (history.trace(1), history.every_frame(1)):
        # Where many others came meanwhile, its place was needed.
        past = [] if others > 14 else [*range(10)]
        expected = np.full(len(trace.t_s), np.nan)
        expected[[*past, *range(len(expected) - 10, len(expected))]] = [
            1000.0 + i for i in (*past, *range(30, 40))
        ]
        np.testing.assert_array_equal(trace.x_nm, expected)
    assert history.latest()[:, 5].tolist() == [0, 1]


def test_the_id_of_a_removed_bead_given_to_another_one_brings_no_past_and_no_late_rows() -> None:
    history = TraceHistory(60.0)
    history.keep_only({0: (0.0, 0.0), 1: (0.0, 0.0)})
    history.add(rows(0, 10, [0, 1]))
    history.keep_only({0: (0.0, 0.0)})
    history.keep_only({0: (0.0, 0.0), 1: (50.0, 0.0)})
    fresh = rows(14, 6, [0, 1])
    fresh[1::2, 6] = 50.0
    history.add(np.concatenate((rows(10, 4, [0, 1]), fresh)))
    for trace in (history.trace(1), history.every_frame(1)):
        assert np.isnan(trace.x_nm[:14]).all()
        np.testing.assert_array_equal(trace.x_nm[14:], 1000 + np.arange(14, 20))


def test_a_bead_that_is_gone_for_longer_than_the_memory_has_no_past() -> None:
    history = TraceHistory(1.0)
    history.keep_only(at(0, 1))
    history.add(rows(0, 10, [0, 1]))
    history.keep_only(at(0))
    history.add(rows(10, 200, [0]))
    history.keep_only(at(0))
    history.keep_only(at(0, 1))
    assert len(history.trace(1).t_s) == 0
    assert history.latest()[:, 5].tolist() == [0]


@pytest.mark.parametrize("n_frames", range(64, 81))
def test_every_stretch_that_is_long_enough_is_analysed(n_frames: int) -> None:
    made = rows(0, n_frames, [0])
    made[:, 2:5] = np.random.default_rng(n_frames).normal(size=(n_frames, 3))
    history = TraceHistory(60.0)
    history.add(made)
    assert set(allan_of(history.every_frame(0))) == {"x", "y", "z"}
    found = spectra_of(history.every_frame(0))
    assert {axis: len(part.y) > 0 for axis, part in found.items()} == dict.fromkeys("xyz", True)
    assert found["x"].said.startswith("no corner (")


def test_an_id_of_another_bead_begins_anew_with_the_first_row_of_that_bead() -> None:
    history = TraceHistory(60.0)
    history.add(rows(0, 10, [1, 2]))
    history.begin_anew(1, (0.0, 0.0), (50.0, 0.0))
    late, fresh = rows(10, 4, [1, 2]), rows(14, 6, [1, 2])
    fresh[::2, 6] = 49.0
    history.add(late[:4])
    history.add(np.concatenate((late[4:], fresh)))
    for trace in (history.trace(1), history.every_frame(1)):
        assert np.isnan(trace.x_nm[:14]).all()
        np.testing.assert_array_equal(trace.x_nm[14:], 1000 + np.arange(14, 20))
    np.testing.assert_array_equal(history.trace(2).x_nm, 2000 + np.arange(20))


def test_frames_without_beads_move_time_on() -> None:
    history = TraceHistory(60.0)
    empty = np.full((1, len(TRACKS_COLUMNS)), np.nan)
    empty[0, [0, 1, 5]] = 7, 5e9, -1
    history.add(empty)
    assert history.newest_t_s == 5.0
    assert len(history.latest()) == 0
