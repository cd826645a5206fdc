"""Drift counts every bead from where it was at first, whoever was away meanwhile, and most beads decide."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from magscope_app.config.feedback import DriftConfig
from magscope_app.feedback.drift import DriftAt, DriftMeter
from tests.feedback.drift_frames import FACTOR, PLACES_NM, frame, meter_at_zero, shifted

Off = dict[int, tuple[float, float, float]]
CORNER_NM = np.array([9000.0, 4000.0])
TILT = np.array([3e-4, -4e-4])


def begun(bead_ids: tuple[int, ...], **config: object) -> DriftMeter:
    meter = DriftMeter(DriftConfig.model_validate({"window": 20} | config), FACTOR)
    meter.begin(bead_ids)
    return meter


def stage(number: int) -> tuple[float, float, float]:
    """50 nm/s in x, 5 nm/s in z at 100 fps."""
    return 0.5 * number, 0.0, 0.05 * number


def run(
    meter: DriftMeter,
    numbers: range,
    beads: tuple[int, ...],
    off_nm: Off | None = None,
    tilt: tuple[float, float] = (0.0, 0.0),
) -> DriftAt | None:
    found = None
    for number in numbers:
        found = meter.take(shifted(frame(number, stage(number), tilt=tilt, beads=beads), off_nm or {}))
    return found


def wrong_nm(found: DriftAt | None, late: float = 9.5, tilt: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Return how far the drift (3,) at the corner is from the truth; it is late by half a window."""
    assert found is not None
    # What was learned in the first 25 frames counts from their middle.
    truth = np.array(stage(found.frame_id)) - (np.array(stage(1)) - stage(0)) * (late + 12)
    at_corner = found.drift_nm + np.array([0.0, 0.0, (CORNER_NM - found.centre_nm) @ found.tilt])
    wrong: np.ndarray = at_corner - truth - np.array([0.0, 0.0, CORNER_NM @ tilt])
    return wrong


@pytest.mark.parametrize("others", [(1,), (1, 3)], ids=["one", "two"])
def test_a_bead_that_is_back_alone_counts_from_where_it_was(others: tuple[int, ...]) -> None:
    """While nobody is seen the drift is not known, and the state says so."""
    meter = begun((*others, 2))
    run(meter, range(200), (*others, 2))
    run(meter, range(200, 300), (2,))
    found = run(meter, range(300, 400), ())
    assert found is not None
    assert found.n_beads == 0
    assert np.isnan(found.drift_nm).all()
    assert meter.state.stage == "on"
    assert math.isnan(meter.state.error_nm)
    assert "no reference bead that can be believed is seen" in meter.state.reason
    found = run(meter, range(400, 450), others)
    np.testing.assert_allclose(wrong_nm(found), 0.0, atol=1e-6)
    assert found is not None
    assert found.n_beads == len(others)
    assert meter.state.reason == ""
    assert meter.state.error_nm > 100


def test_a_bead_that_is_new_when_nobody_is_there_says_nothing() -> None:
    """What happened meanwhile is not known, until one is back that was there before."""
    meter = begun((1, 2))
    run(meter, range(100), (1,))
    run(meter, range(100, 200), ())
    found = run(meter, range(200, 260), (2,))
    assert found is not None
    assert np.isnan(found.drift_nm).all()
    assert "the drift is not known" in meter.state.reason
    run(meter, range(260, 300), (1, 2))
    found = run(meter, range(300, 350), (2,))
    np.testing.assert_allclose(wrong_nm(found), 0.0, atol=1e-6)


def test_two_that_contradict_each_other_when_one_is_back() -> None:
    """One was alone and came loose: nobody can tell which, until one is taken off the list."""
    meter = begun((1, 2))
    run(meter, range(200), (1, 2))
    run(meter, range(200, 300), (2,))
    off: Off = {2: (200.0, 0.0, 0.0)}
    run(meter, range(300, 400), (2,), off)
    found = run(meter, range(400, 500), (1, 2), off)
    assert found is not None
    assert np.isnan(found.drift_nm).all()
    assert "1 and 2 have moved 200 nm against each other" in meter.state.reason
    meter.forget({2})
    found = run(meter, range(500, 550), (1,), off)
    np.testing.assert_allclose(wrong_nm(found), 0.0, atol=1e-6)
    assert meter.state.reason == ""


@pytest.mark.parametrize("tilt", [False, True])
@pytest.mark.parametrize("off_nm", [(200.0, 0.0, 0.0), (0.0, 0.0, 100.0)], ids=["x", "z"])
@pytest.mark.parametrize(("others", "away"), [((1, 3), 100), ((1, 3, 4), 25)], ids=["long", "short"])
def test_most_beads_decide_when_they_are_back(
    others: tuple[int, ...], away: int, off_nm: tuple[float, float, float], tilt: bool
) -> None:
    """One came loose while it was alone: the drift is right again, and who is left out is said."""
    meter = begun((*others, 2), tilt=tilt)
    run(meter, range(200), (*others, 2))
    run(meter, range(200, 200 + away // 2), (2,))
    run(meter, range(200 + away // 2, 200 + away), (2,), {2: off_nm})
    run(meter, range(200 + away, 220 + away), (*others, 2), {2: off_nm})
    for number in range(220 + away, 400 + away):
        found = run(meter, range(number, number + 1), (*others, 2), {2: off_nm})
        np.testing.assert_allclose(wrong_nm(found), 0.0, atol=1e-6)
        assert meter.state.reason.startswith(f"bead 2 has moved {max(off_nm):.0f} nm against the others")
    assert meter.state.bead_ids == others


def test_who_is_left_out_counts_again_when_it_agrees() -> None:
    """It was elsewhere for a moment, as when the tracker saw another bead, and is back where it was."""
    meter = meter_at_zero((1, 2, 3), window=20)
    for number in range(30, 80):
        meter.take(shifted(frame(number, beads=(1, 2, 3)), {2: (0.0, 90.0, 0.0)}))
    assert meter.state.bead_ids == (1, 3)
    meter.take(frame(80, beads=(1, 2, 3)))
    assert meter.state.bead_ids == (1, 3)
    for number in range(81, 105):
        found = meter.take(frame(number, beads=(1, 2, 3)))
    assert found is not None
    assert found.n_beads == 3
    assert meter.state.reason == ""


@pytest.mark.parametrize("beads", [(1, 2, 3, 4), (1, 2, 3, 4, 5)])
def test_those_that_outvoted_others_are_outvoted(
    beads: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two came loose together while the others were away but one: most are right again when they are back."""
    monkeypatch.setitem(PLACES_NM, 5, (30_000.0, 12_000.0))
    meter = begun(beads)
    for number in range(30):
        meter.take(frame(number, beads=beads))
    off: Off = {1: (200.0, 0.0, 0.0), 2: (200.0, 0.0, 0.0)}
    for number in range(30, 80):
        found = meter.take(shifted(frame(number, beads=(1, 2, 3)), off))
    assert meter.state.bead_ids == tuple(bead_id for bead_id in beads if bead_id != 3)
    for number in range(80, 200):
        found = meter.take(shifted(frame(number, beads=beads), off))
    assert found is not None
    if len(beads) == 4:
        # Two against two: the bead that is left out makes no majority.
        assert meter.state.reason.startswith("bead 3 has moved")
        return
    np.testing.assert_allclose(found.drift_nm, 0.0, atol=1e-6)
    assert meter.state.bead_ids == (3, 4, 5)


@pytest.mark.parametrize("slow", [1, 10])
def test_a_bead_that_creeps_drags_little_and_nothing_when_it_is_left_out(slow: int) -> None:
    meter = meter_at_zero((1, 2, 3), window=20)
    dragged = []
    for number in range(30, 30 + 60 * slow):
        off: Off = {2: ((number - 30) / slow, 0.0, 0.0)}
        found = meter.take(shifted(frame(number, beads=(1, 2, 3)), off))
        assert found is not None
        dragged.append(found.drift_nm[0])
    # A mean would follow by 16.7 nm.
    assert 1.0 < max(dragged) < 2.1
    for number in range(700, 800):
        found = meter.take(shifted(frame(number, beads=(1, 2, 3)), {2: (90.0, 0.0, 0.0)}))
    assert found is not None
    np.testing.assert_allclose(found.drift_nm, 0.0, atol=1e-6)
    assert meter.state.reason.startswith("bead 2 has moved")


@pytest.mark.parametrize("tilt", [False, True])
def test_drift_goes_on_when_one_of_two_is_taken_off(tilt: bool) -> None:
    """One of them has moved by itself: nobody knows which, and nothing jumps."""
    meter = meter_at_zero((1, 2), window=20, tilt=tilt)
    for number in range(30, 200):
        found = meter.take(shifted(frame(number, beads=(1, 2)), {2: (40.0, 0.0, 30.0)}))
    meter.forget({2})
    for number in range(200, 300):
        found = meter.take(shifted(frame(number, beads=(1, 2)), {2: (40.0, 0.0, 30.0)}))
        assert found is not None
        np.testing.assert_allclose(found.drift_nm, (20.0, 0.0, 15.0), atol=1e-6)
    assert found is not None
    assert found.n_beads == 1


@pytest.mark.parametrize("beads", [(1, 2, 3), (1, 2, 3, 4)])
def test_the_height_is_right_again_after_a_tilt_that_was_not_seen(beads: tuple[int, ...]) -> None:
    meter = begun(beads, tilt=True)
    run(meter, range(100), beads)
    run(meter, range(100, 120), (2, 3))
    for number in range(120, 181):
        run(meter, range(number, number + 1), (2, 3), tilt=tuple(TILT * (number - 120) / 60))
    run(meter, range(181, 220), (2, 3), tilt=tuple(TILT))
    run(meter, range(220, 240), (1, 2, 3), tilt=tuple(TILT))
    found = run(meter, range(240, 300), (1, 2, 3), tilt=tuple(TILT))
    assert found is not None
    np.testing.assert_allclose(found.tilt, TILT, atol=1e-9)
    np.testing.assert_allclose(wrong_nm(found, tilt=tuple(TILT)), 0.0, atol=0.01)


def test_beads_that_all_were_seen_do_not_become_a_tilt() -> None:
    """Two of four have come loose upwards at once: that is a disagreement, also after long."""
    meter = meter_at_zero((1, 2, 3, 4), window=20, tilt=True)
    for number in range(30, 150):
        found = meter.take(shifted(frame(number), {1: (0.0, 0.0, 200.0), 2: (0.0, 0.0, 200.0)}))
    assert found is not None
    assert np.isnan(found.drift_nm).all()
    assert "the drift is not known" in meter.state.reason


@pytest.mark.parametrize("n_beads", [4, 5])
def test_a_large_tilt_of_few_beads_is_said(n_beads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLACES_NM, 5, (30_000.0, 12_000.0))
    beads = tuple(range(1, n_beads + 1))
    meter = begun(beads, tilt=True)
    run(meter, range(50), beads)
    for number in range(50, 250):
        run(meter, range(number, number + 1), beads, tilt=(1e-5 * (number - 50), 0.0))
        if number == 150:
            assert meter.state.reason == ""
    assert ("one that moves in z looks the same" in meter.state.reason) == (n_beads == 4)


def test_a_bead_that_comes_while_the_first_is_learned() -> None:
    """Both count from the same moment, though the stage moves."""
    meter = begun((1, 2))
    run(meter, range(10), (1,))
    np.testing.assert_allclose(wrong_nm(run(meter, range(10, 100), (1, 2))), 0.0, atol=1e-6)
    np.testing.assert_allclose(wrong_nm(run(meter, range(100, 200), (2,))), 0.0, atol=1e-6)


def test_a_bead_that_is_new_on_a_tilted_stage() -> None:
    """Where it was before the tilt is known from the plane: those that stay with it say the same."""
    meter = begun((1, 2, 3, 4), tilt=True)
    run(meter, range(50), (1, 2, 3))
    for number in range(50, 110):
        run(meter, range(number, number + 1), (1, 2, 3), tilt=tuple(TILT * (number - 50) / 60))
    run(meter, range(110, 200), (1, 2, 3, 4), tilt=tuple(TILT))
    found = run(meter, range(200, 260), (2, 3, 4), tilt=tuple(TILT))
    assert found is not None
    np.testing.assert_allclose(found.tilt, TILT, atol=1e-9)
    np.testing.assert_allclose(wrong_nm(found, tilt=tuple(TILT)), 0.0, atol=0.01)
    # The centre is that of the beads that are there.
    np.testing.assert_allclose(found.centre_nm, np.mean([PLACES_NM[k] for k in (2, 3, 4)], axis=0), atol=100)


def test_frames_without_a_height_do_not_bend_the_plane() -> None:
    """Height and tilt are means over the same frames, while the stage tilts on."""
    meter = meter_at_zero((1, 2, 3), window=20, tilt=True)
    for number in range(30, 201):
        seen = frame(number, tilt=tuple(1e-2 * TILT * (number - 30)), beads=(1, 2, 3))
        found = meter.take(seen if number < 191 or number == 200 else replace(seen, focus_nm=math.nan))
        assert found is not None
        # In a frame without a height there is none, not even for a moment.
        assert math.isnan(found.drift_nm[2]) == (191 <= number < 200)
    assert found is not None
    middle = np.mean([*range(181, 191), 200]) - 30
    np.testing.assert_allclose(found.tilt, 1e-2 * TILT * middle, atol=1e-9)
    np.testing.assert_allclose(found.drift_nm[2], found.centre_nm @ found.tilt, atol=1e-6)


def test_without_a_zlut_x_and_y_are_known() -> None:
    meter = begun((1, 2))
    for number in range(60):
        seen = frame(number, (7.0 if number > 30 else 0.0, 0.0, 0.0), beads=(1, 2), quality=-1.0)
        found = meter.take(replace(seen, beads={k: replace(b, z_nm=math.nan) for k, b in seen.beads.items()}))
    assert found is not None
    np.testing.assert_allclose(found.drift_nm, (7.0, 0.0, math.nan))


def test_where_a_bead_was_is_a_mean_of_many_frames() -> None:
    """In every other frame it is seen 10 nm to the left, else to the right."""
    meter = begun((1,))
    for number in range(100):
        found = meter.take(shifted(frame(number, beads=(1,)), {1: (10.0 * (-1) ** number, 0.0, 0.0)}))
    assert found is not None
    assert abs(found.drift_nm[0]) < 0.5


def test_beads_on_one_line_give_no_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.3 µm off a line of 40 µm, one of them up by 20 nm would be a tilt of several per cent."""
    for bead_id, x_nm, y_nm in ((1, 1000.0, 5000.0), (2, 21_000.0, 5600.0), (3, 41_000.0, 5000.0)):
        monkeypatch.setitem(PLACES_NM, bead_id, (x_nm, y_nm))
    meter = meter_at_zero((1, 2, 3), tilt=True)
    for number in range(30, 60):
        found = meter.take(shifted(frame(number, beads=(1, 2, 3)), {2: (0.0, 0.0, 20.0)}))
    assert found is not None
    np.testing.assert_array_equal(found.tilt, 0.0)


def test_noise_has_no_speed() -> None:
    """Other Z-LUTs after a long pause: the stage stood still, and its height goes on where it was."""
    meter = meter_at_zero((1,), window=20)
    noise_nm = np.random.default_rng(5).normal(0, 3, 4000)
    for number in range(30, 4000):
        meter.pause(130 <= number < 3000)
        if number == 3000:
            meter.relearn()
        found = meter.take(shifted(frame(number, beads=(1,)), {1: (0.0, 0.0, float(noise_nm[number]))}))
    assert found is not None
    assert abs(found.drift_nm[2]) < 3
