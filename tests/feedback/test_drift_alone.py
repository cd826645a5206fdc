"""Beads leave one after the other, and the drift stays what it is; without any it is not known."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from magscope_app.config.feedback import DriftConfig
from magscope_app.feedback.drift import DriftAt, DriftMeter
from magscope_app.feedback.drift_bead import Trend
from magscope_app.feedback.readings import Frame
from tests.feedback.drift_frames import FACTOR, PLACES_NM, frame, meter_at_zero, shifted

NOISE_NM = 3.0
#: Further beads, for those that need more than four.
MORE_NM = {5: (30_000.0, 12_000.0), 6: (9000.0, 41_000.0)}


class Stage:
    """Stands still, and is measured with noise; the last bead of 1 … n may creep."""

    def __init__(self, n_beads: int, window: int, seed: int, **config: object) -> None:
        self._random = np.random.default_rng(seed)
        self._number = 0
        self.meter = DriftMeter(DriftConfig.model_validate({"window": window} | config), FACTOR)
        self.meter.begin(range(1, n_beads + 1))

    def _seen(self, beads: tuple[int, ...], off_nm: dict[int, float]) -> Frame:
        noise = {bead_id: self._random.normal(0, NOISE_NM, 3) for bead_id in beads}
        self._number += 1
        moved = {bead_id: (x + off_nm.get(bead_id, 0.0), y, z) for bead_id, (x, y, z) in noise.items()}
        return shifted(frame(self._number, beads=beads), moved)

    def run(
        self, n_frames: int, beads: tuple[int, ...], off_nm: dict[int, float] | None = None
    ) -> np.ndarray:
        """Return the drift (n, 3) of the frames in which it is known, at the corner."""
        found = [self.meter.take(self._seen(beads, off_nm or {})) for _ in range(n_frames)]
        return np.array([_at_corner(one) for one in found if one is not None])


def _at_corner(found: DriftAt) -> np.ndarray:
    up_nm = float((np.array([9000.0, 4000.0]) - found.centre_nm) @ found.tilt)
    at_corner: np.ndarray = found.drift_nm + np.array([0.0, 0.0, up_nm])
    return at_corner


@pytest.fixture(autouse=True)
def more_beads(monkeypatch: pytest.MonkeyPatch) -> None:
    for bead_id, place in MORE_NM.items():
        monkeypatch.setitem(PLACES_NM, bead_id, place)


@pytest.mark.parametrize("window", [20, 50])
@pytest.mark.parametrize("n_beads", [3, 4, 6])
def test_beads_that_leave_one_after_the_other_leave_the_drift_where_it_is(n_beads: int, window: int) -> None:
    """The last one is alone for long, and then all are back: nothing runs away, and nothing jumps."""
    stage = Stage(n_beads, window, seed=n_beads)
    all_beads = tuple(range(1, n_beads + 1))
    stage.run(3 * window + 60, all_beads)
    parts = [stage.run(window, all_beads)]
    parts += [stage.run(10, all_beads[:left]) for left in range(n_beads - 1, 1, -1)]
    parts += [stage.run(2000, (1,)), stage.run(window, all_beads)]
    assert stage.meter.state.reason == ""
    alone = parts[-2]
    # What is left is what the means over a window and over the first 25 frames cannot know.
    assert np.abs(alone[-500:].mean(axis=0)).max() < 2 * NOISE_NM * (1 / math.sqrt(window) + 1 / 5)
    assert np.abs(np.concatenate(parts)).max() < (3 if window == 50 else 4)
    for before, after in pairwise(parts):
        assert np.abs(after[0] - before[-1]).max() < NOISE_NM


@pytest.mark.parametrize("tilt", [False, True])
def test_few_of_many_that_blink_do_not_wander(tilt: bool) -> None:
    """What they have in common is not learned from themselves, whoever of them is seen."""
    stage = Stage(6, 20, seed=7, tilt=tilt)
    stage.run(150, (1, 2, 3, 4, 5, 6))
    sets = [(1, 2, 3, 4), (1, 2, 3), (2, 3, 4), (1, 3, 4), (1, 2, 3, 4)]
    found = np.concatenate([stage.run(7, sets[k % len(sets)]) for k in range(200)])
    assert np.nanmax(np.abs(found[-500:].mean(axis=0))) < (4 if tilt else 1.5)


def test_a_bead_that_creeps_while_another_is_away_drags_little() -> None:
    """Nothing jumps when it leaves, and nothing is left of it when it is left out."""
    stage = Stage(4, 20, seed=3)
    stage.run(150, (1, 2, 3, 4))
    for number in range(450):
        stage.run(1, (1, 2, 3), {3: 0.1 * number})
    crept = stage.run(100, (1, 2, 3), {3: 45.0})
    assert np.abs(crept.mean(axis=0)).max() < 3
    left = stage.run(100, (1, 2))
    assert np.abs(left.mean(axis=0) - crept[-20:].mean(axis=0)).max() < 2
    stage.run(50, (1, 2, 3), {3: 90.0})
    assert stage.meter.state.bead_ids == (1, 2, 4)
    assert np.abs(stage.run(200, (1, 2, 3), {3: 90.0}).mean(axis=0)).max() < 1.5


def test_without_a_bead_there_is_no_drift_from_the_first_frame_on() -> None:
    """It is said when it lasts; a blink is not worth a word."""
    meter = meter_at_zero((1, 2), window=20)
    for number in range(30, 100):
        found = meter.take(frame(number, (0.5 * number, 0.0, 0.0), beads=(1, 2)))
    for number in range(100, 121):
        assert meter.state.reason == ""
        found = meter.take(frame(number, beads=()))
        assert found is not None
        assert np.isnan(found.drift_nm).all()
        assert found.n_beads == 0
        assert math.isnan(meter.state.error_nm)
    assert "no reference bead that can be believed is seen" in meter.state.reason
    found = meter.take(frame(121, (60.0, 0.0, 0.0), beads=(1, 2)))
    assert found is not None
    assert found.drift_nm[0] == pytest.approx(60.0)
    assert meter.state.reason == ""


def test_frames_before_the_first_bead_are_no_drift() -> None:
    meter = DriftMeter(DriftConfig(window=20), FACTOR)
    meter.begin((1, 2))
    for number in range(60):
        found = meter.take(frame(number, beads=() if number < 10 else (1, 2)))
        assert (found is None) == (number < 35)


def test_the_centre_is_of_beads_seen_in_the_last_window() -> None:
    meter = meter_at_zero((1, 2), window=20)
    both = np.mean([PLACES_NM[1], PLACES_NM[2]], axis=0)
    for number in range(30, 80):
        found = meter.take(frame(number, beads=(1, 2) if number < 50 else (1,)))
        assert found is not None
        np.testing.assert_allclose(found.centre_nm, both if number < 70 else PLACES_NM[1])


def test_after_other_zluts_z_is_said_to_be_an_estimate() -> None:
    meter = meter_at_zero((1, 2), window=20)
    meter.relearn()
    for number in range(30, 100):
        meter.take(frame(number, beads=(1, 2)))
    assert "z goes on from an estimate since other Z-LUTs are used" in meter.state.reason
    meter.begin((1, 2))
    assert meter.state.reason == ""
    # Nothing was measured yet: z begins with the new ones, and is no estimate.
    meter.relearn()
    assert meter.state.reason == ""


@pytest.mark.parametrize(("times", "is_certain"), [(2.0, False), (4.0, True)])
def test_a_speed_counts_if_it_is_certain_and_not_for_ever(times: float, is_certain: bool) -> None:
    """So many times its uncertainty; after five times as long as it was measured the height stays."""
    t_s = 0.01 * np.arange(100)
    late_s = t_s - t_s.mean()
    noise = np.random.default_rng(1).normal(0, 3, 100)
    noise -= noise.mean() + late_s * (late_s @ noise) / (late_s @ late_s)
    speed = times * math.sqrt(noise @ noise / 98 / (late_s @ late_s))
    trend = Trend(100)
    for at_s, value in zip(t_s, 7 + speed * late_s + noise, strict=True):
        trend.add(1e9 * at_s, value)
    ahead = speed * (3 - t_s.mean()) if is_certain else 0.0
    assert trend.at(3e9, math.nan) == pytest.approx(7 + ahead)
    farthest = speed * (6 * t_s[-1] - t_s.mean()) if is_certain else 0.0
    assert trend.at(1e12, math.nan) == pytest.approx(7 + farthest)
